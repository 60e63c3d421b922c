"""Verify a token: from the header of a request to the caller it comes from, or a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jwt

from cds_service.auth.keys import Keys
from cds_service.auth.policy import Clients, TrustedClient
from cds_service.auth.tokens import (
    SKEW_SECONDS,
    Refused,
    check_claims,
    check_header,
    members_of_part,
    read_token,
)

#: Returns the bytes at an address; raises OSError or CdsError.
Fetch = Callable[[str], bytes]
#: Takes issuer, jti, until when to remember, and now; returns whether this is its
#: first use; raises StoreError.
Spend = Callable[[str, str, int, int], bool]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the issuer of a verified token and the tenant it names (empty: none).

    Both are empty where nobody is asked who they are. Patients of equal id differ by caller.
    """

    issuer: str = ""
    tenant: str = ""


class Verifier:
    """Verifies the tokens of trusted clients; safe to share between threads."""

    def __init__(self, clients: Clients, spend: Spend, fetch: Fetch) -> None:
        """Remember who is trusted; keys are read when the first token of a client comes."""
        self._clients = {client.issuer: client for client in clients}
        self._keys = {client.issuer: Keys(loader_of(client, fetch)) for client in clients}
        self._spend = spend

    def verify(self, authorization: str, audience: str, now: int) -> Caller:
        """Return who sends a token; the token is spent by that.

        Nothing is fetched before the issuer is known and the header is in order.

        Args:
            authorization: The header ``Authorization``; empty when there is none.
            audience: Address of the endpoint that is called.
            now: Seconds since 1970 UTC.

        Raises:
            Refused: The token is not accepted.
            StoreError: Whether it was used before cannot be told.
        """
        token = read_token(authorization)
        client = self._client_of(token.claims)
        check_header(token.header, client)
        key = self._keys[client.issuer].find(token.header["kid"], token.header["alg"], now)
        if key is None:
            raise Refused("unknown-key")
        claims = verified_claims(token.text, key, token.header["alg"])
        caller = Caller(client.issuer, check_claims(claims, client, audience, now))
        if not self._spend(client.issuer, claims["jti"], claims["exp"] + SKEW_SECONDS, now):
            raise Refused("used-before")
        return caller

    def _client_of(self, claims: Mapping[str, Any]) -> TrustedClient:
        issuer = claims.get("iss")
        client = self._clients.get(issuer) if isinstance(issuer, str) else None
        if client is None:
            raise Refused("issuer")
        return client


def loader_of(client: TrustedClient, fetch: Fetch) -> Callable[[], bytes]:
    """Return what reads the keys of a client: its pinned file, or else its address."""
    return Path(client.jwks_file).read_bytes if client.jwks_file else partial(fetch, client.jwks_url)


def verified_claims(text: str, key: Any, algorithm: str) -> dict[str, Any]:
    """Return the claims of a token whose signature is of this key. Raises Refused for any other."""
    try:
        payload = jwt.PyJWS().decode(text, key, algorithms=[algorithm])
    except (jwt.PyJWTError, ValueError, TypeError):
        raise Refused("signature") from None
    return members_of_part(payload)
