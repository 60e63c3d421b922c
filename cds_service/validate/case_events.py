"""Read what a case says was recorded: conditions, symptoms, procedures, reports, history, allergies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import structs

from cds_service.facts import Event, Source
from cds_service.fhir.states import main_type
from cds_service.schema import nearest
from cds_service.terminology.store import BORROWED
from cds_service.validate import case_words as words
from cds_service.validate.case_desk import Desk, Placed, items_of

#: Sections of a case and the kind of events each one holds.
EVENT_SECTIONS = {
    "conditions": "condition",
    "symptoms": "symptom",
    "absent": "symptom",
    "procedures": "procedure",
    "reports": "report",
    "family": "family",
    "allergies": "allergy",
}
#: Kinds whose mention has one date, and that date is not an onset.
_DATED_ONCE = frozenset({"procedure", "report", "family", "allergy", "encounter"})


def read_events(
    desk: Desk, patient: Mapping[str, Any], settings: list[str], not_sent: frozenset[str]
) -> dict[str, dict[str, tuple[Event, ...]]]:
    """Return events by kind and name. ``settings`` are class and names of the current encounter."""
    found: dict[str, dict[str, list[Event]]] = {kind: {} for kind in dict.fromkeys(EVENT_SECTIONS.values())}
    for section, kind in EVENT_SECTIONS.items():
        if kind in not_sent:
            continue
        for number, item in enumerate(items_of(patient.get(section)), start=1):
            read = desk.read(item, words.read_event, str(item.value), desk.as_of)
            if read is not None and _is_event(desk, kind, read.name, item):
                event = _event(
                    desk, kind, read, Source(f"{main_type(kind)}/{section}-{number}"), section == "absent"
                )
                _file(desk, event, found[kind])
    if "encounter" not in not_sent:
        found["encounter"] = {}
        for name in settings:
            _file(
                desk,
                Event("encounter", name, Source("Encounter/case"), name, in_encounter=True),
                found["encounter"],
            )
    return {kind: {name: tuple(found[kind][name]) for name in sorted(found[kind])} for kind in sorted(found)}


def _is_event(desk: Desk, kind: str, name: str, item: Placed) -> bool:
    terminology = desk.terminology
    if terminology.exists(kind, name) or (kind == "allergy" and name in terminology.ingredients):
        return True
    home = BORROWED.get(kind, kind)
    desk.fault(
        item,
        f"names the {kind} {name!r}, which does not exist",
        nearest(name, terminology.value_sets.get(home, {})) or f"Choose a name of terminology/{home}s/.",
    )
    return False


def _event(desk: Desk, kind: str, read: words.EventWords, source: Source, absent: bool) -> Event:
    onset, recorded = read.onset, read.recorded
    if kind in _DATED_ONCE:
        onset, recorded = None, recorded or onset
    elif recorded is None and "undated" not in read.flags:
        recorded = onset or (words.need_time("1 hour ago", desk.as_of) if kind == "symptom" else None)
    return Event(
        kind=kind,
        name=read.name,
        source=source,
        display=_title(desk, kind, read.name),
        status="absent" if absent else "past" if "past" in read.flags else "active",
        moment=recorded,
        onset=onset,
        side=read.side,
        course=read.course,
        count=read.count,
        in_encounter="in encounter" in read.flags,
        by_text="by text" in read.flags,
        patient_reported="patient reported" in read.flags,
    )


def _file(desk: Desk, event: Event, found: dict[str, list[Event]]) -> None:
    """Put an event under its name and under every value set that includes it."""
    home = BORROWED.get(event.kind, event.kind)
    parents = desk.terminology.set_parents.get(home, {}).get(event.name, ())
    for name in sorted({event.name, *parents}):
        found.setdefault(name, []).append(_renamed(event, name))


def _title(desk: Desk, kind: str, name: str) -> str:
    if desk.terminology.exists(kind, name):
        return desk.terminology.title(kind, name)
    return desk.terminology.ingredients[name].title


def _renamed(event: Event, name: str) -> Event:
    return event if event.name == name else structs.replace(event, name=name)
