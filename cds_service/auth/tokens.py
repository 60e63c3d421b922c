"""Read a bearer token strictly, without trusting it: three parts, each name said once, only what is known.

Source: RFC 6750 section 2.1, RFC 7515 sections 3 and 4, RFC 7519 section 4.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from cds_service.auth.policy import TrustedClient
from cds_service.json_text.members import Repeated, members_of

#: Why a token was refused: for the operator's log, never for the caller.
Reason = Literal[
    "no-token",
    "malformed",
    "issuer",
    "header",
    "algorithm",
    "key-address",
    "unknown-key",
    "signature",
    "time",
    "life",
    "audience",
    "tenant",
    "token-id",
    "used-before",
]

_LONGEST_TOKEN = 16_384
_LONGEST_NAME = 255
_MOST_AUDIENCES = 20
_LATEST_INSTANT = 253_402_300_799  # 9999-12-31T23:59:59Z
#: Seconds by which the clocks of client and service may differ.
SKEW_SECONDS = 60
_BEARER = re.compile(r"bearer ([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE | re.ASCII)
#: Header members by which a token brings its own key, changes how it is read or asks for more than we know.
FORBIDDEN_MEMBERS = frozenset({"b64", "crit", "enc", "jwk", "x5c", "x5u", "zip"})


class Refused(Exception):
    """A token is not accepted; the reason is for the log."""

    def __init__(self, reason: Reason) -> None:
        """Keep the reason."""
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was sent: its text, its header, and its claims, which nobody has verified yet."""

    text: str
    header: dict[str, Any]
    claims: dict[str, Any]

    def __repr__(self) -> str:
        """Show nothing: tokens are never logged."""
        return "Token(...)"


def read_token(authorization: str) -> Token:
    """Return the token of an ``Authorization`` header; nothing of it is verified.

    Raises:
        Refused: No bearer token, or one that is not exactly three parts of strict base64url and JSON.
    """
    if not authorization:
        raise Refused("no-token")
    found = _BEARER.fullmatch(authorization) if len(authorization) <= _LONGEST_TOKEN else None
    if found is None:
        raise Refused("malformed")
    header, claims, signature = found.group(1).split(".")
    _bytes_of(signature)
    return Token(found.group(1), members_of_part(_bytes_of(header)), members_of_part(_bytes_of(claims)))


def members_of_part(data: bytes) -> dict[str, Any]:
    """Return the members of a JSON object with their values. Raises Refused for anything else."""
    try:
        return {name: msgspec.json.decode(value) for name, value in members_of(data).items()}
    except (Repeated, ValueError, RecursionError):
        raise Refused("malformed") from None


def _bytes_of(part: str) -> bytes:
    """Decode base64url; only the one canonical spelling of the bytes is taken."""
    try:
        data = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        raise Refused("malformed") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != part.encode():
        raise Refused("malformed")
    return data


def check_header(header: dict[str, Any], client: TrustedClient) -> None:
    """Check that the header asks for nothing but a known algorithm and key. Raises Refused."""
    kind, kid = header.get("typ"), header.get("kid")
    if (
        FORBIDDEN_MEMBERS & header.keys()
        or not isinstance(kind, str)
        or kind.upper() != "JWT"
        or not _is_name(kid)
    ):
        raise Refused("header")
    if header.get("alg") not in client.algorithms:
        raise Refused("algorithm")
    if "jku" in header and (not client.jwks_url or header["jku"] != client.jwks_url):
        raise Refused("key-address")


def check_claims(claims: dict[str, Any], client: TrustedClient, audience: str, now: int) -> str:
    """Check verified claims against the client, the address that is called and the clock.

    Return the tenant they name, empty when they name none.

    Args:
        claims: Claims under a verified signature.
        client: Whose token it is.
        audience: Address of the endpoint that is called, letter by letter.
        now: Seconds since 1970 UTC.

    Raises:
        Refused: The first thing that is wrong.
    """
    _check_times(claims, client, now)
    if not _is_for(claims.get("aud"), audience):
        raise Refused("audience")
    tenant = tenant_of(claims, client)
    if not _is_name(claims.get("jti")):
        raise Refused("token-id")
    return tenant


def tenant_of(claims: Mapping[str, Any], client: TrustedClient) -> str:
    """Return the tenant of a client that claims name, empty when none. Raises Refused.

    It tells apart whose patients are meant, so it is one text: nothing that could be read in two ways.
    """
    tenant = claims.get("tenant")
    is_fine = tenant in client.tenants if client.tenants else tenant in (None, "") or _is_name(tenant)
    if not is_fine:
        raise Refused("tenant")
    return tenant or ""


def _check_times(claims: dict[str, Any], client: TrustedClient, now: int) -> None:
    """CDS Hooks wants whole numbers of seconds; ``nbf`` is optional and holds where it stands."""
    expires, issued = _instant(claims.get("exp")), _instant(claims.get("iat"))
    starts = _instant(claims.get("nbf", issued))
    if expires <= now - SKEW_SECONDS or max(issued, starts) > now + SKEW_SECONDS:
        raise Refused("time")
    if not 0 < expires - issued <= client.max_life_seconds:
        raise Refused("life")


def _instant(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _LATEST_INSTANT:
        raise Refused("time")
    return value


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def _is_for(claimed: Any, audience: str) -> bool:
    listed = [claimed] if isinstance(claimed, str) else claimed
    if not isinstance(listed, list) or len(listed) > _MOST_AUDIENCES:
        return False
    return all(isinstance(item, str) for item in listed) and audience in listed
