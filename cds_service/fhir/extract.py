"""From a record to the facts about one patient as of one instant."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from cds_service.facts import DAY, DrugUse, Event, Measurement, PatientFacts, SetAside
from cds_service.fhir.conditions import read_conditions
from cds_service.fhir.encounters import (
    COMFORT_CARE,
    find_encounter,
    read_care_plans,
    read_encounters,
    read_orders,
    reason_references,
)
from cds_service.fhir.history import read_allergies, read_family, read_procedures
from cds_service.fhir.lexicon import lexicon_for
from cds_service.fhir.mapped import mapped_resources
from cds_service.fhir.medications import read_medications
from cds_service.fhir.observations import read_observations
from cds_service.fhir.questionnaires import read_questionnaires
from cds_service.fhir.reading import Reading, Row
from cds_service.fhir.records import Record, aside, source_of
from cds_service.fhir.references import References
from cds_service.fhir.reports import read_reports
from cds_service.fhir.resources import Patient
from cds_service.fhir.states import kind_states
from cds_service.fhir.subjects import find_subject
from cds_service.fhir.times import Times, read_date_span
from cds_service.fhir.twitching import merge_twitch
from cds_service.fhir.vocabulary import TEST_TAGS
from cds_service.narrative import Narrative
from cds_service.terminology import Terminology

#: So many resources our readers may break on; one more, and the record is not read.
_MOST_DEFECTS: Final = 20
_SEXES: Final = frozenset(("male", "female"))


def extract_facts(
    record: Record,
    terminology: Terminology,
    narrative: Narrative | None = None,
    *,
    as_of: datetime,
    hook: str = "patient-view",
    patient_id: str | None = None,
    encounter_id: str | None = None,
    without: frozenset[str] = frozenset(),
    refused: tuple[SetAside, ...] = (),
    numbers_for_days: int | None = None,
) -> PatientFacts:
    """Return what the record says about one patient as of one instant.

    ``patient_id`` names the patient where the record alone does not; ``encounter_id`` the current
    encounter. ``without`` holds references or pointers of resources to leave out (those the second
    look refused), ``refused`` the reports about them. ``narrative`` None means the words of the
    content folder: text is never silently left unread. ``numbers_for_days`` leaves results older than
    that unread (for batch runs: the longest look-back of all rules); None reads all of them. A resource on
    which a reader of ours breaks is left out and told (F077): the others are read.

    Raises:
        SubjectError: data of no patient, of several, or of another one than named.
        ValueError: ``as_of`` has no time zone.
    """
    for turn in range(_MOST_DEFECTS + 1):
        subject = find_subject(record, patient_id, without)
        reading = Reading(
            record,
            lexicon_for(terminology, narrative),
            Times(as_of),
            subject,
            References(record),
            without,
            numbers_for_days,
        )
        reading.set_aside += (*record.set_aside, *refused)
        try:
            return _facts(reading, as_of, hook, encounter_id)
        except Exception:
            if reading.at is None or turn == _MOST_DEFECTS:
                raise
        finally:
            reading.lexicon.narrative.forget()
        source = source_of(reading.at)
        without |= {source.pointer}
        refused = (*refused, aside("F077", source))
    raise AssertionError("the last turn returns or raises")


def _facts(reading: Reading, as_of: datetime, hook: str, encounter_id: str | None) -> PatientFacts:
    subject = reading.subject
    _note_others(reading)
    current = find_encounter(reading, encounter_id)
    reading.encounter_key = source_of(current).reference if current else _key(encounter_id)
    reading.encounter_reasons = reason_references(reading, current)
    encounter = read_encounters(reading, current)
    read_observations(reading)
    read_conditions(reading)
    read_procedures(reading)
    read_reports(reading)
    read_questionnaires(reading)
    read_medications(reading)
    read_family(reading)
    read_allergies(reading)
    read_orders(reading)
    read_care_plans(reading)
    twitch = merge_twitch(reading)
    states = kind_states(reading)
    age = _age_days(reading)
    numbers = _numbers(reading)
    return PatientFacts(
        as_of=as_of,
        patient=subject.reference,
        birth_date=_birth_date(subject.patient) if age is not None else None,
        birth_span=None if age is not None else _birth_span(subject.patient, as_of),
        age_days=age,
        sex=_sex(subject.patient),
        hook=hook,
        encounter=encounter,
        twitch=twitch,
        twitch_state=states["symptom"],
        numbers=numbers,
        drugs=_drugs(reading),
        events=_events(reading),
        states=states,
        set_aside=tuple(sorted(set(reading.set_aside), key=_aside_order)),
        unread_codes=reading.unread_codes(),
        outside=_outside(reading, _greatest_age_days(reading, age)),
        mapped=mapped_resources(reading),
    )


def _key(encounter_id: str | None) -> str | None:
    if not encounter_id:
        return None
    return encounter_id if "/" in encounter_id or ":" in encounter_id else f"Encounter/{encounter_id}"


# ----------------------------------------------------------------------------- the patient


def _note_others(reading: Reading) -> None:
    """Report every Patient that came along and is not the one judged."""
    for located in reading.record.of(Patient):
        source = source_of(located)
        if reading.subject.reference not in (source.reference, source.pointer):
            reading.refuse("F014", located)


def _birth_date(patient: Patient | None) -> date | None:
    span = read_date_span(patient.birthDate) if patient else None
    return span[0] if span is not None and span[0] == span[1] else None


def _birth_span(patient: Patient | None, as_of: datetime) -> tuple[date, date] | None:
    """Return the first and last possible birth date of one known by year or month; None if impossible.

    Nobody is born after today: who was born this month or year is known to be a child.
    """
    span = read_date_span(patient.birthDate) if patient else None
    if span is None or span[0] == span[1]:
        return None
    today = as_of.date()
    if span[0] > today or (today - span[0]).days >= 150 * 366:
        return None
    return span[0], min(span[1], today)


def _age_days(reading: Reading) -> int | None:
    """Return the age in days; None when the birth date is missing, in the future, or known only by year.

    A month is precise enough where it does not matter on which day of it the patient was born: never here.
    """
    born = _birth_date(reading.subject.patient)
    if born is None:
        return None
    days = (reading.times.as_of.date() - born).days
    return days if 0 <= days < 150 * 366 else None


def _greatest_age_days(reading: Reading, age_days: int | None) -> int | None:
    """Return the age in days, or the greatest one a birth date known by year or month allows."""
    span = None if age_days is not None else _birth_span(reading.subject.patient, reading.times.as_of)
    return age_days if span is None else (reading.times.as_of.date() - span[0]).days


def _sex(patient: Patient | None) -> str | None:
    return patient.gender if patient is not None and patient.gender in _SEXES else None


def _outside(reading: Reading, age_days: int | None) -> str:
    """Return why the patient is outside the scope of the rules, or an empty text."""
    patient = reading.subject.patient
    if patient is not None:
        if _is_dead(reading, patient):
            return "deceased"
        if _is_test(patient):
            return "test-patient"
    if any(
        COMFORT_CARE in reading.events.get(kind, {})
        and any(event.status == "active" for event in reading.events[kind][COMFORT_CARE])
        for kind in ("condition", "procedure", "encounter")
    ):
        return "comfort-care"
    if age_days is not None and age_days * DAY < reading.recency.newborn:
        return "newborn"
    return "other-problem" if _added_something_else(reading) else ""


def _added_something_else(reading: Reading) -> bool:
    """Whether problems were just added and none of them is a twitch; one that is not readable may be."""
    place = reading.record.added
    if not place:
        return False
    told = (*(sighting.source for sighting in reading.sightings), *(a.source for a in reading.set_aside))
    return not any(source.pointer == place or source.pointer.startswith(f"{place}/") for source in told)


def _is_dead(reading: Reading, patient: Patient) -> bool:
    if patient.deceasedBoolean:
        return True
    died = reading.times.read(patient.deceasedDateTime)
    return patient.deceasedDateTime is not None and (died is None or died.earliest <= reading.times.now)


def _is_test(patient: Patient) -> bool:
    meta = patient.meta
    tags = [*(meta.security or ()), *(meta.tag or ())] if meta else []
    return any((coding.code or "").upper() in TEST_TAGS for coding in tags)


# ----------------------------------------------------------------------------- in order


def _numbers(reading: Reading) -> Mapping[str, tuple[Measurement, ...]]:
    return {name: _series(reading, rows) for name, rows in sorted(reading.numbers.items())}


def _series(reading: Reading, rows: list[Row]) -> tuple[Measurement, ...]:
    """Return results oldest first; of the same time only the preferred: laboratory, then corrected."""
    rows.sort()
    if len({row[0] for row in rows}) == len(rows):
        return tuple([row[4] for row in rows])
    kept: list[Measurement] = []
    for _, group in groupby(rows, key=itemgetter(0, 1)):
        same = list(group)
        kept += _preferred(reading, same) if len(same) > 1 else [same[0][4]]
    return tuple(kept)


def _preferred(reading: Reading, rows: list[Row]) -> list[Measurement]:
    """Return the best results of one time; different ones of equal rank are all kept, and reported."""
    best = max(_rank(row) for row in rows)
    equals = sorted((row[4] for row in rows if _rank(row) == best), key=_place)
    kept = equals[:1]
    for measurement in equals[1:]:
        if not _says_the_same(kept[-1], measurement):
            reading.set_aside.append(_conflict(measurement))
            kept.append(measurement)
    return kept


def _rank(row: Row) -> tuple[bool, bool]:
    return not row[4].point_of_care, row[3]


def _place(measurement: Measurement) -> tuple[str, str]:
    return measurement.source.reference, measurement.source.pointer


def _says_the_same(one: Measurement, other: Measurement) -> bool:
    return (
        one.value,
        one.comparator,
        one.direction,
        one.sample_doubtful,
        one.sample_unusable,
        one.unit_doubtful,
    ) == (
        other.value,
        other.comparator,
        other.direction,
        other.sample_doubtful,
        other.sample_unusable,
        other.unit_doubtful,
    )


def _conflict(measurement: Measurement) -> SetAside:
    return aside("F033", measurement.source, shown=measurement.reported, moment=measurement.moment)


def _drugs(reading: Reading) -> Mapping[str, tuple[DrugUse, ...]]:
    return {name: tuple(sorted(uses, key=_use_order)) for name, uses in sorted(reading.drugs.items())}


def _use_order(use: DrugUse) -> tuple[bool, int, int, str, str]:
    return (
        use.draft,
        use.start.earliest if use.start else 0,
        use.end.latest if use.end else 0,
        use.source.reference,
        use.source.pointer,
    )


def _events(reading: Reading) -> Mapping[str, Mapping[str, tuple[Event, ...]]]:
    return {
        kind: {
            name: tuple(sorted(dict.fromkeys(events), key=_event_order))
            for name, events in sorted(names.items())
        }
        for kind, names in sorted(reading.events.items())
    }


def _event_order(event: Event) -> tuple[int, str, str, str, str]:
    return (
        event.moment.earliest if event.moment else 0,
        event.source.reference,
        event.source.pointer,
        event.status,
        event.display,
    )


def _aside_order(item: SetAside) -> tuple[Any, ...]:
    """Return a key that no two different ones share: the rows of a set come in another order each run."""
    moment = item.moment
    return (
        item.source.pointer,
        item.source.reference,
        item.part,
        item.code,
        item.name or "",
        item.shown,
        () if moment is None else (moment.earliest, moment.latest, moment.text),
        item.kind or "",
        item.reason,
    )
