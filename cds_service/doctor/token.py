"""Look at the token a caller proves himself with: all that is wrong with it, not the first thing only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cds_service.auth import Clients, Fetch, Refused, TrustedClient, Verifier, read_keys
from cds_service.auth.tokens import FORBIDDEN_MEMBERS, SKEW_SECONDS, Token, read_token, tenant_of
from cds_service.auth.verify import loader_of, verified_claims
from cds_service.doctor.troubles import Notes

#: Where troubles of the token are shown to be: it is no part of the body.
_PLACE: Final = "token"
#: Reason of the verifier to kind of trouble: a net under the checks, which tell more.
_OF_REASON: Final = {
    "no-token": "D501",
    "malformed": "D501",
    "issuer": "D505",
    "header": "D515",
    "algorithm": "D502",
    "key-address": "D512",
    "unknown-key": "D516",
    "signature": "D517",
    "time": "D510",
    "life": "D511",
    "audience": "D507",
    "tenant": "D514",
    "token-id": "D513",
}
_OWN: Final = tuple(sorted({*_OF_REASON.values(), "D503", "D504", "D508", "D509", "D518"}))
_MILLISECONDS: Final = 100_000_000_000


def check_token(
    text: str, clients: Clients, audience: str, now: int, fetch: Fetch | None, notes: Notes
) -> str:
    """Note everything that is wrong with a token; return its issuer where that is a trusted client.

    Args:
        text: The token, with or without the word Bearer.
        clients: Who is trusted.
        audience: Address of the endpoint that is called.
        now: Instant of the call in seconds since 1970 UTC.
        fetch: Gets a key set from its address; None goes nowhere.
        notes: Takes the troubles.
    """
    if not clients:
        notes.add("D506", _PLACE)
    bare = text.strip()
    header = bare if bare.lower().startswith("bearer ") else f"Bearer {bare}"
    try:
        token = read_token(header)
    except Refused:
        notes.add("D501", _PLACE, _shape(bare))
        return ""
    issuer = token.claims.get("iss")
    client = next((item for item in clients if item.issuer == issuer), None)
    if clients and client is None:
        notes.add("D505", f"{_PLACE}/iss", _difference(issuer, [item.issuer for item in clients]))
    _check_header(token.header, client, notes)
    _check_claims(token.claims, client or TrustedClient(), audience, now, notes)
    if client is not None:
        _check_signature(token, client, fetch, notes)
        _check_all(header, client, audience, now, fetch, notes)
    return client.issuer if client else ""


def _shape(text: str) -> str:
    parts = text.split(" ")[-1].count(".") + 1
    return f"{parts} parts instead of 3" if parts != 3 else ""


def _difference(value: Any, wanted: list[str]) -> str:
    """Return how an address differs from the wanted one that is most like it; never the value itself."""
    if not isinstance(value, str):
        return "it is missing or no text"
    for text in wanted:
        if value.rstrip("/") == text.rstrip("/"):
            return "a slash at its end is the difference"
        if value.casefold() == text.casefold():
            return "capital letters are the difference"
    try:
        parts = urlsplit(value)
        others = [urlsplit(text) for text in wanted]
    except ValueError:
        return ""
    for name in ("scheme", "netloc", "path", "query"):
        if all(getattr(parts, name) != getattr(other, name) for other in others):
            return {"netloc": "another host or port", "scheme": "http and https differ"}.get(
                name, f"another {name}"
            )
    return ""


def _check_header(header: Mapping[str, Any], client: TrustedClient | None, notes: Notes) -> None:
    algorithm, kind, kid = header.get("alg"), header.get("typ"), header.get("kid")
    allowed = (client or TrustedClient()).algorithms
    if algorithm not in allowed:
        notes.add("D502", f"{_PLACE}/alg", f"allowed: {', '.join(allowed)}")
    if not isinstance(kid, str) or not kid:
        notes.add("D503", f"{_PLACE}/kid")
    if not isinstance(kind, str) or kind.upper() != "JWT":
        notes.add("D504", f"{_PLACE}/typ")
    for name in sorted(FORBIDDEN_MEMBERS & header.keys()):
        notes.add("D515", f"{_PLACE}/{name}", name)
    if client is not None and "jku" in header and header["jku"] != (client.jwks_url or None):
        notes.add("D512", f"{_PLACE}/jku", _difference(header["jku"], [client.jwks_url]))


def _check_claims(
    claims: Mapping[str, Any], client: TrustedClient, audience: str, now: int, notes: Notes
) -> None:
    _check_times(claims, client, now, notes)
    named = claims.get("aud")
    listed = named if isinstance(named, list) else [named]
    if audience not in listed:
        notes.add("D507", f"{_PLACE}/aud", _difference(listed[0] if listed else None, [audience]))
    try:
        tenant_of(claims, client)
    except Refused:
        notes.add("D514", f"{_PLACE}/tenant")
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        notes.add("D513", f"{_PLACE}/jti")


def _check_times(claims: Mapping[str, Any], client: TrustedClient, now: int, notes: Notes) -> None:
    times = {name: claims.get(name) for name in ("exp", "iat", "nbf")}
    for name, value in times.items():
        is_optional = name == "nbf" and value is None
        if not is_optional and (not isinstance(value, int) or isinstance(value, bool) or value < 0):
            notes.add("D510", f"{_PLACE}/{name}", f"{name} is missing or no whole number")
        elif isinstance(value, int) and value > _MILLISECONDS:
            notes.add("D510", f"{_PLACE}/{name}", f"{name} looks like milliseconds")
    if notes.has("D510"):
        return
    expires, issued, starts = times["exp"], times["iat"], times["nbf"]
    assert isinstance(expires, int) and isinstance(issued, int)
    if expires <= now - SKEW_SECONDS:
        notes.add("D508", f"{_PLACE}/exp")
    if max(issued, starts if isinstance(starts, int) else issued) > now + SKEW_SECONDS:
        notes.add("D509", f"{_PLACE}/iat")
    if not 0 < expires - issued <= client.max_life_seconds:
        notes.add("D511", f"{_PLACE}/exp", f"at most {client.max_life_seconds} seconds")


def _check_signature(token: Token, client: TrustedClient, fetch: Fetch | None, notes: Notes) -> None:
    kid, algorithm = token.header.get("kid"), token.header.get("alg")
    try:
        keys = read_keys(loader_of(client, fetch or _nowhere)())
    except (OSError, ValueError):
        notes.add("D519" if fetch is None and not client.jwks_file else "D518", _PLACE)
        return
    if not isinstance(kid, str) or not isinstance(algorithm, str) or FORBIDDEN_MEMBERS & token.header.keys():
        return  # told already; such a header is not even verified
    key = keys.get((kid, algorithm))
    if key is None:
        notes.add("D516", f"{_PLACE}/kid")
        return
    try:
        verified_claims(token.text, key, algorithm)
    except Refused:
        notes.add("D517", _PLACE)


def _nowhere(_url: str) -> bytes:
    raise OSError("not asked")


def _check_all(
    header: str, client: TrustedClient, audience: str, now: int, fetch: Fetch | None, notes: Notes
) -> None:
    """Ask the service's own verifier as well: what it refuses is told, even if no check above knows why."""
    if notes.has(*_OWN, "D519"):
        return

    try:
        Verifier(Clients([client]), lambda *_: True, fetch or _nowhere).verify(header, audience, now)
    except Refused as refused:
        notes.add(_OF_REASON.get(refused.reason, "D501"), _PLACE)
