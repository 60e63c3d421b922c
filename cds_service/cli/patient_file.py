"""Read the file a person names, a Bundle or a CDS Hooks request, and have the patient reviewed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from cds_service.cli.options import LATEST
from cds_service.errors import Issue, NotFhir, RequestError
from cds_service.fhir import Record, latest_clinical_date, read_bundle
from cds_service.hook_call import Call, read_call, record_of
from cds_service.knowledge import Knowledge, Service
from cds_service.review import Review, review_patient

_MAX_BYTES = 64 * 1024 * 1024


class _Peek(msgspec.Struct):
    """The two members that tell a CDS Hooks request from a FHIR resource."""

    hook: msgspec.Raw = msgspec.Raw()
    resourceType: msgspec.Raw = msgspec.Raw()


def review_file(
    path: Path, knowledge: Knowledge, *, as_of: datetime | str | None, hook: str | None, base_url: str
) -> tuple[Review, datetime]:
    """Review the patient of a file; also return the instant he was judged at.

    Args:
        path: A Bundle, a single resource or a CDS Hooks request, in JSON; ``-`` is the standard input.
        knowledge: Loaded knowledge.
        as_of: Instant to judge at, ``latest`` for the newest clinical date of the record; None is now.
        hook: Hook to review for; None is that of the request, or patient-view.
        base_url: Address of the service, for the links on cards.

    Raises:
        PatientDataError: The file holds no FHIR that can be used.
        RequestError: The file cannot be read, or is a wrong CDS Hooks request.
    """
    data = bytes_of(path)
    if not _is_request(data):
        record = read_bundle(data, where=path.name)
        call = None
    else:
        service = _service_for(data, knowledge, hook)
        call = read_call(data, service.hook)
        record = record_of(call, service)
    instant = _instant(as_of, call, record)
    review = review_patient(
        record,
        knowledge,
        as_of=instant,
        hook=call.hook if call else hook or "patient-view",
        patient_id=call.patient_id if call else None,
        encounter_id=call.encounter_id if call else None,
        base_url=base_url,
        instance=call.hook_instance if call else "",
    )
    return review, instant


def bytes_of(path: Path) -> bytes:
    """Return the content of a file; ``-`` is the standard input. Raises RequestError (K002, K003)."""
    try:
        with click.open_file(str(path), "rb") as stream:
            data: bytes = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RequestError(
            Issue(path.name, "K003", f"cannot be read ({error.strerror}).", "Check the name.")
        ) from None
    if len(data) > _MAX_BYTES:
        raise RequestError(Issue(path.name, "K002", "is larger than 64 MiB.", "Send one patient at a time."))
    return data


def _is_request(data: bytes) -> bool:
    """Whether the data look like a CDS Hooks request; whatever else is wrong is told by its reader."""
    try:
        peek = msgspec.json.decode(data, type=_Peek)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return False
    return bool(bytes(peek.hook)) and not bytes(peek.resourceType)


def _service_for(data: bytes, knowledge: Knowledge, hook: str | None) -> Service:
    """Return the service of the hook that was asked for, else of the hook the request names."""
    named = hook or str(msgspec.json.decode(data).get("hook", ""))
    for service in knowledge.services:
        if service.hook == named:
            return service
    known = ", ".join(sorted(item.hook for item in knowledge.services))
    raise RequestError(Issue("/hook", "K004", "is no hook of this knowledge.", f"Hooks are: {known}."))


def _instant(as_of: datetime | str | None, call: Call | None, record: Record) -> datetime:
    if isinstance(as_of, datetime):
        return as_of
    if as_of == LATEST:
        newest = latest_clinical_date(record)
        if newest is None:
            raise NotFhir(
                Issue("record", "K005", "has no clinical date.", "Name the day: --as-of 2026-11-20.")
            )
        return newest
    if call is not None and call.as_of is not None:
        return call.as_of
    return datetime.now(UTC).replace(microsecond=0)
