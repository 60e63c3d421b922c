"""Look at the FHIR server a call names and at the token it brings for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

from cds_service.doctor.troubles import Notes
from cds_service.fetch import Access, Authorization, Coverage, listed, parse_server
from cds_service.knowledge import Service

_FIELDS: Final = ("access_token", "token_type", "expires_in", "scope", "subject")
_HOUR: Final = 3600
#: What people write where a token belongs; the first is the example of CDS Hooks itself.
_PLACEHOLDER: Final = re.compile(
    r"some-opaque.*|.*[{<\[].*[}>\]].*|x{3,}|\.{3,}|(null|none|undefined|todo|test|token|secret|bearer|abc|123|"
    r"changeme|placeholder|redacted|access[_-]?token|your[_-].*|\*+)(\d|\.|-)*",
    re.IGNORECASE,
)
_BELOW_BASE: Final = re.compile(r"/(metadata|[A-Z][A-Za-z]{3,40}(/[A-Za-z0-9.\-]{1,64})?)/?$")


def check_server(
    call: Mapping[str, Any], service: Service, access: Access, issuer: str, notes: Notes
) -> None:
    """Note what keeps the service from asking the FHIR server of a call.

    Args:
        call: The document of the call.
        service: Whose prefetch keys would be asked for.
        access: Which servers the settings allow.
        issuer: Issuer of the caller's token, empty without one.
        notes: Takes the troubles.
    """
    server, authorization = call.get("fhirServer"), call.get("fhirAuthorization")
    if "fhirAuthorization" in call and "fhirServer" not in call:
        notes.add("D201", "/fhirServer")
    if isinstance(server, str):
        _check_address(server, notes)
    elif "fhirServer" in call:
        notes.add("D203", "/fhirServer")
    missing = _missing(call, service)
    if "fhirAuthorization" not in call:
        return
    if missing and isinstance(server, str) and listed(access.servers, server, issuer) is None:
        notes.add("D205", "/fhirServer")
    _check_authorization(authorization, call, notes)
    if isinstance(authorization, dict):
        _check_scope(authorization.get("scope"), missing, notes)


def _missing(call: Mapping[str, Any], service: Service) -> dict[str, tuple[str, ...]]:
    """Return the prefetch keys that were not sent, with the types they promise."""
    sent = call.get("prefetch")
    keys = sent if isinstance(sent, dict) else {}
    return {key: promised for key, promised in service.promises.items() if key not in keys}


def _check_address(text: str, notes: Notes) -> None:
    place = "/fhirServer"
    try:
        server = parse_server(text)
    except ValueError:
        notes.add("D203", place, _why_not_plain(text))
        return
    if not server.is_secure:
        notes.add("D202", place)
    if _BELOW_BASE.search(server.path):
        notes.add("D204", place)


def _why_not_plain(text: str) -> str:
    try:
        parts = urlsplit(text)
    except ValueError:
        return "no address"
    if parts.scheme not in ("http", "https") or not parts.netloc:
        return "not absolute"
    if "@" in parts.netloc:
        return "it holds a user"
    return "it holds a query or fragment" if parts.query or parts.fragment else ""


def _check_authorization(sent: Any, call: Mapping[str, Any], notes: Notes) -> None:
    place = "/fhirAuthorization"
    if not isinstance(sent, dict):
        notes.add("D206", place, "it is no object")
        return
    for name in _FIELDS:
        if not _is_right(name, sent.get(name)):
            notes.add("D206", f"{place}/{name}", f"{name} is missing or of another type")
    kind, seconds = sent.get("token_type"), sent.get("expires_in")
    if isinstance(kind, str) and kind.lower() != "bearer":
        notes.add("D207", f"{place}/token_type")
    if isinstance(seconds, int) and seconds <= 0:
        notes.add("D208", f"{place}/expires_in")
    elif isinstance(seconds, int) and seconds > _HOUR:
        notes.add("D209", f"{place}/expires_in")
    _check_token(sent.get("access_token"), notes)
    _check_patient(sent.get("patient"), call.get("context"), notes)


def _is_right(name: str, value: Any) -> bool:
    if name == "expires_in":
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, str)


def _check_token(token: Any, notes: Notes) -> None:
    place = "/fhirAuthorization/access_token"
    if not isinstance(token, str):
        return
    if _PLACEHOLDER.fullmatch(token.strip()):
        notes.add("D213", place)
    elif not Authorization(token, 1, "").is_sendable:
        notes.add("D214", place)


def _check_patient(patient: Any, context: Any, notes: Notes) -> None:
    meant = context.get("patientId") if isinstance(context, dict) else None
    if isinstance(patient, str) and patient and patient.removeprefix("Patient/") != meant:
        notes.add("D212", "/fhirAuthorization/patient")


def _check_scope(scope: Any, missing: Mapping[str, tuple[str, ...]], notes: Notes) -> None:
    """Note the types a token does not cover, of the keys that were not sent."""
    if not isinstance(scope, str):
        return
    token = Authorization("", 1, scope)
    types = sorted({(name, name != "Patient") for promised in missing.values() for name in promised})
    for name, is_search in types:
        coverage = token.covers(name, search=is_search)
        if coverage is not Coverage.FULL:
            ident = "D210" if coverage is Coverage.NONE else "D211"
            notes.add(ident, "/fhirAuthorization/scope", name)
