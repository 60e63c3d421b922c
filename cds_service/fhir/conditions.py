"""Problems, family history, allergies and procedures to events."""

from __future__ import annotations

from typing import Final

from cds_service.facts import DAY, Event, Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.numbers import NumberFault, read_number
from cds_service.fhir.reading import Reading, notes_of
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.scan import (
    AllergyIntolerance,
    Concept,
    Condition,
    FamilyMemberHistory,
    Immunization,
    Procedure,
    Quantity,
)
from cds_service.fhir.symptoms import Setting, read_text, read_twitch_concept

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
    if verification in words.WITHDRAWN or resource.status == "entered-in-error":
        reading.refuse("F019", located, kind="condition")
        return
    if not words.codings(resource.code) and not (resource.code and resource.code.text):
        reading.refuse("F050", located, kind="condition")
        return
    onset, moment = onset_of(reading, resource), _recorded(reading, resource)
    if moment is not None and moment.earliest > reading.times.now:
        reading.refuse("F032", located, kind="condition")
        return
    status = "absent" if verification in words.REFUTED else _status(reading, resource)
    if status == "active" and words.is_history(resource.code):
        status = "past"
    sites = words.listed(resource.bodySite)
    texts = [text for concept in (resource.code, *sites) for text in words.words_of(concept)]
    setting = Setting(
        source_of(located),
        moment,
        "condition",
        onset,
        words.side_of(texts),
        status == "active",
        reading.is_current_encounter(resource.encounter, resource.context) or _is_reason(reading, located),
    )
    known = _add_names(reading, resource.code, setting, status)
    if status == "active":
        known |= read_twitch_concept(
            reading, resource.code or Concept(), setting, sites[0] if sites else None
        )
        for text in (*notes_of(resource.note), resource.onsetString or ""):
            known |= bool(text) and read_text(reading, text, setting)
    if not known:
        reading.count_unread("condition", resource.code)


def _is_reason(reading: Reading, located: Located) -> bool:
    return source_of(located).reference in reading.encounter_reasons


def _add_names(reading: Reading, concept: Concept | None, setting: Setting, status: str) -> bool:
    """Add the concept as event of each kind it belongs to; a refuted problem is only an absent symptom."""
    known = False
    for kind in _KINDS:
        names, by_text = reading.lexicon.names(kind, concept)
        known |= bool(names)
        for name in names if status != "absent" or kind == "symptom" else ():
            reading.add_event(_event(kind, name, concept, setting, status, by_text=by_text))
    if not known and status != "absent":
        for name in reading.lexicon.denied("symptom", concept):
            known = True
            reading.add_event(_event("symptom", name, concept, setting, "absent", by_text=True))
    return known


def _event(
    kind: str, name: str, concept: Concept | None, setting: Setting, status: str, *, by_text: bool
) -> Event:
    return Event(
        kind,
        name,
        setting.source,
        words.display_of(concept, name),
        status,
        setting.moment,
        setting.onset,
        setting.side,
        in_encounter=setting.in_encounter,
        by_text=by_text,
    )


def _status(reading: Reading, resource: Condition) -> str:
    """Return active or past; without clinicalStatus active, unless it is said to have ended."""
    status = words.word_of(resource.clinicalStatus)
    if status in words.CONDITION_PAST:
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


# ----------------------------------------------------------------------------- procedures


def read_procedures(reading: Reading) -> None:
    """Read every usable Procedure and Immunization that was done."""
    for located in reading.usable(Procedure):
        resource: Procedure = located[3]
        if (resource.status or "") in words.NOT_DONE or resource.notDone or resource.notPerformed:
            reading.refuse("F019", located, kind="procedure")
            continue
        period = resource.performedPeriod or resource.occurrencePeriod
        moment = reading.times.first(
            resource.performedDateTime,
            resource.occurrenceDateTime,
            resource.performedString,
            period.end if period else None,
            period.start if period else None,
        )
        _add_procedure(reading, located, resource.code, moment)
    for located in reading.usable(Immunization):
        done: Immunization = located[3]
        if (done.status or "") not in words.NOT_DONE and not done.notGiven and not done.wasNotGiven:
            _add_procedure(
                reading, located, done.vaccineCode, reading.times.first(done.occurrenceDateTime, done.date)
            )


def _add_procedure(
    reading: Reading, located: Located, concept: Concept | None, moment: Moment | None
) -> None:
    if moment is not None and moment.earliest > reading.times.now:
        reading.refuse("F032", located, kind="procedure")
        return
    names, by_text = reading.lexicon.names("procedure", concept)
    for name in names:
        _add_done(reading, located, concept, moment, "procedure", name, by_text=by_text)
    coded = {name for meaning in reading.meanings(concept) for name in meaning.condition}
    for name in sorted(coded):  # never by words: "assessment of anxiety" is no anxiety
        _add_done(reading, located, concept, moment, "condition", name, by_text=False)
    if not names and not coded:
        reading.count_unread("procedure", concept)


def _add_done(
    reading: Reading,
    located: Located,
    concept: Concept | None,
    moment: Moment | None,
    kind: str,
    name: str,
    *,
    by_text: bool,
) -> None:
    """Add what was done: a procedure, or the condition it proves (past, unless it is going on now)."""
    going_on = located[3].status in ("in-progress", "active")
    status = "active" if kind == "procedure" or going_on else "past"
    display = words.display_of(concept, name)
    reading.add_event(Event(kind, name, source_of(located), display, status, moment, by_text=by_text))


# ----------------------------------------------------------------------------- family and allergies


def read_family(reading: Reading) -> None:
    """Read every usable FamilyMemberHistory: the conditions of relatives."""
    for located in reading.usable(FamilyMemberHistory):
        resource: FamilyMemberHistory = located[3]
        if (resource.status or "") in ("entered-in-error", "health-unknown"):
            continue
        for item in resource.condition or ():
            names, by_text = reading.lexicon.names("condition", item.code)
            for name in names:
                reading.add_event(
                    Event(
                        "family",
                        name,
                        source_of(located),
                        words.display_of(item.code, name),
                        moment=reading.times.read(resource.date),
                        by_text=by_text,
                    )
                )
            if not names:
                reading.count_unread("family", item.code)


def read_allergies(reading: Reading) -> None:
    """Read every usable AllergyIntolerance: the drug, and the reaction named with it."""
    for located in reading.usable(AllergyIntolerance):
        resource: AllergyIntolerance = located[3]
        verification = words.word_of(resource.verificationStatus) or resource.status
        if verification in words.REFUTED | words.WITHDRAWN:
            continue
        status = "past" if words.word_of(resource.clinicalStatus) in words.CONDITION_PAST else "active"
        _read_allergy(reading, located, resource, status)


def _read_allergy(reading: Reading, located: Located, resource: AllergyIntolerance, status: str) -> None:
    moment = reading.times.first(resource.recordedDate, resource.assertedDate, resource.onsetDateTime)
    concepts: list[Concept | None] = [resource.code, resource.substance]
    for reaction in resource.reaction or ():
        concepts.append(reaction.substance)
        concepts += [item.concept or Concept(item.coding, item.text) for item in reaction.manifestation or ()]
    found: dict[str, tuple[Concept, bool]] = {}
    for concept in concepts:
        if concept is None:
            continue
        names, by_text = reading.lexicon.names("condition", concept)
        drugs, _ = reading.lexicon.drugs(concept)
        for name in (*names, *(drug.ingredient for drug in drugs)):
            found.setdefault(name, (concept, by_text))
    for name, (concept, by_text) in found.items():
        reading.add_event(
            Event(
                "allergy",
                name,
                source_of(located),
                words.display_of(concept, name),
                status,
                moment,
                by_text=by_text,
            )
        )
    if not found:
        reading.count_unread("allergy", resource.code)
