"""Build the facts of one patient from what a case file says about it.

What is not mentioned was sent and is empty; ``not_sent`` says otherwise. Times count back from a
fixed ``as_of``. Nothing here touches FHIR: the case goes straight to ``PatientFacts``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError
from cds_service.facts import KINDS, DataState, Encounter, PatientFacts, Source, Twitch
from cds_service.schema import nearest
from cds_service.terminology import Terminology
from cds_service.validate import case_words as words
from cds_service.validate.case_desk import Desk, Placed, items_of, lay_over, text_of
from cds_service.validate.case_drugs import read_drugs
from cds_service.validate.case_events import read_events
from cds_service.validate.case_numbers import read_numbers

#: The moment every case is judged at, unless the case file says another.
AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
DEFAULT_AGE = 50
SETTINGS = ("outpatient", "inpatient", "emergency")
TRAITS = ("suppressible", "sleep-persistent", "rhythmic", "tongue-involved")


def facts_from_case(
    document: Document, pointers: Iterable[Pointer], terminology: Terminology, *, as_of: datetime = AS_OF
) -> PatientFacts:
    """Return the facts of the patient described at ``pointers`` of a document, laid over each other.

    Raises:
        ContentError: with ``file:line`` for every fact that cannot be read, all at once.
    """
    desk = Desk(document, terminology, as_of)
    facts = _facts(desk, lay_over(document, pointers))
    if desk.issues:
        raise ContentError(*sorted(set(desk.issues)))
    return facts


def _facts(desk: Desk, patient: dict[str, Any]) -> PatientFacts:
    not_sent = frozenset(str(item.value) for item in items_of(patient.get("not_sent")))
    birth = _birth_date(desk, patient.get("age"))
    encounter, settings = _encounter(desk, patient.get("encounter"))
    numbers = read_numbers(desk, patient, not_sent)
    drugs = read_drugs(desk, patient, not_sent)
    events = read_events(desk, patient, settings, not_sent)
    twitch = _twitch(desk, patient.get("twitch"))
    present = {m.kind for m in desk.set_aside} | {kind for kind, names in events.items() if names}
    present |= {desk.terminology.analytes[name].kind for name in numbers} | ({"drug"} if drugs else set())
    states = {kind: _state(kind, not_sent, present, patient.get("states", {})) for kind in KINDS}
    return PatientFacts(
        as_of=desk.as_of,
        patient="Patient/case",
        birth_date=birth,
        age_days=None if birth is None else (desk.as_of.date() - birth).days,
        sex=None if text_of(patient, "sex", "unknown") == "unknown" else text_of(patient, "sex", ""),
        hook=text_of(
            patient,
            "hook",
            "order-sign" if patient.get("draft") or patient.get("stopping") else "patient-view",
        ),
        encounter=encounter,
        twitch=twitch,
        twitch_state=_twitch_state(twitch, states, not_sent),
        numbers=numbers,
        drugs=drugs,
        events=events,
        states=states,
        set_aside=tuple(desk.set_aside),
        outside=text_of(patient, "outside", ""),
    )


def _birth_date(desk: Desk, age: Placed | None) -> date | None:
    value = DEFAULT_AGE if age is None else age.value
    today = desk.as_of.date()
    if value == "unknown":
        return None
    if isinstance(value, int) and 0 <= value <= 120:
        day = 28 if (today.month, today.day) == (2, 29) else today.day
        return today.replace(year=today.year - value, day=day)
    count, _, unit = str(value).partition(" ")
    if unit in ("day", "days") and count.isdigit() and int(count) < 40_000:
        return date.fromordinal(today.toordinal() - int(count))
    desk.fault(age, f"is the age {value!r}; write whole years, '200 days' or unknown")
    return None


def _encounter(desk: Desk, placed: Placed | None) -> tuple[Encounter, list[str]]:
    text = "outpatient" if placed is None else str(placed.value)
    if text == "none":
        return Encounter(), []
    head, _, when = text.partition(",")
    named = head.split()
    setting = [word for word in named if word in SETTINGS] or ["outpatient"]
    known = {*SETTINGS, *desk.terminology.value_sets.get("encounter", {})}
    for word in named:
        if word not in known:
            desk.fault(placed, f"names the encounter {word!r}, which does not exist", nearest(word, known))
    start = desk.read(placed, words.need_time, when.strip() or "2 hours ago", desk.as_of)
    return Encounter(setting[0], start, Source("Encounter/case")), [*dict.fromkeys([*named, setting[0]])]


def _twitch_state(
    twitch: Twitch | None, states: Mapping[str, DataState], not_sent: frozenset[str]
) -> DataState:
    if twitch is not None:
        return DataState.PRESENT
    if "twitch" in not_sent:
        return DataState.NOT_SENT
    return DataState.NONE_FOUND if states["symptom"].is_known else states["symptom"]


def _state(
    kind: str, not_sent: frozenset[str], present: set[str | None], said: Mapping[str, Placed]
) -> DataState:
    if kind in said:
        return DataState(said[kind].value)
    if kind in not_sent:
        return DataState.NOT_SENT
    return DataState.PRESENT if kind in present else DataState.NONE_FOUND


def _twitch(desk: Desk, placed: Placed | None) -> Twitch | None:
    if placed is None or placed.value == "none":
        return None
    read = desk.read(placed, words.read_twitch, str(placed.value), desk.as_of, desk.terminology.sites, TRAITS)
    if read is None:
        return None
    now = words.need_time("1 hour ago", desk.as_of)
    first, last = read.recorded or (now, now)
    source = Source("Condition/twitch")
    return Twitch(
        level=2 if "by text" in read.flags else 3,
        source=source,
        display=", ".join(["Muscle twitching", *sorted(read.sites)]),
        sites=read.sites,
        side=read.side,
        onset=read.onset,
        first_recorded=first,
        last_recorded=last,
        course=read.course,
        traits=read.traits,
        patient_reported="patient reported" in read.flags,
        origin="case",
        sources=(source,),
    )
