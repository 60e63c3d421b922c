"""Marks by which a caution about a draft is known again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from msgspec import structs

from cds_service.facts import DAY, DrugUse, PatientFacts, Source
from cds_service.findings import Finding, Verdict
from cds_service.triage.repeats import Known, Mark, known_again, marks_of, nothing_shown
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


HOURS = 3600
YEARLY = replace(rule("a"), repeat_after=365 * DAY)
INFO = replace(CAUTION, indicator="info")


def mark(found: Finding = CAUTION, who: PatientFacts | None = None) -> Mark | None:
    return marks_of([found], {"a": rule("a")}, who or patient(), 24 * HOURS).get("a")


def lasting(found: Finding = INFO, who: PatientFacts | None = None) -> Mark | None:
    return marks_of([found], {"a": YEARLY}, who or patient(), 0).get("a")


def test_the_same_caution_about_the_same_draft_has_the_same_mark() -> None:
    assert mark() == mark() is not None
    taken = structs.replace(USE, draft=False, source=Source("MedicationRequest/taken"))
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
    other = structs.replace(USE, source=Source("MedicationRequest/other"))
    assert mark(who=patient(other)) not in (None, mark())
    assert mark(who=patient(USE, other)) not in (None, mark())


def test_drafts_without_an_id_are_known_by_what_they_order() -> None:
    bare = structs.replace(USE, source=Source("", "/context/draftOrders/entry/0/resource"))
    moved = structs.replace(bare, source=Source("", "/context/draftOrders/entry/1/resource"))
    assert mark(who=patient(bare)) == mark(who=patient(moved)) is not None
    assert mark(who=patient(structs.replace(bare, planned_days=9))) != mark(who=patient(bare))


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
    assert marks_of([CAUTION], {"a": always}, patient(), HOURS) == {}
    assert marks_of([CAUTION], {}, patient(), HOURS) == {}
    assert mark(who=patient(structs.replace(USE, draft=False))) is None


def test_a_mark_about_a_draft_counts_as_long_as_the_hooks_say_and_for_one_user() -> None:
    found = mark()
    assert found is not None and (found.seconds, found.for_all) == (24 * HOURS, False)
    assert marks_of([CAUTION], {"a": rule("a")}, patient(), 0) == {}


# --- marks that last


def test_a_lasting_mark_holds_for_everybody_and_any_draft_of_the_drug() -> None:
    found = lasting()
    assert found is not None and (found.seconds, found.for_all) == (365 * DAY, True)
    other = structs.replace(USE, source=Source("MedicationRequest/other"))
    assert lasting(who=patient(other)) == found
    assert lasting(replace(INFO, summary=("Told on another day",))) == found


@pytest.mark.parametrize(
    "changes",
    [
        {"drugs": ("naproxen", "furosemide")},
        {"drugs": ("ibuprofen",)},
        {"branch": "other"},
        {"evidence": (replace(INFO.evidence[0], value=Decimal("0.9")),)},
        {"evidence": (replace(INFO.evidence[0], source=Source("Observation/newer")),)},
        {"evidence": (*INFO.evidence, evidence("egfr", "40"))},
    ],
)
def test_a_new_drug_or_result_is_told_again(changes: dict[str, object]) -> None:
    assert lasting(replace(INFO, **changes)) not in (None, lasting())  # type: ignore[arg-type]


def test_only_an_info_is_told_so_rarely() -> None:
    assert lasting(CAUTION) is None
    about_the_draft = marks_of([CAUTION], {"a": YEARLY}, patient(), HOURS)["a"]
    assert (about_the_draft.seconds, about_the_draft.for_all) == (HOURS, False)
    assert lasting(replace(INFO, indicator="critical")) is None
    assert lasting(replace(INFO, role="workup")) is None


def test_a_mark_that_is_recalled_gives_the_reason() -> None:
    marks = {"a": Mark("x", 24 * HOURS), "b": Mark("y", 365 * DAY, for_all=True), "c": Mark("z", 24 * HOURS)}
    findings = [replace(CAUTION, rule_id=name) for name in "abcd"]
    again = known_again(findings, marks, lambda asked: [m for m in asked if m.text in "xy"], "order-select")
    assert again == {
        "a": Known("shown-at-order-select", "warning"),
        "b": Known("shown-within-365-days", "warning"),
    }
    assert known_again(findings, marks, nothing_shown, "order-select") == {}
