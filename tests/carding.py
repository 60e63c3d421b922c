"""Findings, rules and patients made by hand for the tests of triage, cards and explanations."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import Any

from msgspec import structs

from cds_service.facts import (
    KINDS,
    DataState,
    DrugUse,
    Measurement,
    PatientFacts,
    Source,
    Twitch,
    moment_from_datetime,
)
from cds_service.findings import Evidence, Finding, Slot, Verdict
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.rules import Branch, Rule, RuleReference, Table, parse_template
from cds_service.rules.criteria import IrritabilityCriterion

AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
BASE = "https://cds.example.org"


@cache
def knowledge() -> Knowledge:
    """The content of this checkout, loaded once for all tests of a worker."""
    return load_knowledge()


def rule(rule_id: str, **changes: Any) -> Rule:
    """A rule with nothing special about it."""
    criterion = IrritabilityCriterion()
    plain: dict[str, Any] = {
        "id": rule_id,
        "title": f"Title of {rule_id.replace('-', ' ')}",
        "group": "electrolyte",
        "status": "active",
        "version": 1,
        "date": "2025-06-01",
        "description": "made for a test",
        "cause": "test",
        "category": ("electrolyte",),
        "role": "contributor",
        "ages": "all",
        "branches": (Branch("", "twitch", criterion),),
        "unless": None,
        "strength": Table("possible"),
        "ceiling": None,
        "raises": (),
        "lowers": (),
        "ignore": frozenset(),
        "indicator": Table("info"),
        "line": "",
        "folds_into": (),
        "gives_way_to": (),
        "repeat_always": False,
        "repeat_after": None,
        "phrases": (),
        "summary": parse_template("x"),
        "detail": (),
        "safety": (),
        "workup": (),
        "advice": (),
        "references": (RuleReference("VELTRI-2015", "association", "full"),),
        "articles": (),
    }
    return Rule(**{**plain, **changes})


def with_rules(*rules: Rule) -> Knowledge:
    """The real content with these rules in place of its own."""
    return replace(
        knowledge(), rules=MappingProxyType({item.id: item for item in sorted(rules, key=lambda r: r.id)})
    )


def finding(rule_id: str, **changes: Any) -> Finding:
    """A match that says which rule it is, rests on one result and cites no drug."""
    base = Finding(
        rule_id,
        Verdict.MATCH,
        cause="test",
        strength="possible",
        indicator="info",
        evidence=(evidence("potassium", "Potassium 3.2 mmol/L on 2025-05-30 (range 3.5-5.0)", rule_id),),
        summary=(f"Finding of {rule_id.replace('-', ' ')}: possible contributor",),
    )
    return replace(base, **changes)


def evidence(name: str, text: str, source: str = "1", days_ago: int = 2, kind: str = "lab") -> Evidence:
    """One cited fact of the given age."""
    moment = moment_from_datetime(AS_OF - timedelta(days=days_ago))
    return Evidence(kind, name, text, Source(f"Observation/{source}"), moment)


def drug_evidence(name: str) -> Evidence:
    """A drug in use."""
    return Evidence("drug", name, f"{name}, since 2025-01-01", Source(f"MedicationRequest/{name}"))


def slot(text: str) -> tuple[str | Slot, ...]:
    """A line that is hedged and holds record text."""
    return ("Record says ", Slot(text), ": check")


def result(name: str, value: str, days_ago: float = 2, unit: str = "mmol/L", **changes: Any) -> Measurement:
    """One result with a range wide enough to be named in the call."""
    moment = moment_from_datetime(AS_OF - timedelta(days=days_ago))
    base = Measurement(name, Decimal(value), moment, Source(f"Observation/{name}"), f"{value} {unit}", unit)
    return structs.replace(base, **changes)


def facts(*results: Measurement, **changes: Any) -> PatientFacts:
    """An adult with a twitching lip, everything sent, and these results."""
    numbers: dict[str, tuple[Measurement, ...]] = {}
    for item in results:
        numbers[item.name] = (*numbers.get(item.name, ()), item)
    base = PatientFacts(
        as_of=AS_OF,
        patient="Patient/1",
        age_days=50 * 366,
        twitch=twitch(),
        numbers=numbers,
        states=dict.fromkeys(KINDS, DataState.PRESENT),
    )
    return replace(base, **changes)


def twitch() -> Twitch:
    """A lip that has twitched for five days."""
    onset = moment_from_datetime(AS_OF - timedelta(days=5))
    return Twitch(3, Source("Condition/twitch"), "lip twitching", frozenset({"lip"}), "right", onset, onset)


def drafted(name: str) -> DrugUse:
    """A draft order of a drug."""
    return DrugUse(name, Source(f"MedicationRequest/{name}"), name, active=True, draft=True)
