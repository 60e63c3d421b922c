"""Procedures, vaccinations, family history and allergies to events."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cds_service.facts import Event, Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import AnyReason, Concept
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.resources import AllergyIntolerance, FamilyMemberHistory, Immunization, Procedure
from cds_service.fhir.sense import Sense


def read_procedures(reading: Reading) -> None:
    """Read every usable Procedure and Immunization that was done."""
    for located in reading.usable(Procedure):
        resource: Procedure = located[3]
        if (resource.status or "") in words.NOT_DONE or resource.notDone or resource.notPerformed:
            reading.refuse("F019", located, kind="procedure")
        else:
            _add_procedure(reading, located, reading.sense(resource.code), _performed)
    for located in reading.usable(Immunization):
        done: Immunization = located[3]
        if (done.status or "") not in words.NOT_DONE and not done.notGiven and not done.wasNotGiven:
            _add_procedure(reading, located, reading.sense(done.vaccineCode), _vaccinated)


def _performed(reading: Reading, resource: Procedure) -> Moment | None:
    period = resource.performedPeriod or resource.occurrencePeriod
    return reading.times.first(
        resource.performedDateTime,
        resource.occurrenceDateTime,
        resource.performedString,
        period.end if period else None,
        period.start if period else None,
    )


def _vaccinated(reading: Reading, resource: Immunization) -> Moment | None:
    return reading.times.first(resource.occurrenceDateTime, resource.date)


def _add_procedure(
    reading: Reading, located: Located, sense: Sense, date_of: Callable[[Reading, Any], Moment | None]
) -> None:
    """Add what was done under every name it has; its date is read only where it has one."""
    names, by_text = sense.names("procedure")
    coded = sense.coded("condition")  # never by words: "assessment of anxiety" is no anxiety
    if not names and not coded:
        reading.count_unread("procedure", sense)
        return
    moment = date_of(reading, located[3])
    if moment is not None and moment.earliest > reading.times.now:
        reading.refuse("F032", located, kind="procedure")
        return
    for name in names:
        _add_done(reading, located, sense, moment, "procedure", name, by_text=by_text)
    for name in coded:
        _add_done(reading, located, sense, moment, "condition", name, by_text=False)


def _add_done(
    reading: Reading,
    located: Located,
    sense: Sense,
    moment: Moment | None,
    kind: str,
    name: str,
    *,
    by_text: bool,
) -> None:
    """Add what was done: a procedure, or the condition it proves (past, unless it is going on now)."""
    going_on = located[3].status in ("in-progress", "active")
    status = "active" if kind == "procedure" or going_on else "past"
    reading.add_event(
        Event(kind, name, source_of(located), sense.display or name, status, moment, by_text=by_text)
    )


def read_family(reading: Reading) -> None:
    """Read every usable FamilyMemberHistory: the conditions of relatives."""
    for located in reading.usable(FamilyMemberHistory):
        resource: FamilyMemberHistory = located[3]
        if (resource.status or "") in ("entered-in-error", "health-unknown"):
            continue
        moment = reading.times.read(resource.date)
        for item in resource.condition or ():
            sense = reading.sense(item.code)
            names, by_text = sense.names("condition")
            for name in names:
                reading.add_event(
                    Event(
                        "family",
                        name,
                        source_of(located),
                        sense.display or name,
                        moment=moment,
                        by_text=by_text,
                    )
                )
            if not names:
                reading.count_unread("family", sense)


def read_allergies(reading: Reading) -> None:
    """Read every usable AllergyIntolerance: the drug, and the reaction named with it."""
    for located in reading.usable(AllergyIntolerance):
        resource: AllergyIntolerance = located[3]
        verification = words.word_of(resource.verificationStatus) or resource.status
        if verification in words.REFUTED | words.WITHDRAWN:
            continue
        status = "past" if words.word_of(resource.clinicalStatus) in words.CONDITION_PAST else "active"
        _read_allergy(reading, located, status)


def _read_allergy(reading: Reading, located: Located, status: str) -> None:
    resource: AllergyIntolerance = located[3]
    moment = reading.times.first(resource.recordedDate, resource.assertedDate, resource.onsetDateTime)
    found: dict[str, tuple[Sense, bool]] = {}
    for concept in _allergy_concepts(resource):
        sense = reading.sense(concept)
        names, by_text = sense.names("condition")
        drugs, drugs_by_text = sense.drugs
        for name in names:
            found.setdefault(name, (sense, by_text))
        for drug in drugs:
            found.setdefault(drug.ingredient, (sense, drugs_by_text))
    source = source_of(located)
    for name, (sense, by_text) in found.items():
        reading.add_event(
            Event("allergy", name, source, sense.display or name, status, moment, by_text=by_text)
        )
    if not found:
        reading.count_unread("allergy", reading.sense(resource.code))


def _allergy_concepts(resource: AllergyIntolerance) -> list[Concept | None]:
    """Return the substance in question and every substance and sign of its reactions."""
    concepts: list[Concept | None] = [resource.code, resource.substance]
    for reaction in resource.reaction or ():
        concepts.append(reaction.substance)
        concepts += [concept_of(item) for item in reaction.manifestation or ()]
    return concepts


def concept_of(item: AnyReason) -> Concept | None:
    """Return the concept of a CodeableConcept (R4) or CodeableReference (R5); None for a bare reference."""
    if item.concept is not None:
        return item.concept
    return Concept(item.coding, item.text) if item.coding or item.text else None
