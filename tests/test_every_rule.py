"""Whatever the values of a record, no rule makes a card that is too long, or that says what no card may."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from cds_service.cards import build_cards
from cds_service.facts import Measurement, PatientFacts
from cds_service.program import program_of
from cds_service.ready import ready_knowledge
from cds_service.text.wording import assert_clean
from cds_service.triage import triage
from cds_service.validate.case_facts import facts_from_case

KNOWLEDGE = ready_knowledge(None)
#: Names as long as a record may well hold them.
LONG = (
    "amoxicillin and clavulanate potassium 875 mg / 125 mg extended release oral tablet [Augmentin XR] " * 2
)


def sentinel(rule_id: str) -> PatientFacts:
    document = KNOWLEDGE.documents[f"rules/{rule_id}"]
    return facts_from_case(document, [("sentinels", "fires")], KNOWLEDGE.terminology)


def stretched(rows: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(structs.replace(row, display=LONG) if hasattr(row, "display") else row for row in rows)


@st.composite
def measured(draw: st.DrawFn, m: Measurement) -> Measurement:
    """The same result with another number, in any unit its test is reported in, with many digits."""
    analyte = KNOWLEDGE.terminology.analytes[m.name]
    low = analyte.plausible_from if analyte.plausible_from is not None else Decimal(0)
    high = analyte.plausible_to if analyte.plausible_to is not None else Decimal(100_000)
    value = draw(st.one_of(st.just(m.value), st.decimals(low, high, places=draw(st.integers(0, 6)))))
    unit = draw(st.sampled_from(sorted(analyte.factors)))
    if value is None or draw(st.booleans()):
        return m
    return structs.replace(m, value=value, reported=f"{value} {unit}", unit_reported=unit)


@st.composite
def patients(draw: st.DrawFn, rule_id: str) -> PatientFacts:
    base = sentinel(rule_id)
    numbers = {name: tuple(draw(measured(m)) for m in rows) for name, rows in base.numbers.items()}
    drugs = {name: stretched(rows) for name, rows in base.drugs.items()}
    events = {kind: {name: stretched(rows) for name, rows in of.items()} for kind, of in base.events.items()}
    return replace(
        base,
        numbers=MappingProxyType(numbers),
        drugs=MappingProxyType(drugs),
        events=MappingProxyType({kind: MappingProxyType(of) for kind, of in events.items()}),
    )


@pytest.mark.parametrize("rule_id", sorted(KNOWLEDGE.rules))
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_cards_keep_their_form_whatever_the_values(rule_id: str, data: st.DataObject) -> None:
    patient = data.draw(patients(rule_id))
    findings = program_of(KNOWLEDGE).judge(patient)
    assert [finding.error for finding in findings if finding.error] == []
    triaged = triage(findings, KNOWLEDGE.rules, KNOWLEDGE.triage, patient)
    cards = build_cards(triaged, patient, KNOWLEDGE, base_url="https://cds.example", instance="1")
    for card in cards:
        assert 1 <= len(card["summary"]) < 140 and "\n" not in card["summary"]
        assert len(card["detail"]) <= 2500
    assert_clean(cards, record=[LONG, *(row.reported for rows in patient.numbers.values() for row in rows)])
