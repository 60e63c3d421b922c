"""The newest clinical date of a record: the "today" of historic or shifted data."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from cds_service.facts import Moment
from cds_service.fhir import datatypes, resources
from cds_service.fhir.records import Record
from cds_service.fhir.times import Times, read_date_span

_FIELDS: Final[dict[type[resources.Resource], tuple[str, ...]]] = {
    resources.Observation: ("effectiveDateTime", "effectiveInstant", "effectivePeriod"),
    resources.Condition: ("recordedDate", "assertedDate", "dateRecorded", "onsetDateTime", "onsetPeriod"),
    resources.Encounter: ("period", "actualPeriod"),
    resources.MedicationRequest: ("authoredOn",),
    resources.MedicationOrder: ("dateWritten",),
    resources.MedicationStatement: ("effectiveDateTime", "dateAsserted"),
    resources.MedicationAdministration: (
        "effectiveDateTime",
        "effectivePeriod",
        "occurenceDateTime",
        "occurrenceDateTime",
    ),
    resources.MedicationDispense: ("whenHandedOver", "whenPrepared"),
    resources.Procedure: ("performedDateTime", "performedPeriod", "occurrenceDateTime", "occurrencePeriod"),
    resources.DiagnosticReport: ("effectiveDateTime", "effectivePeriod", "issued"),
    resources.QuestionnaireResponse: ("authored",),
    resources.AllergyIntolerance: ("recordedDate", "assertedDate"),
    resources.Immunization: ("occurrenceDateTime", "date"),
    resources.ServiceRequest: ("authoredOn",),
    resources.FamilyMemberHistory: ("date",),
}
_DAY: Final = len("2026-11-15")
_ZONES: Final = timedelta(days=2)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


def latest_clinical_date(record: Record) -> datetime | None:
    """Return the newest clinical date, at the last moment it may mean (UTC where no zone is said)."""
    times = Times(_EPOCH)
    newest: Moment | None = None
    for text in _newest_texts(set(_texts(record))):
        moment = times.read(text)
        if moment is not None and (
            newest is None or (moment.latest, moment.text) > (newest.latest, newest.text)
        ):
            newest = moment
    if newest is None:
        return None
    zone = UTC if newest.is_day_only else datetime.fromisoformat(newest.text).tzinfo
    return datetime.fromtimestamp(newest.latest, zone)


def _newest_texts(texts: set[str]) -> list[str]:
    """Return the texts that can be the newest: within two days of the greatest, and partial dates."""
    days = sorted({text[:_DAY] for text in texts if len(text) >= _DAY}, reverse=True)
    spans = (span for day in days if (span := read_date_span(day)) is not None)
    greatest = next(spans, None)
    if greatest is None or greatest[0] - date.min <= _ZONES:
        return sorted(texts)
    limit = (greatest[0] - _ZONES).isoformat()
    return sorted(text for text in texts if len(text) < _DAY or text[:_DAY] >= limit)


def _texts(record: Record) -> Iterator[str]:
    for kind, fields in _FIELDS.items():
        for located in record.of(kind):
            for name in fields:
                yield from _dates(getattr(located[3], name))


def _dates(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, datatypes.Period):
        yield from (text for text in (value.start, value.end) if text)
