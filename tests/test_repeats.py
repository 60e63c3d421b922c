"""Marks by which a caution about a draft is known again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cds_service.facts import DrugUse, PatientFacts, Source
from cds_service.findings import Finding, Verdict
from cds_service.repeats import marks_of
from tests.carding import drafted, evidence, facts, finding, rule

CAUTION = finding(
    "a",
    role="order-safety",
    indicator="warning",
    drugs=("naproxen",),
    summary=("Naproxen with lithium may raise it",),
    evidence=(evidence("lithium-level", "0.8 mmol/L"),),
)
USE = drafted("naproxen")


def patient(*uses: DrugUse) -> PatientFacts:
    drugs: dict[str, tuple[DrugUse, ...]] = {}
    for use in uses or (USE,):
        drugs[use.ingredient] = (*drugs.get(use.ingredient, ()), use)
    return facts(hook="order-sign", drugs=drugs)


def mark(found: Finding = CAUTION, who: PatientFacts | None = None) -> str | None:
    return marks_of([found], {"a": rule("a")}, who or patient()).get("a")


def test_the_same_caution_about_the_same_draft_has_the_same_mark() -> None:
    assert mark() == mark() is not None
    taken = replace(USE, draft=False, source=Source("MedicationRequest/taken"))
    assert mark(who=patient(USE, taken)) == mark()


@pytest.mark.parametrize(
    "changes",
    [
        {"summary": ("Naproxen with lithium may raise it a lot",)},
        {"indicator": "info"},
        {"branch": "other"},
        {"evidence": (evidence("lithium-level", "0.9 mmol/L"), evidence("egfr", "40"))},
    ],
)
def test_other_words_weight_or_values_have_another_mark(changes: dict[str, object]) -> None:
    assert mark(replace(CAUTION, **changes)) not in (None, mark())  # type: ignore[arg-type]


def test_another_draft_has_another_mark() -> None:
    other = replace(USE, source=Source("MedicationRequest/other"))
    assert mark(who=patient(other)) not in (None, mark())
    assert mark(who=patient(USE, other)) not in (None, mark())


def test_drafts_without_an_id_are_known_by_what_they_order() -> None:
    bare = replace(USE, source=Source("", "/context/draftOrders/entry/0/resource"))
    moved = replace(bare, source=Source("", "/context/draftOrders/entry/1/resource"))
    assert mark(who=patient(bare)) == mark(who=patient(moved)) is not None
    assert mark(who=patient(replace(bare, planned_days=9))) != mark(who=patient(bare))


@pytest.mark.parametrize(
    "changes",
    [
        {"indicator": "critical"},
        {"role": "contributor"},
        {"role": "red-flag"},
        {"verdict": Verdict.UNKNOWN},
        {"drugs": ()},
    ],
)
def test_what_must_not_be_quieted_has_no_mark(changes: dict[str, object]) -> None:
    assert mark(replace(CAUTION, **changes)) is None  # type: ignore[arg-type]


def test_what_is_always_repeated_or_unknown_has_no_mark() -> None:
    always = replace(rule("a"), repeat_always=True)
    assert marks_of([CAUTION], {"a": always}, patient()) == {}
    assert marks_of([CAUTION], {}, patient()) == {}
    assert mark(who=patient(replace(USE, draft=False))) is None
