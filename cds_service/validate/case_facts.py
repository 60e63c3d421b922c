"""Build the facts of one patient from what a case file says about it.

What is not mentioned was sent and is empty; ``not_sent`` says otherwise. Times count back from a
fixed ``as_of``. Nothing here touches FHIR: the case goes straight to ``PatientFacts``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, TypeVar

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError, Issue, UnitError
from cds_service.facts import (
    KINDS,
    DataState,
    Dose,
    DrugUse,
    Encounter,
    Event,
    Measurement,
    PatientFacts,
    SetAside,
    Source,
    Twitch,
)
from cds_service.schema import nearest
from cds_service.terminology import Analyte, Terminology
from cds_service.validate import case_words as words

T = TypeVar("T")

#: The moment every case is judged at, unless the case file says another.
AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
DEFAULT_AGE = 50
SETTINGS = ("outpatient", "inpatient", "emergency")
TRAITS = ("suppressible", "sleep-persistent", "rhythmic", "tongue-involved")
#: Sections of a case and the kind of facts each one holds.
NUMBER_SECTIONS = {"labs": "lab", "vitals": "vital", "surveys": "survey"}
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


@dataclass(frozen=True, slots=True)
class Placed:
    """A value of a case and where in the file it stands."""

    value: Any
    at: Pointer


def lay_over(document: Document, pointers: Iterable[Pointer]) -> dict[str, Any]:
    """Return the patient parts at these places laid over each other, later ones winning.

    Sections that are mappings (labs and the like) are merged one level deep; everything else is
    replaced. Every value is a ``Placed``, every mapping section a dict of them.
    """
    merged: dict[str, Any] = {}
    for pointer in pointers:
        node = document.data
        for step in pointer:
            node = node[step]
        for key, value in node.items():
            if isinstance(value, dict):
                section = merged.setdefault(key, {})
                section.update({name: Placed(part, (*pointer, key, name)) for name, part in value.items()})
            else:
                merged[key] = Placed(value, (*pointer, key))
    return merged


def facts_from_case(
    document: Document, pointers: Iterable[Pointer], terminology: Terminology, *, as_of: datetime = AS_OF
) -> PatientFacts:
    """Return the facts of the patient described at ``pointers`` of a document, laid over each other.

    Raises:
        ContentError: with ``file:line`` for every fact that cannot be read, all at once.
    """
    reader = _CaseReader(document, terminology, as_of)
    facts = reader.facts(lay_over(document, pointers))
    if reader.issues:
        raise ContentError(*sorted(set(reader.issues)))
    return facts


@dataclass
class _CaseReader:
    """Reads one laid-over patient and collects every fault."""

    document: Document
    terminology: Terminology
    as_of: datetime
    issues: list[Issue] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)

    def facts(self, patient: dict[str, Any]) -> PatientFacts:
        not_sent = frozenset(_texts(patient.get("not_sent")))
        birth = self.birth_date(patient.get("age"))
        encounter, settings = self.encounter(patient.get("encounter"))
        numbers = self.numbers(patient, not_sent)
        drugs = self.drugs(patient, not_sent)
        events = self.events(patient, settings, not_sent)
        twitch = self.twitch(patient.get("twitch"))
        present = {m.kind for m in self.set_aside} | {kind for kind, names in events.items() if names}
        present |= {self.terminology.analytes[name].kind for name in numbers} | ({"drug"} if drugs else set())
        states = {kind: self.state(kind, not_sent, present, patient.get("states", {})) for kind in KINDS}
        return PatientFacts(
            as_of=self.as_of,
            patient="Patient/case",
            birth_date=birth,
            age_days=None if birth is None else (self.as_of.date() - birth).days,
            sex=None if _text(patient, "sex", "unknown") == "unknown" else _text(patient, "sex", ""),
            hook=_text(
                patient,
                "hook",
                "order-sign" if patient.get("draft") or patient.get("stopping") else "patient-view",
            ),
            encounter=encounter,
            twitch=twitch,
            twitch_state=self.twitch_state(twitch, states, not_sent),
            numbers=numbers,
            drugs=drugs,
            events=events,
            states=states,
            set_aside=tuple(self.set_aside),
            outside=_text(patient, "outside", ""),
        )

    # --- the person

    def birth_date(self, age: Placed | None) -> date | None:
        value = DEFAULT_AGE if age is None else age.value
        today = self.as_of.date()
        if value == "unknown":
            return None
        if isinstance(value, int) and 0 <= value <= 120:
            day = 28 if (today.month, today.day) == (2, 29) else today.day
            return today.replace(year=today.year - value, day=day)
        count, _, unit = str(value).partition(" ")
        if unit in ("day", "days") and count.isdigit() and int(count) < 40_000:
            return date.fromordinal(today.toordinal() - int(count))
        self.fault(age, f"is the age {value!r}; write whole years, '200 days' or unknown")
        return None

    def encounter(self, placed: Placed | None) -> tuple[Encounter, list[str]]:
        text = "outpatient" if placed is None else str(placed.value)
        if text == "none":
            return Encounter(), []
        head, _, when = text.partition(",")
        named = head.split()
        setting = [word for word in named if word in SETTINGS] or ["outpatient"]
        known = {*SETTINGS, *self.terminology.value_sets.get("encounter", {})}
        for word in named:
            if word not in known:
                self.fault(
                    placed, f"names the encounter {word!r}, which does not exist", nearest(word, known)
                )
        start = self.read(placed, words.need_time, when.strip() or "2 hours ago", self.as_of)
        return Encounter(setting[0], start, Source("Encounter/case")), [*dict.fromkeys([*named, setting[0]])]

    def twitch_state(
        self, twitch: Twitch | None, states: Mapping[str, DataState], not_sent: frozenset[str]
    ) -> DataState:
        if twitch is not None:
            return DataState.PRESENT
        if "twitch" in not_sent:
            return DataState.NOT_SENT
        return DataState.NONE_FOUND if states["symptom"].is_known else states["symptom"]

    def state(
        self, kind: str, not_sent: frozenset[str], present: set[str | None], said: Mapping[str, Placed]
    ) -> DataState:
        if kind in said:
            return DataState(said[kind].value)
        if kind in not_sent:
            return DataState.NOT_SENT
        return DataState.PRESENT if kind in present else DataState.NONE_FOUND

    # --- the kinds of facts

    def numbers(
        self, patient: Mapping[str, Any], not_sent: frozenset[str]
    ) -> dict[str, tuple[Measurement, ...]]:
        found: dict[str, tuple[Measurement, ...]] = {}
        for section, kind in NUMBER_SECTIONS.items():
            for name, placed in sorted(patient.get(section, {}).items()):
                analyte = self.analyte(kind, name, placed)
                if analyte is None or placed.value == "none" or kind in not_sent:
                    continue
                results = [
                    self.measurement(analyte, item, f"{name}-{number}")
                    for number, item in enumerate(_items(placed), start=1)
                ]
                usable = sorted(
                    (m for m in results if m is not None), key=lambda m: (m.moment.earliest, m.moment.latest)
                )
                if usable:
                    found[name] = tuple(usable)
        return found

    def analyte(self, kind: str, name: str, placed: Placed) -> Analyte | None:
        analyte = self.terminology.analytes.get(name)
        if analyte is None or analyte.kind != kind:
            known = [a.name for a in self.terminology.analytes.values() if a.kind == kind]
            self.fault(placed, f"names the {kind} {name!r}, which does not exist", nearest(name, known))
            return None
        return analyte

    def measurement(self, analyte: Analyte, item: Placed, number: str) -> Measurement | None:
        read = self.read(item, words.read_number, str(item.value), self.as_of)
        if read is None:
            return None
        source = Source(f"Observation/{number}")
        if read.unreadable:
            self.set_aside.append(
                SetAside(
                    source, "F000", "unreadable in the case", analyte.kind, analyte.name, moment=read.moment
                )
            )
            return None
        unit, canonical = self.convert(analyte, read, item)
        value, low, high = (canonical(part) for part in (read.value, read.low, read.high))
        if value is not None and not analyte.is_plausible(value):
            self.fault(
                item,
                f"gives {analyte.name} outside the plausible limits, where a result is set aside",
                "Write 'unreadable' if that is meant.",
            )
            return None
        return Measurement(
            name=analyte.name,
            value=value,
            moment=read.moment,
            source=source,
            reported=read.printed.replace(">=", "≥ ").replace("<=", "≤ "),
            unit=analyte.unit,
            comparator=read.comparator,
            low=low,
            high=high,
            direction=read.direction,
            marked=read.marked,
            unit_reported=unit,
            range_reported=read.range_printed,
            **dict.fromkeys(read.remarks, True),
        )

    def convert(
        self, analyte: Analyte, read: words.NumberWords, item: Placed
    ) -> tuple[str, Callable[[Decimal | None], Decimal | None]]:
        """Return the unit word and a function to canonical; no unit is needed for a pure number."""

        def canonical(value: Decimal | None) -> Decimal | None:
            return None if value is None else analyte.to_canonical(value, unit)

        unit = analyte.unit if analyte.unit == "1" or read.value is None else ""
        try:
            unit = self.terminology.units.parse(read.unit) if read.unit else unit
            canonical(Decimal(1))
        except UnitError:
            self.fault(
                item,
                f"gives {analyte.name} in {read.unit or 'no unit'}, which does not convert",
                f"Write one of: {', '.join(sorted(analyte.factors))}.",
            )
            return "", lambda _: None
        return unit, canonical

    def drugs(self, patient: Mapping[str, Any], not_sent: frozenset[str]) -> dict[str, tuple[DrugUse, ...]]:
        found: dict[str, list[DrugUse]] = {}
        for section in ("drugs", "administered", "draft", "stopping"):
            if "drug" in not_sent and section in ("drugs", "administered"):
                continue
            for number, item in enumerate(_items(patient.get(section)), start=1):
                read = self.read(
                    item, words.read_drug, str(item.value), self.as_of, self.terminology.routes.words
                )
                if read is not None and self.is_drug(read.name, section, item):
                    uses = found.setdefault(read.name, [])
                    uses.extend(self.uses(section, read, f"{section}-{number}", bool(uses)))
        return {name: tuple(found[name]) for name in sorted(found)}

    def is_drug(self, name: str, section: str, item: Placed) -> bool:
        terminology = self.terminology
        if name in terminology.ingredients or (
            section in ("draft", "stopping") and name in terminology.orders
        ):
            return True
        if name in terminology.drug_sets:
            members = ", ".join(sorted(terminology.drug_sets[name].members)[:6])
            self.fault(
                item,
                f"names the drug set {name!r}, but a patient takes ingredients",
                f"Write one of: {members} ...",
            )
        else:
            self.fault(
                item, f"names the drug {name!r}, which does not exist", nearest(name, terminology.ingredients)
            )
        return False

    def uses(self, section: str, read: words.DrugWords, number: str, known: bool) -> list[DrugUse]:
        ingredient = self.terminology.ingredients.get(read.name)
        dose = None if read.dose is None else Dose(read.dose)
        title = ingredient.title if ingredient else self.terminology.orders[read.name].title
        single = read.single or section == "administered"
        common: dict[str, Any] = {
            "ingredient": read.name,
            "display": title,
            "dose": dose,
            "supplies": read.supplies,
            "route": read.route or (ingredient.usual_route if ingredient else None),
            "by_text": "by text" in read.flags,
            "selected": "not selected" not in read.flags,
            "planned_days": read.days,
        }
        use = DrugUse(
            source=Source(f"MedicationRequest/{number}"),
            active=read.end is None and not single,
            start=read.start,
            end=read.end,
            administered=single,
            **common,
        )
        if section == "draft":
            return [DrugUse(source=use.source, active=True, start=None, draft=True, **common)]
        if section == "stopping":
            ending = DrugUse(
                source=use.source, active=False, start=read.start, draft=True, stopping=True, **common
            )
            taken = DrugUse(
                source=Source(f"MedicationRequest/{number}-taken"), active=True, start=read.start, **common
            )
            return [ending] if known else [taken, ending]
        return [use]

    def events(
        self, patient: Mapping[str, Any], settings: list[str], not_sent: frozenset[str]
    ) -> dict[str, dict[str, tuple[Event, ...]]]:
        found: dict[str, dict[str, list[Event]]] = {
            kind: {} for kind in dict.fromkeys(EVENT_SECTIONS.values())
        }
        for section, kind in EVENT_SECTIONS.items():
            if kind in not_sent:
                continue
            for number, item in enumerate(_items(patient.get(section)), start=1):
                read = self.read(item, words.read_event, str(item.value), self.as_of)
                if read is not None and self.is_event(kind, read.name, item):
                    event = self.event(
                        kind, read, Source(f"{_RESOURCE[kind]}/{section}-{number}"), section == "absent"
                    )
                    self.file(event, found[kind])
        if "encounter" not in not_sent:
            found["encounter"] = {}
            for name in settings:
                self.file(
                    Event("encounter", name, Source("Encounter/case"), name, in_encounter=True),
                    found["encounter"],
                )
        return {
            kind: {name: tuple(found[kind][name]) for name in sorted(found[kind])} for kind in sorted(found)
        }

    def is_event(self, kind: str, name: str, item: Placed) -> bool:
        terminology = self.terminology
        if terminology.exists(kind, name) or (kind == "allergy" and name in terminology.ingredients):
            return True
        home = "condition" if kind in ("family", "allergy") else kind
        self.fault(
            item,
            f"names the {kind} {name!r}, which does not exist",
            nearest(name, terminology.value_sets.get(home, {})),
        )
        return False

    def event(self, kind: str, read: words.EventWords, source: Source, absent: bool) -> Event:
        onset, recorded = read.onset, read.recorded
        if kind in _DATED_ONCE:
            onset, recorded = None, recorded or onset
        elif recorded is None and "undated" not in read.flags:
            recorded = onset or (words.need_time("1 hour ago", self.as_of) if kind == "symptom" else None)
        return Event(
            kind=kind,
            name=read.name,
            source=source,
            display=self.title(kind, read.name),
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

    def file(self, event: Event, found: dict[str, list[Event]]) -> None:
        """Put an event under its name and under every value set that includes it."""
        home = "condition" if event.kind in ("family", "allergy") else event.kind
        parents = self.terminology.set_parents.get(home, {}).get(event.name, ())
        for name in sorted({event.name, *parents}):
            found.setdefault(name, []).append(_renamed(event, name))

    def title(self, kind: str, name: str) -> str:
        if self.terminology.exists(kind, name):
            return self.terminology.title(kind, name)
        return self.terminology.ingredients[name].title

    def twitch(self, placed: Placed | None) -> Twitch | None:
        if placed is None or placed.value == "none":
            return None
        read = self.read(
            placed, words.read_twitch, str(placed.value), self.as_of, self.terminology.sites, TRAITS
        )
        if read is None:
            return None
        now = words.need_time("1 hour ago", self.as_of)
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

    # --- faults

    def read(self, placed: Placed | None, reader: Callable[..., T], *arguments: Any) -> T | None:
        try:
            return reader(*arguments)
        except words.WordError as error:
            self.fault(placed, str(error))
        except (OverflowError, ValueError):
            self.fault(placed, "holds a time outside of all calendars")
        return None

    def fault(self, placed: Placed | None, what: str, remedy: str = "") -> None:
        where = self.document.where(placed.at if placed else ())
        self.issues.append(Issue(where, "V130", f"{what}.", remedy))


_RESOURCE = {
    "condition": "Condition",
    "symptom": "Condition",
    "procedure": "Procedure",
    "report": "DiagnosticReport",
    "family": "FamilyMemberHistory",
    "allergy": "AllergyIntolerance",
}


def _items(placed: Placed | None) -> list[Placed]:
    if placed is None or placed.value == "none":
        return []
    if isinstance(placed.value, list):
        return [Placed(item, (*placed.at, index)) for index, item in enumerate(placed.value)]
    return [placed]


def _texts(placed: Placed | None) -> list[str]:
    return [str(item.value) for item in _items(placed)]


def _text(patient: Mapping[str, Any], key: str, otherwise: str) -> str:
    placed = patient.get(key)
    return otherwise if placed is None else str(placed.value)


def _renamed(event: Event, name: str) -> Event:
    return event if event.name == name else replace(event, name=name)
