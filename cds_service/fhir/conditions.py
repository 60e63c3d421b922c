"""Problem list entries to conditions, symptoms, past events and sightings of the twitch."""

from __future__ import annotations

from typing import Final

from msgspec import structs

from cds_service.facts import DAY, Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import Quantity
from cds_service.fhir.numbers import NumberFault, read_number
from cds_service.fhir.reading import Reading, notes_of
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.resources import Condition
from cds_service.fhir.sense import Sense
from cds_service.fhir.symptoms import Setting, event_of, read_text, read_twitch_concept

_KINDS: Final = ("condition", "symptom", "procedure")
_DAYS_A_YEAR: Final = 365.2425
_AGE_DAYS: Final = {
    "a": _DAYS_A_YEAR,
    "mo": _DAYS_A_YEAR / 12,
    "wk": 7.0,
    "d": 1.0,
    "years": _DAYS_A_YEAR,
    "year": _DAYS_A_YEAR,
    "months": _DAYS_A_YEAR / 12,
    "weeks": 7.0,
    "days": 1.0,
}


def read_conditions(reading: Reading) -> None:
    """Read every usable Condition into conditions, symptoms, past events and sightings of the twitch."""
    for located in reading.usable(Condition):
        _read_condition(reading, located)


def _read_condition(reading: Reading, located: Located) -> None:
    resource: Condition = located[3]
    verification = words.word_of(resource.verificationStatus)
    sense = reading.sense(resource.code)
    if verification in words.WITHDRAWN or resource.status == "entered-in-error":
        reading.refuse("F019", located, kind="condition")
        return
    if sense.is_empty:
        reading.refuse("F050", located, kind="condition")
        return
    if not sense.is_problem and resource.note is None and resource.onsetString is None:
        reading.count_unread("condition", sense)
        return
    onset, moment = onset_of(reading, resource), _recorded(reading, resource)
    if moment is not None and moment.earliest > reading.times.now:
        reading.refuse("F032", located, kind="condition")
        return
    status = "absent" if verification in words.REFUTED else _status(reading, resource, sense)
    sites = words.listed(resource.bodySite)
    side = sense.side or reading.words.side(text for site in sites for text in words.words_of(site))
    in_encounter = reading.is_current_encounter(resource.encounter, resource.context)
    in_encounter = in_encounter or source_of(located).reference in reading.encounter_reasons
    setting = Setting(source_of(located), moment, "condition", onset, side, status == "active", in_encounter)
    known = _add_names(reading, sense, setting, status)
    if status == "active":
        known |= read_twitch_concept(reading, sense, setting, sites[0] if sites else None)
        for text in (*notes_of(resource.note), resource.onsetString or ""):
            known |= bool(text) and read_text(reading, text, setting)
    if not known:
        reading.count_unread("condition", sense)


def _add_names(reading: Reading, sense: Sense, setting: Setting, status: str) -> bool:
    """Add the concept as event of each kind it belongs to; a refuted problem is only an absent symptom."""
    known = False
    for kind in _KINDS:
        names, by_text = sense.names(kind)
        known |= bool(names)
        for name in names if status != "absent" or kind == "symptom" else ():
            event = event_of(kind, name, sense, setting, present=True, by_text=by_text)
            reading.add_event(event if status == "active" else structs.replace(event, status=status))
    if not known and status != "absent":
        for name in sense.denied:
            known = True
            reading.add_event(event_of("symptom", name, sense, setting, present=False, by_text=True))
    return known


def _status(reading: Reading, resource: Condition, sense: Sense) -> str:
    """Return active or past; without clinicalStatus active, unless it is said to have ended."""
    status = words.word_of(resource.clinicalStatus)
    if status in words.CONDITION_PAST or sense.is_history:
        return "past"
    if status in words.CONDITION_ACTIVE:
        return "active"
    if resource.abatementBoolean or resource.abatementString or resource.abatementAge:
        return "past"
    period = resource.abatementPeriod
    end = reading.times.first(
        resource.abatementDateTime, period.end if period else None, period.start if period else None
    )
    return "past" if end is not None and end.earliest <= reading.times.now else "active"


def onset_of(reading: Reading, resource: Condition) -> Moment | None:
    """Return the stated onset: a date, the start of a period, an age, or "three days ago" in words."""
    stated = reading.times.first(
        resource.onsetDateTime, resource.onsetPeriod.start if resource.onsetPeriod else None
    )
    if stated is not None:
        return stated
    if resource.onsetAge is not None:
        return _at_age(reading, resource.onsetAge)
    return reading.times.read(resource.onsetString) if resource.onsetString else None


def _at_age(reading: Reading, age: Quantity) -> Moment | None:
    """Return the span of days an age in whole units may mean; None without a full birth date."""
    birth = reading.times.read(reading.subject.patient.birthDate) if reading.subject.patient else None
    length = _AGE_DAYS.get((age.code or age.unit or "").strip().lower())
    if birth is None or length is None or not birth.is_day_only:
        return None
    try:
        number = float(read_number(bytes(age.value)))
    except NumberFault:
        return None
    if not 0 <= number * length < 150 * _DAYS_A_YEAR:
        return None
    first = reading.times.day_of(birth.earliest + int(number * length * DAY))
    last = reading.times.day_of(birth.latest + int((number + 1) * length * DAY))
    if first is None or last is None:
        return None
    return Moment(first.earliest, min(last.latest, reading.times.now), first.text[:4])


def _recorded(reading: Reading, resource: Condition) -> Moment | None:
    """Return when the problem was recorded; its onset, or its encounter's start, where that is not said."""
    stated = reading.times.first(
        resource.recordedDate,
        resource.assertedDate,
        resource.dateRecorded,
        resource.onsetDateTime,
        resource.onsetPeriod.start if resource.onsetPeriod else None,
    )
    if stated is not None:
        return stated
    reference = resource.encounter or resource.context
    target = reading.references.find(reference.reference) if reference else None
    period = (
        (getattr(target[3], "period", None) or getattr(target[3], "actualPeriod", None)) if target else None
    )
    return reading.period_start(period)
