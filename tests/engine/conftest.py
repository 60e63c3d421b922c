"""Facts and rules small enough to read, on the real terminology."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from cds_service.content import content_root, parse_document, read_document
from cds_service.engine.compile import Compiler
from cds_service.engine.context import Context, Knowhow
from cds_service.engine.logic import Answer
from cds_service.facts import (
    KINDS,
    DataState,
    DrugUse,
    Encounter,
    Event,
    Measurement,
    Moment,
    PatientFacts,
    Source,
    Twitch,
    moment_from_datetime,
)
from cds_service.fhir.times import Times
from cds_service.rules import Definition, Modifiers, parse_criterion, parse_definition, parse_modifiers
from cds_service.terminology import Terminology, load_terminology

AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)


def ago(days: float = 0, hours: float = 0) -> Moment:
    return moment_from_datetime(AS_OF - timedelta(days=days, hours=hours))


def dated(text: str) -> Moment:
    """A moment as a record writes it: a day, a month or a year."""
    moment = Times(AS_OF).read(text)
    assert moment is not None
    return moment


def lab(name: str, value: str | None, days: float = 1, **changes: Any) -> Measurement:
    number = None if value is None else Decimal(value)
    return Measurement(
        name, number, ago(days), Source(f"Observation/{name}-{days}"), f"{value} unit", **changes
    )


def drug(ingredient: str, since: float | None = None, until: float | None = None, **changes: Any) -> DrugUse:
    start = None if since is None else ago(since)
    end = None if until is None else ago(until)
    changes.setdefault("active", until is None)
    return DrugUse(
        ingredient,
        Source(f"MedicationRequest/{ingredient}-{since}"),
        ingredient,
        start=start,
        end=end,
        **changes,
    )


def event(kind: str, name: str, days: float | None = 1, **changes: Any) -> Event:
    moment = None if days is None else ago(days)
    return Event(kind, name, Source(f"Condition/{name}"), name, moment=moment, **changes)


def facts(
    *items: Measurement | DrugUse | Event | Twitch,
    age: int | None = 50,
    not_sent: tuple[str, ...] = (),
    **changes: Any,
) -> PatientFacts:
    numbers: dict[str, list[Measurement]] = {}
    drugs: dict[str, list[DrugUse]] = {}
    events: dict[str, dict[str, list[Event]]] = {}
    twitch = None
    for item in items:
        if isinstance(item, Measurement):
            numbers.setdefault(item.name, []).append(item)
        elif isinstance(item, DrugUse):
            drugs.setdefault(item.ingredient, []).append(item)
        elif isinstance(item, Event):
            events.setdefault(item.kind, {}).setdefault(item.name, []).append(item)
        else:
            twitch = item
    states = {kind: DataState.NOT_SENT if kind in not_sent else DataState.NONE_FOUND for kind in KINDS}
    birth = None if age is None else AS_OF.date().replace(year=AS_OF.year - age)
    ordered = {k: tuple(sorted(v, key=lambda m: m.moment.latest)) for k, v in numbers.items()}
    changes.setdefault("encounter", Encounter(start=ago(hours=2)))
    return PatientFacts(
        AS_OF,
        "Patient/p",
        birth,
        None,
        twitch=twitch,
        numbers=ordered,
        drugs={k: tuple(v) for k, v in drugs.items()},
        events={k: {n: tuple(e) for n, e in v.items()} for k, v in events.items()},
        states=states,
        **changes,
    )


@pytest.fixture(scope="session")
def terminology() -> Terminology:
    return load_terminology(content_root())


@pytest.fixture(scope="session")
def modifiers() -> Modifiers:
    return parse_modifiers(read_document(content_root() / "cards" / "modifiers.yaml"))


Judge = Callable[..., Answer]


@pytest.fixture
def judge(terminology: Terminology, modifiers: Modifiers) -> Judge:
    """Judge one criterion, written as in a rule file, with definitions written as in theirs."""

    def run(criterion: str, patient: PatientFacts, *definitions: str) -> Answer:
        known: dict[str, Definition] = {}
        for text in definitions:
            found = parse_definition(parse_document(text, "definition.yaml"))
            known[found.id] = found
        knowhow = Knowhow(terminology, modifiers, known)
        compiler = Compiler(knowhow)
        for definition in known.values():
            if definition.when is not None:
                knowhow.criteria[definition.id] = compiler.node(definition.when)
        document = parse_document(f"when: {criterion}", "criterion.yaml")
        node = compiler.node(parse_criterion(document, ("when",)))
        assert not compiler.issues, compiler.issues
        return node.answer(Context(patient, knowhow))

    return run
