"""The token of an export: a fixed one, or one of SMART Backend Services, renewed before it ends.

Source: SMART App Launch 2, "Backend Services" and "Client Authentication: Asymmetric" (private_key_jwt,
ES384 or RS384, an assertion of at most five minutes).
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from cds_service.batch.export.access import ExportAccess, origin_of
from cds_service.batch.export.caller import Caller, Tokens
from cds_service.batch.export.words import Told
from cds_service.batch.faults import stops
from cds_service.fetch import Request, Server

_ASSERTION_SECONDS: Final = 280
#: A token is renewed when it is this close to its end (seconds), or at four fifths of a shorter life.
_MARGIN_SECONDS: Final = 60.0
_USUAL_SECONDS: Final = 300
_MOST_BYTES: Final = 256 * 1024
_LEAST_RSA_BITS: Final = 2048
_SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,16384}")
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_OAUTH_ERROR: Final = re.compile(r"[a-z_]{1,40}")


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token that was given, or none at all; there is no other."""

    token: str = field(default="", repr=False)

    def current(self) -> str:
        """Return it."""
        return self.token

    def renew(self) -> bool:
        """Return that there is no other."""
        return False


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, the algorithm it signs with, and the name the server knows it by (empty: none)."""

    key: Any = field(repr=False)
    algorithm: str
    key_id: str


@dataclass(slots=True)
class BackendToken:
    """Gets tokens with a signed assertion. ``caller`` asks without a token of its own."""

    caller: Caller
    access: ExportAccess
    home: Server
    key: SigningKey
    _token: str = field(default="", repr=False)
    _ends: float = 0.0
    _endpoint: tuple[Server, str] | None = None

    def current(self) -> str:
        """Return a token that is still good. Raises BatchError (B042, B049)."""
        if not self._token or self.access.clock.seconds() >= self._ends:
            self._obtain()
        return self._token

    def renew(self) -> bool:
        """Get another token. Raises BatchError (B042, B049)."""
        self._obtain()
        return True

    def _obtain(self) -> None:
        server, url = self._endpoint = self._endpoint or self._found_endpoint()
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        body = urlencode(
            {
                "grant_type": "client_credentials",
                "scope": self.access.scope,
                "client_assertion_type": _ASSERTION_TYPE,
                "client_assertion": self._assertion(url),
            }
        )
        begun = self.access.clock.seconds()
        request = Request("POST", url, headers, body.encode())
        told = self.caller.ask_patiently(request, server, _MOST_BYTES, with_token=False)
        self._token, life = _token_of(told, server)
        self._ends = begun + max(life - _MARGIN_SECONDS, life * 0.8)

    def _assertion(self, url: str) -> str:
        now = int(self.access.clock.now().timestamp())
        claims = {
            "iss": self.access.client_id,
            "sub": self.access.client_id,
            "aud": url,
            "exp": now + _ASSERTION_SECONDS,
            "iat": now,
            "jti": uuid.uuid4().hex,
        }
        headers = {"kid": self.key.key_id} if self.key.key_id else None
        return jwt.encode(claims, self.key.key, algorithm=self.key.algorithm, headers=headers)

    def _found_endpoint(self) -> tuple[Server, str]:
        """Return the token endpoint of the settings, or what the server names. Raises BatchError."""
        link, asked = self.access.token_url, f"{self.home.base}/.well-known/smart-configuration"
        if not link:
            request = Request("GET", asked, {"Accept": "application/json"})
            told = self.caller.ask_patiently(request, origin_of(self.home), _MOST_BYTES, with_token=False)
            link = self._named_endpoint(told)
        place = self.access.place_of(self.home, asked, link)
        if place is None:
            raise stops("B049", self.home.origin, "its token endpoint is on a server that is not listed")
        return place

    def _named_endpoint(self, told: Told) -> str:
        document = _object(told)
        link = document.get("token_endpoint")
        if told.status != 200 or not isinstance(link, str):
            raise stops("B049", self.home.origin, "no smart-configuration with a token_endpoint")
        known = document.get("token_endpoint_auth_signing_alg_values_supported")
        if isinstance(known, list) and known and self.key.algorithm not in known:
            raise stops("B049", self.home.origin, f"it does not take {self.key.algorithm}")
        return link


def tokens_of(access: ExportAccess, caller: Caller) -> Tokens:
    """Return what gives the token of an export. Raises BatchError (B049, B050)."""
    if access.token:
        if not _SENDABLE.fullmatch(access.token):
            raise stops("B049", "TWITCH_CDS_EXPORT_TOKEN", "it holds signs no token has")
        return FixedToken(access.token)
    if not access.client_id:
        return FixedToken()
    return BackendToken(caller, access, caller.home, read_key(access.key_file, access.key_id))


def read_key(path: str, key_id: str = "") -> SigningKey:
    """Return the private key of a file in PEM, JWK or JWK Set. Raises BatchError (B050)."""
    name = Path(path).name or "export_key_file"
    try:
        key, named = _loaded(Path(path).read_bytes(), key_id)
    except (OSError, ValueError, TypeError, KeyError, jwt.PyJWTError):
        raise stops("B050", name) from None
    if isinstance(key, RSAPrivateKey) and key.key_size >= _LEAST_RSA_BITS:
        return SigningKey(key, "RS384", named)
    if isinstance(key, EllipticCurvePrivateKey) and isinstance(key.curve, SECP384R1):
        return SigningKey(key, "ES384", named)
    raise stops("B050", name)


def _loaded(data: bytes, key_id: str) -> tuple[Any, str]:
    if not data.lstrip().startswith(b"{"):
        return load_pem_private_key(data, None), key_id
    document = msgspec.json.decode(data)
    listed = document.get("keys", [document])
    fitting = [item for item in listed if "d" in item and (not key_id or item.get("kid") == key_id)]
    if len(fitting) != 1:
        raise ValueError("not one private key")
    algorithm = "RS384" if fitting[0].get("kty") == "RSA" else "ES384"
    return jwt.PyJWK(fitting[0], algorithm=algorithm).key, str(fitting[0].get("kid", key_id))


def _token_of(told: Told, server: Server) -> tuple[str, float]:
    """Return the token of an answer and its life in seconds. Raises BatchError (B049)."""
    document = _object(told)
    if told.status != 200:
        why = document.get("error")
        word = why if isinstance(why, str) and _OAUTH_ERROR.fullmatch(why) else "no reason told"
        raise stops("B049", server.origin, f"status {told.status}: {word}")
    token, kind, life = (document.get(name) for name in ("access_token", "token_type", "expires_in"))
    if not isinstance(token, str) or not _SENDABLE.fullmatch(token):
        raise stops("B049", server.origin, "its answer holds none")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise stops("B049", server.origin, "it is no Bearer token")
    if isinstance(life, bool) or not isinstance(life, int | float) or not 0 < life < 1e7:
        return token, _USUAL_SECONDS
    return token, float(life)


def _object(told: Told) -> dict[str, Any]:
    try:
        tree = msgspec.json.decode(told.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return tree if isinstance(tree, dict) else {}
