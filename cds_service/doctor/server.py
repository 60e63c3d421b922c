"""Ask the FHIR server of a call, through the guarded client, and tell what its answers are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

import msgspec

from cds_service.doctor.troubles import Notes
from cds_service.fetch import (
    Access,
    Authorization,
    Fault,
    Fetched,
    FetchFault,
    FhirClient,
    Question,
    Server,
    ask_once,
    listed,
)
from cds_service.fetch.wire import Resolver
from cds_service.hook_call import Call
from cds_service.knowledge import Service

_PLACE: Final = "/fhirServer"
#: How many times as long as the service itself the doctor waits, so that slowness can be told from silence.
_PATIENCE: Final = 5
_METADATA_BYTES: Final = 16 * 1024 * 1024
_R4: Final = ("4.0", "4.1", "4.3")
_OF_FAULT: Final[Mapping[Fault, str]] = {
    Fault.NOT_ALLOWED: "D603",
    Fault.NO_NAME: "D602",
    Fault.BROKEN: "D604",
    Fault.TLS: "D605",
    Fault.TIMEOUT: "D608",
    Fault.REDIRECT: "D606",
    Fault.REFUSED: "D607",
    Fault.ABSENT: "D611",
    Fault.BUSY: "D612",
    Fault.SERVER: "D612",
    Fault.STATUS: "D612",
    Fault.NOT_FHIR: "D609",
    Fault.OTHER_TYPE: "D609",
    Fault.OUTCOME: "D612",
    Fault.OTHER_PATIENT: "D613",
    Fault.IGNORED: "D610",
    Fault.SCOPE: "D210",
}
#: What keeps every question from being answered: the rest need not be asked.
_HOPELESS: Final = frozenset({Fault.NOT_ALLOWED, Fault.NO_NAME, Fault.BROKEN, Fault.TLS, Fault.REDIRECT})


def check_answers(call: Call, service: Service, client: FhirClient, issuer: str, notes: Notes) -> Call:
    """Ask the FHIR server of a call what it is and every template of the service; note what is wrong.

    Nothing is asked of a server the settings do not list. ``issuer`` is that of the caller's token. Returns
    the call with what was fetched for keys that were not sent.
    """
    server = listed(client.access.servers, call.fhir_server, issuer)
    token = call.authorization
    if server is None or token is None or not token.is_sendable:
        notes.add("D601", _PLACE)
        return call
    if not _check_metadata(server, client.access, client.resolver, service, notes):
        return call
    fetched = _check_templates(call, service, client, token, issuer, notes)
    missing = call.missing(service)
    return call.with_fetched(
        replace(
            fetched,
            found={key: body for key, body in fetched.found.items() if key in missing},
            faults={key: fault for key, fault in fetched.faults.items() if key in missing},
        )
    )


def _check_metadata(
    server: Server, access: Access, resolver: Resolver, service: Service, notes: Notes
) -> bool:
    """Note what the CapabilityStatement says; False when the server cannot be reached at all."""
    try:
        answer = ask_once(
            Question(f"{server.base}/metadata"),
            server,
            access.networks,
            ca_file=access.ca_file,
            most_bytes=_METADATA_BYTES,
            seconds=access.seconds * _PATIENCE,
            resolver=resolver,
        )
    except FetchFault as fault:
        _note(fault.fault, "metadata", notes)
        return fault.fault not in _HOPELESS
    if answer.status != 200:
        _note(Fault.REDIRECT if 300 <= answer.status < 400 else Fault.STATUS, "metadata", notes)
        return not 300 <= answer.status < 400
    statement = _statement(answer.body)
    if statement is None:
        _note(Fault.NOT_FHIR, "metadata", notes)
    else:
        _check_statement(statement, service, notes)
    return True


def _statement(body: bytes) -> dict[str, Any] | None:
    try:
        read = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    is_one = isinstance(read, dict) and read.get("resourceType") in ("CapabilityStatement", "Conformance")
    return read if is_one else None


def _check_statement(statement: Mapping[str, Any], service: Service, notes: Notes) -> None:
    version = statement.get("fhirVersion")
    if not isinstance(version, str) or not version.startswith(_R4):
        notes.add("D615", _PLACE, str(version)[:20])
    rows = [row for part in _objects(statement.get("rest")) for row in _objects(part.get("resource"))]
    known = {row.get("type"): _parameters(row) for row in rows}
    for name, wanted in sorted(_wanted(service).items()) if known else ():
        if name not in known:
            notes.add("D616", _PLACE, name)
            continue
        for parameter in sorted(wanted - known[name]):
            notes.add("D616", _PLACE, f"{name}?{parameter}=")


def _parameters(row: Mapping[str, Any]) -> set[str]:
    return {str(item.get("name")) for item in _objects(row.get("searchParam"))}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _wanted(service: Service) -> dict[str, set[str]]:
    """Return the types of the templates with the parameters they are searched by."""
    wanted: dict[str, set[str]] = {}
    for template in service.prefetch.values():
        path, _, query = template.partition("?")
        names = {part.partition("=")[0] for part in query.split("&") if part}
        wanted.setdefault(path.partition("/")[0], set()).update(
            name for name in names if not name.startswith("_")
        )
    return wanted


def _check_templates(
    call: Call, service: Service, client: FhirClient, token: Authorization, issuer: str, notes: Notes
) -> Fetched:
    access = replace(client.access, seconds=client.access.seconds * _PATIENCE)
    patient = FhirClient(access, resolver=client.resolver, jitter=client.jitter, now=client.now)
    started = client.clock()
    fetched = patient.fetch_missing(
        dict(service.prefetch),
        fhir_server=call.fhir_server,
        authorization=replace(token, expires_in=max(token.expires_in, int(access.seconds) + 1)),
        context=call.fetch_context,
        issuer=issuer,
    )
    if client.clock() - started > client.access.seconds:
        notes.add("D608", _PLACE, f"all keys together took longer than {client.access.seconds:g} s")
    for key, fault in _faults(fetched):
        _note(fault, key, notes)
    for key, body in sorted(fetched.found.items()):
        if b"urn:twitch-cds:not-all-pages" in body:
            notes.add("D614", _PLACE, key)
    return fetched


def _faults(fetched: Fetched) -> Iterator[tuple[str, Fault]]:
    if fetched.refusal is not None:
        yield "all keys", fetched.refusal
    yield from sorted(fetched.faults.items())


def _note(fault: Fault, key: str, notes: Notes) -> None:
    ident = _OF_FAULT.get(fault, "D617")
    notes.add(ident, f"{_PLACE} ({key})", fault.value)
