"""Judging results: bands, comparators, ranges, missing, trends, repeats."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from cds_service.facts import DataState, Moment, SetAside, Source

from .conftest import Judge, ago, event, facts, lab

BELOW = "{lab: potassium, below: 3.5 mmol/L, within: 30 days}"


@pytest.mark.parametrize(
    ("value", "expected"), [("3.49", True), ("3.50", False), ("3.4999999", True), ("12", False)]
)
def test_edges_are_exact(judge: Judge, value: str, expected: bool) -> None:
    assert judge(BELOW, facts(lab("potassium", value))).verdict is expected


def test_nothing_measured_is_unknown_never_normal(judge: Judge) -> None:
    answer = judge(BELOW, facts())
    assert answer.verdict is None
    assert answer.missing[0].reason == "not-measured"


def test_not_sent_is_told_apart_from_not_measured(judge: Judge) -> None:
    assert judge(BELOW, facts(not_sent=("lab",))).missing[0].reason == "not-sent"


@pytest.mark.parametrize(
    ("criterion", "comparator", "value", "expected"),
    [
        ("below: 0.3 mmol/L", "<", "0.2", True),
        ("below: 0.1 mmol/L", "<", "0.2", None),
        ("below: 0.2 mmol/L", "<", "0.2", True),
        ("below: 0.2 mmol/L", "<=", "0.2", None),
        ("at_most: 0.2 mmol/L", "<=", "0.2", True),
        ("above: 0.2 mmol/L", "<", "0.2", False),
        ("above: 5 mmol/L", ">", "5", True),
        ("above: 5 mmol/L", ">=", "5", None),
        ("at_least: 5 mmol/L", ">=", "5", True),
        ("below: 5 mmol/L", ">", "5", False),
    ],
)
def test_a_comparator_is_an_interval(
    judge: Judge, criterion: str, comparator: str, value: str, expected: bool | None
) -> None:
    text = f"{{lab: lithium-level, {criterion}, within: 30 days}}"
    assert judge(text, facts(lab("lithium-level", value, comparator=comparator))).verdict is expected


def test_the_latest_result_counts(judge: Judge) -> None:
    assert judge(BELOW, facts(lab("potassium", "2.8", 2), lab("potassium", "3.9", 1))).verdict is False


def test_pick_chooses_the_extreme(judge: Judge) -> None:
    both = facts(lab("potassium", "2.8", 2), lab("potassium", "3.9", 1))
    assert judge("{lab: potassium, below: 3.5 mmol/L, within: 30 days, pick: lowest}", both).verdict is True
    assert judge("{lab: potassium, above: 3.5 mmol/L, within: 30 days, pick: highest}", both).verdict is True


@pytest.mark.parametrize(("days", "expected"), [(30, True), (30.001, None)])
def test_windows_are_inclusive(judge: Judge, days: float, expected: bool | None) -> None:
    assert judge(BELOW, facts(lab("potassium", "3.0", days))).verdict is expected


def test_own_range_wins_over_the_default(judge: Judge) -> None:
    low = "{lab: potassium, is: low, within: 30 days}"
    assert judge(low, facts(lab("potassium", "3.6", low=Decimal("3.7"), high=Decimal("5.1")))).verdict is True
    assert (
        judge(low, facts(lab("potassium", "3.4", low=Decimal("3.2"), high=Decimal("5.1")))).verdict is False
    )
    assert judge(low, facts(lab("potassium", "3.4"))).verdict is True


def test_no_adult_range_for_a_child_or_an_unknown_age(judge: Judge) -> None:
    """I9: adult default reference ranges are never applied under 18 years."""
    low = "{lab: potassium, is: low, within: 30 days}"
    assert judge(low, facts(lab("potassium", "3.0"), age=8)).verdict is None
    assert judge(low, facts(lab("potassium", "3.0"), age=None)).verdict is None
    assert judge(low, facts(lab("potassium", "3.0", low=Decimal("3.4")), age=8)).verdict is True


def test_a_direction_answers_ranges_but_no_number(judge: Judge) -> None:
    low = facts(lab("potassium", None, direction="low"))
    assert judge("{lab: potassium, is: low, within: 30 days}", low).verdict is True
    assert judge("{lab: potassium, is: normal, within: 30 days}", low).verdict is False
    assert judge(BELOW, low).verdict is None
    assert judge("{lab: potassium, is: very-low, within: 30 days}", low).verdict is False


def test_a_panic_mark_is_very_low(judge: Judge) -> None:
    marked = facts(lab("potassium", None, direction="low", marked=True))
    assert judge("{lab: potassium, is: very-low, within: 30 days}", marked).verdict is True


def test_a_doubtful_unit_answers_its_own_range_only(judge: Judge) -> None:
    doubtful = facts(lab("potassium", "13.2", low=Decimal("12"), high=Decimal("16"), unit_doubtful=True))
    assert judge("{lab: potassium, is: normal, within: 30 days}", doubtful).verdict is True
    assert judge("{lab: potassium, above: 6 mmol/L, within: 30 days}", doubtful).verdict is None


def test_a_hemolyzed_potassium_is_an_upper_bound(judge: Judge) -> None:
    """Specification 3.1: a low potassium in a hemolyzed sample stays valid, a high one is unreliable."""
    assert judge(BELOW, facts(lab("potassium", "3.2", sample_doubtful=True))).verdict is True
    high = "{lab: potassium, at_least: 5.5 mmol/L, within: 30 days}"
    assert judge(high, facts(lab("potassium", "5.9", sample_doubtful=True))).verdict is None
    doubtful = "{lab: potassium, at_least: 5.5 mmol/L, within: 30 days, sample: doubtful}"
    assert judge(doubtful, facts(lab("potassium", "5.9", sample_doubtful=True))).verdict is True
    assert judge(doubtful, facts(lab("potassium", "5.9"))).verdict is False


def test_a_flagged_sample_of_another_analyte_is_unknown(judge: Judge) -> None:
    low = "{lab: magnesium, below: 0.70 mmol/L, within: 30 days}"
    assert judge(low, facts(lab("magnesium", "0.5", sample_doubtful=True))).verdict is None


MISSING = "{lab: magnesium, is: missing, within: 30 days}"


def test_missing_is_true_only_where_labs_were_sent_and_readable(judge: Judge) -> None:
    assert judge(MISSING, facts()).verdict is True
    assert judge(MISSING, facts(not_sent=("lab",))).verdict is None
    assert judge(MISSING, facts(lab("magnesium", "0.8"))).verdict is False
    assert judge(MISSING, facts(lab("magnesium", "0.8", 31))).verdict is True
    aside = SetAside(Source("Observation/1"), "F000", "unit", "lab", "magnesium", moment=ago(1))
    assert judge(MISSING, facts(set_aside=(aside,))).verdict is None
    old = SetAside(Source("Observation/1"), "F000", "unit", "lab", "magnesium", moment=ago(60))
    assert judge(MISSING, facts(set_aside=(old,))).verdict is True


def test_low_or_missing(judge: Judge) -> None:
    either = "{lab: magnesium, is: [low, missing], within: usual}"
    assert judge(either, facts()).verdict is True
    assert judge(either, facts(lab("magnesium", "0.5"))).verdict is True
    assert judge(either, facts(lab("magnesium", "0.9"))).verdict is False


FALL = "{lab: sodium, falls_by: 10 mmol/L, over: 2 days, within: 7 days}"


@pytest.mark.parametrize(
    ("earlier", "expected"),
    [(("140", 2), True), (("139", 2), False), (("150", 4), None), (("120", 2), False)],
)
def test_a_fall_needs_an_earlier_result_in_its_span(
    judge: Judge, earlier: tuple[str, int], expected: bool | None
) -> None:
    assert (
        judge(FALL, facts(lab("sodium", earlier[0], earlier[1]), lab("sodium", "130", 1))).verdict is expected
    )


def test_percent_changes(judge: Judge) -> None:
    text = "{lab: creatinine, rises_by: 50 %, over: 7 days, within: 7 days}"
    assert judge(text, facts(lab("creatinine", "80", 5), lab("creatinine", "120", 1))).verdict is True
    assert judge(text, facts(lab("creatinine", "80", 5), lab("creatinine", "119", 1))).verdict is False


TWICE = "{lab: potassium, below: 3.5 mmol/L, times: 2, apart: 30 days, within: 365 days}"


def test_repeats_need_distance_and_the_latest(judge: Judge) -> None:
    assert judge(TWICE, facts(lab("potassium", "3.1", 60), lab("potassium", "3.2", 1))).verdict is True
    assert judge(TWICE, facts(lab("potassium", "3.1", 20), lab("potassium", "3.2", 1))).verdict is False
    assert judge(TWICE, facts(lab("potassium", "3.1", 60), lab("potassium", "4.0", 1))).verdict is False
    assert judge(TWICE, facts(lab("potassium", "3.2", 1))).verdict is None


def test_anchored_results(judge: Judge) -> None:
    text = "{lab: pth, below: 6.9 pmol/L, within: 7 days, of: {lab: calcium-total, is: low, within: 30 days}}"
    assert judge(text, facts(lab("pth", "1", 10), lab("calcium-total", "1.9", 4))).verdict is True
    assert judge(text, facts(lab("pth", "1", 20), lab("calcium-total", "1.9", 4))).verdict is None
    assert judge(text, facts(lab("pth", "1", 10), lab("calcium-total", "2.4", 4))).verdict is False
    assert judge(text, facts(lab("pth", "1", 10))).verdict is None


def test_converted_limits(judge: Judge) -> None:
    text = "{lab: calcium-total, below: 8.0 mg/dL, within: 30 days}"
    assert judge(text, facts(lab("calcium-total", "1.99"))).verdict is True
    assert judge(text, facts(lab("calcium-total", "2.00"))).verdict is False


def test_multiples_of_the_upper_limit(judge: Judge) -> None:
    text = "{lab: ck, at_least: 4 x range-high, within: 90 days}"
    assert judge(text, facts(lab("ck", "400", high=Decimal("100")))).verdict is True
    assert judge(text, facts(lab("ck", "399", high=Decimal("100")))).verdict is False
    assert judge(text, facts(lab("ck", "400", high=Decimal("100")), age=8)).verdict is True
    assert judge(text, facts(lab("ck", "4000"), age=8)).verdict is None


CORRECTED = """
id: calcium-corrected
title: Calcium corrected for albumin
unit: mmol/L
drawn_within: 7 days
sum: [{lab: calcium-total}, {lab: albumin, times: -0.02}, {plus: 0.8}]
only_if: {lab: albumin, below: 40 g/L, within: usual}
range_of: calcium-total
references: []
"""
BEST = """
id: calcium-best
title: Calcium, corrected or total
first_of: [{lab: calcium-corrected}, {lab: calcium-total}]
references: []
"""


def test_corrected_calcium(judge: Judge) -> None:
    text = "{lab: calcium-best, below: 2.05 mmol/L, within: 30 days}"
    low_albumin = facts(lab("calcium-total", "2.00"), lab("albumin", "22"))
    assert judge(text, low_albumin, CORRECTED, BEST).verdict is False
    assert (
        judge(text, facts(lab("calcium-total", "2.00"), lab("albumin", "40")), CORRECTED, BEST).verdict
        is True
    )
    assert (
        judge(text, facts(lab("calcium-total", "2.00"), lab("albumin", "22", 9)), CORRECTED, BEST).verdict
        is True
    )
    value = judge(
        "{lab: calcium-best, above: 2 mmol/L, within: 30 days}", low_albumin, CORRECTED, BEST
    ).evidence[0]
    assert value.value == Decimal("2.36")
    assert "calculated" in value.text


@given(value=st.decimals("0.5", "9", places=3), limit=st.decimals("0.5", "9", places=2))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_below_and_at_least_are_opposites(judge: Judge, value: Decimal, limit: Decimal) -> None:
    patient = facts(lab("potassium", str(value)))
    below = judge(f"{{lab: potassium, below: {limit} mmol/L, within: 30 days}}", patient).verdict
    at_least = judge(f"{{lab: potassium, at_least: {limit} mmol/L, within: 30 days}}", patient).verdict
    assert below is not at_least
    assert below is (value < limit)


@pytest.mark.parametrize("state", [s for s in DataState if not s.is_known])
def test_every_unknown_state_keeps_the_answer_unknown(judge: Judge, state: DataState) -> None:
    patient: Any = facts(event("condition", "ckd"))
    states = dict(patient.states) | {"lab": state}
    assert judge(MISSING, facts_with_states(patient, states)).verdict is None


def facts_with_states(patient: Any, states: dict[str, DataState]) -> Any:
    from dataclasses import replace

    return replace(patient, states=states)


def test_an_infusion_arm_sample_says_nothing(judge: Judge) -> None:
    """EL-01: do not show when the potassium was drawn from the infusion arm."""
    patient = facts(lab("potassium", "2.4", sample_unusable=True))
    assert judge(BELOW, patient).verdict is None
    assert judge("{lab: potassium, is: low, within: usual}", patient).verdict is None


def test_a_corrected_calcium_is_printed_in_the_unit_of_the_laboratory(judge: Judge) -> None:
    patient = facts(lab("calcium-total", "2.00", unit_reported="mg/dL"), lab("albumin", "22"))
    shown = judge("{lab: calcium-best, above: 2 mmol/L, within: 30 days}", patient, CORRECTED, BEST).evidence[
        0
    ]
    assert shown.reported == "9.5 mg/dL (calculated)"
    assert shown.value == Decimal("2.36")


def test_any_older_match_anchors_where_a_newer_one_is_missing(judge: Judge) -> None:
    either = "{any: [{lab: calcium-ionized, is: low, within: 90 days}, {lab: calcium-total, is: low, within: 90 days}]}"
    text = f"{{lab: pth, below: 6.9 pmol/L, within: 7 days, of: {either}}}"
    older_low = (lab("calcium-ionized", "0.9", 40), lab("calcium-ionized", "1.2", 2))
    assert judge(text, facts(lab("pth", "1", 42), *older_low)).verdict is True


def test_a_result_of_another_time_is_not_called_none_on_record(judge: Judge) -> None:
    def words(*results: Any) -> str:
        (evidence,) = judge(MISSING, facts(*results)).evidence
        return evidence.text

    assert words() == "Magnesium: none on record"
    assert words(lab("magnesium", "0.8", 200)) == f"Magnesium: none recent (newest {ago(200).text[:10]})"


def span_of(first: float, last: float, text: str) -> Moment:
    """A date known by no more than that it lies between so many days ago."""
    return Moment(ago(first).earliest, ago(last).latest, text)


THIS_YEAR = span_of(151, 0, "2025")


@pytest.mark.parametrize(
    ("vague", "exact", "expected"),
    [("2.9", "3.0", True), ("4.1", "4.0", False), ("2.9", "4.0", None), ("4.1", "3.0", None)],
)
@pytest.mark.parametrize("moment", [THIS_YEAR, span_of(31, 1, "2025-05"), span_of(4, 3, "2025-05-28")])
def test_of_two_results_in_unclear_order_neither_is_believed_alone(
    judge: Judge, moment: Moment, vague: str, exact: str, expected: bool | None
) -> None:
    one, other = structs.replace(lab("potassium", vague), moment=moment), lab("potassium", exact, 3.5)
    answer = judge("{lab: potassium, below: 3.5 mmol/L, within: usual}", facts(one, other))
    assert answer.verdict is expected
    if expected is None:
        assert {e.value for e in answer.evidence} == {Decimal(vague), Decimal(exact)}
        assert [(gap.name, gap.reason) for gap in answer.missing] == [("potassium", "contradictory")]


def test_a_result_surely_older_than_the_newest_is_not_asked(judge: Judge) -> None:
    older = structs.replace(lab("potassium", "2.9"), moment=span_of(60, 20, "2025-04"))
    newest = lab("potassium", "4.0", 19)
    assert judge("{lab: potassium, below: 3.5 mmol/L, within: usual}", facts(older, newest)).verdict is False


def test_a_vague_result_that_may_be_inside_the_window_is_no_absence(judge: Judge) -> None:
    """The exact result is too old; the other may be from today, so that nobody can say "not measured"."""
    vague, old = structs.replace(lab("magnesium", "0.9"), moment=THIS_YEAR), lab("magnesium", "0.6", 100)
    for patient in (facts(vague, old), facts(old, vague)):
        assert judge("{lab: magnesium, is: missing, within: usual}", patient).verdict is False
        assert judge("{lab: magnesium, is: low, within: usual}", patient).verdict is False


def test_two_results_of_one_moment_that_differ_are_no_answer(judge: Judge) -> None:
    one, other = (
        lab("potassium", "2.9"),
        structs.replace(lab("potassium", "4.0"), source=Source("Observation/2")),
    )
    for patient in (facts(one, other), facts(other, one)):
        assert judge("{lab: potassium, below: 3.5 mmol/L, within: usual}", patient).verdict is None
        assert judge("{lab: potassium, below: 5.0 mmol/L, within: usual}", patient).verdict is True
        assert (
            judge("{lab: potassium, below: 3.5 mmol/L, within: usual, pick: lowest}", patient).verdict is True
        )


def test_a_change_or_a_repetition_needs_a_newest_result_that_is_certain(judge: Judge) -> None:
    before = lab("creatinine", "80", 5)
    vague = structs.replace(lab("creatinine", "80"), moment=span_of(3, 1, "2025-05"))
    rise = "{lab: creatinine, rises_by: 26.5 umol/L, over: 7 days, within: 7 days}"
    assert judge(rise, facts(before, lab("creatinine", "130", 2))).verdict is True
    assert judge(rise, facts(before, lab("creatinine", "130", 2), vague)).verdict is None
    twice = "{lab: creatinine, above: 100 umol/L, times: 2, within: 30 days}"
    two = (lab("creatinine", "130", 2), lab("creatinine", "130", 4))
    assert judge(twice, facts(*two)).verdict is True
    assert judge(twice, facts(*two, vague)).verdict is None
