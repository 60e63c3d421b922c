"""The current encounter: which one it is, its care setting, and what it names as reason or diagnosis."""

from __future__ import annotations

from typing import Final

from cds_service.facts import DAY, Event, Moment
from cds_service.facts import Encounter as CurrentEncounter
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import AnyReason, Coding, Concept, Period, Reference
from cds_service.fhir.history import concept_of
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.references import key_of
from cds_service.fhir.resources import CarePlan, Encounter, ServiceRequest
from cds_service.fhir.symptoms import Setting, event_of, read_concept, read_text

#: The one condition a care plan's category may stand for here.
COMFORT_CARE: Final = "comfort-care"
_SETTINGS: Final = ("emergency", "inpatient")


def find_encounter(reading: Reading, encounter_id: str | None) -> Located | None:
    """Return the encounter the hook names, else the latest one that is open or recent."""
    encounters = list(reading.usable(Encounter))
    if encounter_id:
        wanted = key_of(encounter_id).removeprefix("Encounter/")
        return next(
            (located for located in encounters if located[3].id == wanted or located[2] == encounter_id), None
        )
    best: tuple[tuple[bool, int, str], Located] | None = None
    for located in encounters:
        rank = _rank(reading, located)
        if rank is not None and (best is None or rank > best[0]):
            best = rank, located
    return best[1] if best else None


def _rank(reading: Reading, located: Located) -> tuple[bool, int, str] | None:
    """Return how well an encounter answers "the current one", or None when it cannot be."""
    resource: Encounter = located[3]
    status = (resource.status or "").strip()
    if status in words.ENCOUNTER_DROPPED or _is_long_over(reading, resource, status):
        return None
    start, end = _bounds(reading, resource)
    now = reading.times.now
    if start is None or start.earliest > now:
        return None
    is_open = status in words.ENCOUNTER_OPEN and (end is None or end.latest >= now)
    age = now - (end.earliest if end is not None and end.earliest <= now else start.earliest)
    if not is_open and age > reading.recency.encounter:
        return None
    return is_open, start.earliest, source_of(located).reference


def _is_long_over(reading: Reading, resource: Encounter, status: str) -> bool:
    """Whether the text of its end alone shows that an encounter is too old to be the current one."""
    period = _period(resource)
    end = period.end if period else None
    return (
        status not in words.ENCOUNTER_OPEN
        and end is not None
        and reading.times.is_long_ago(end, reading.recency.encounter // DAY)
    )


def _period(resource: Encounter) -> Period | None:
    return resource.period or resource.actualPeriod


def _bounds(reading: Reading, resource: Encounter) -> tuple[Moment | None, Moment | None]:
    period = _period(resource)
    return reading.period_start(period), reading.period_end(period)


def read_encounters(reading: Reading, current: Located | None) -> CurrentEncounter:
    """Read all encounters as visits with their reasons; return the current encounter."""
    for located in reading.usable(Encounter):
        _read_visit(reading, located, is_current=current is not None and located[3] is current[3])
    if current is None:
        return CurrentEncounter()
    start, _ = _bounds(reading, current[3])
    return CurrentEncounter(setting_of(reading, current[3]), start, source_of(current))


def setting_of(reading: Reading, resource: Encounter) -> str:
    """Return outpatient, inpatient or emergency, by the class of the encounter, then by its type."""
    for concept in _classes(resource):
        for coding in words.codings(concept):
            found = words.CLASS_SETTING.get((coding.code or "").strip().upper())
            if found:
                return found
    names = {
        name
        for concept in (*_classes(resource), *(resource.type or ()))
        for name in reading.sense(concept).names("encounter")[0]
    }
    return next((setting for setting in _SETTINGS if setting in names), "outpatient")


def _classes(resource: Encounter) -> list[Concept]:
    kind = resource.kind
    if kind is None:
        return []
    if isinstance(kind, str):
        return [Concept([Coding(None, kind, None)])]
    return kind if isinstance(kind, list) else [Concept([kind])]


def _read_visit(reading: Reading, located: Located, *, is_current: bool) -> None:
    """Read an encounter as visit (a procedure) with its reasons; the current one as encounter too."""
    resource: Encounter = located[3]
    if (resource.status or "") in words.ENCOUNTER_DROPPED:
        return
    kinds = ("procedure", "encounter") if is_current else ("procedure",)
    concepts = [*(resource.type or ()), *words.listed(resource.serviceType), *_classes(resource)]
    senses = map(reading.lexicon.sense, concepts)
    named = [(kind, sense) for sense in senses for kind in kinds if sense.names(kind)[0]]
    has_reasons = is_current or _has_recent_reasons(reading, resource)
    if not named and not has_reasons and not is_current:
        return
    start, _ = _bounds(reading, resource)
    if start is not None and start.earliest > reading.times.now:
        return
    setting = Setting(source_of(located), start, "encounter", active=is_current, in_encounter=is_current)
    for kind, sense in named:
        names, by_text = sense.names(kind)
        for name in names:
            reading.add_event(event_of(kind, name, sense, setting, present=True, by_text=by_text))
    if is_current:
        word = setting_of(reading, resource)
        reading.add_event(Event("encounter", word, setting.source, word, moment=start, in_encounter=True))
    if has_reasons:
        _read_reasons(reading, resource, setting)


def _has_recent_reasons(reading: Reading, resource: Encounter) -> bool:
    """Whether an earlier encounter names reasons young enough to be a symptom of today's episode."""
    if not (resource.reasonCode or resource.reasonReference or resource.reason or resource.diagnosis):
        return False
    period = _period(resource)
    return (
        period is not None
        and period.start is not None
        and not reading.times.is_long_ago(period.start, reading.recency.encounter_reason // DAY)
    )


def reasons_of(resource: Encounter) -> tuple[list[Concept], list[Reference]]:
    """Return what an encounter names as its reason or diagnosis: concepts, and references."""
    concepts = list(resource.reasonCode or ())
    references = list(resource.reasonReference or ())
    items = [part for reason in resource.reason or () for part in (reason, *(reason.value or ()))]
    for diagnosis in resource.diagnosis or ():
        found = diagnosis.condition
        items += [] if found is None else found if isinstance(found, list) else [found]
    for item in items:
        _take_reason(item, concepts, references)
    return concepts, references


def _take_reason(item: AnyReason, concepts: list[Concept], references: list[Reference]) -> None:
    concept = concept_of(item)
    if concept is not None:
        concepts.append(concept)
    if isinstance(item.reference, Reference):
        references.append(item.reference)
    elif item.reference:
        references.append(Reference(item.reference))


def _read_reasons(reading: Reading, resource: Encounter, setting: Setting) -> None:
    """Read what an encounter names as its reason: symptoms, and for the current one its diagnoses."""
    concepts, references = reasons_of(resource)
    kinds = ("symptom", "condition") if setting.in_encounter else ("symptom",)
    for concept in (*concepts, *(Concept(text=item.display) for item in references if item.display)):
        known = read_concept(reading, concept, setting, present=True, kinds=kinds)
        if concept.text and len(concept.text) > 60:
            known |= read_text(reading, concept.text, setting)
        if not known:
            reading.count_unread("encounter", reading.sense(concept))


def reason_references(reading: Reading, current: Located | None) -> frozenset[str]:
    """Return ``Type/id`` of every resource the current encounter names as reason or diagnosis."""
    if current is None:
        return frozenset()
    _, references = reasons_of(current[3])
    named: set[str] = set()
    for item in references:
        target = reading.references.find(item.reference, current)
        if target is not None and source_of(target).reference:
            named.add(source_of(target).reference)
        elif item.reference:
            named.add(key_of(item.reference))
    return frozenset(named)


def read_orders(reading: Reading) -> None:
    """Read the reasons of current orders: a ServiceRequest for twitching is evidence of it."""
    for located in reading.usable(ServiceRequest):
        resource: ServiceRequest = located[3]
        if resource.status not in ("active", "on-hold", "draft") or resource.doNotPerform:
            continue
        moment = reading.times.read(resource.authoredOn)
        if moment is None or moment.earliest > reading.times.now:
            continue
        setting = Setting(source_of(located), moment, "order")
        for concept in resource.reasonCode or ():
            read_concept(reading, concept, setting, present=True, kinds=("symptom",))


def read_care_plans(reading: Reading) -> None:
    """Note an active care plan of comfort care: such a patient is outside the scope."""
    for located in reading.usable(CarePlan):
        resource: CarePlan = located[3]
        if resource.status != "active":
            continue
        for concept in resource.category or ():
            sense = reading.sense(concept)
            if COMFORT_CARE in sense.names("condition")[0]:
                moment = reading.period_start(resource.period)
                reading.add_event(
                    Event("condition", COMFORT_CARE, source_of(located), sense.display, moment=moment)
                )
