"""Judging drugs: in use, started, stopped, reduced, duration, dose, route, agents, drafts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from decimal import Decimal
from itertools import permutations

import pytest
from msgspec import structs

from cds_service.facts import DAY, HOUR, Dose, DrugUse, Source, Twitch

from .conftest import Judge, ago, dated, drug, facts


def mg(amount: str) -> Dose:
    return Dose(Decimal(amount))


def twitch(onset: float | None = 5) -> Twitch:
    return Twitch(3, Source("Condition/t"), "twitch", onset=None if onset is None else ago(onset))


def test_in_use_now(judge: Judge) -> None:
    assert judge("{drug: furosemide}", facts(drug("furosemide"))).verdict is True
    assert judge("{drug: furosemide}", facts(drug("furosemide", 90, 3))).verdict is False
    assert judge("{drug: furosemide}", facts()).verdict is False
    assert judge("{drug: furosemide}", facts(not_sent=("drug",))).verdict is None


def test_a_set_stands_for_its_members(judge: Judge) -> None:
    assert judge("{drug: loop-diuretic}", facts(drug("bumetanide"))).verdict is True
    assert judge("{drug: loop-diuretic}", facts(drug("chlorthalidone"))).verdict is False


@pytest.mark.parametrize(("since", "expected"), [(30, True), (30.01, False), (None, None)])
def test_started_within(judge: Judge, since: float | None, expected: bool | None) -> None:
    assert (
        judge("{drug: furosemide, started_within: 30 days}", facts(drug("furosemide", since))).verdict
        is expected
    )


def test_a_raised_dose_is_a_start_and_a_lowered_one_is_not(judge: Judge) -> None:
    text = "{drug: prednisone, started_within: 30 days}"
    raised = facts(drug("prednisone", 200, 10, dose=mg("5")), drug("prednisone", 10, dose=mg("20")))
    lowered = facts(drug("prednisone", 200, 10, dose=mg("20")), drug("prednisone", 10, dose=mg("5")))
    assert judge(text, raised).verdict is True
    assert judge(text, lowered).verdict is False
    reduced = "{drug: prednisone, reduced_within: 30 days, by: 50 %}"
    assert judge(reduced, lowered).verdict is True
    assert judge(reduced, raised).verdict is False


def test_a_reduction_is_dated_by_the_change_of_dose(judge: Judge) -> None:
    steps = facts(
        drug("clonazepam", 700, 100, dose=mg("3")),
        drug("clonazepam", 100, 10, dose=mg("2")),
        drug("clonazepam", 10, dose=mg("1")),
    )
    answer = judge("{drug: clonazepam, reduced_within: 14 days, by: 50 %}", steps)
    assert [e.moment for e in answer.evidence] == [ago(10)]


def test_several_small_cuts_add_up(judge: Judge) -> None:
    cut = "{drug: clonazepam, reduced_within: 14 days, by: 30 %}"
    doses = [drug("clonazepam", 200, 12, dose=mg("2")), drug("clonazepam", 12, 5, dose=mg("1.6"))]
    last = drug("clonazepam", 5, dose=mg("1.3"))
    assert judge(cut, facts(*doses, last)).verdict is True
    before = [drug("clonazepam", 200, 30, dose=mg("2")), drug("clonazepam", 30, 5, dose=mg("1.6"))]
    assert judge(cut, facts(*before, last)).verdict is False


def test_a_change_without_doses_is_not_known(judge: Judge) -> None:
    cut = "{drug: clonazepam, reduced_within: 14 days, by: 25 %}"
    known = drug("clonazepam", 200, 5, dose=mg("2"))
    assert judge(cut, facts(known, drug("clonazepam", 5))).verdict is None
    assert judge(cut, facts(drug("clonazepam", 200))).verdict is False


def test_a_cream_neither_prolongs_nor_hides_the_end_of_a_tablet(judge: Judge) -> None:
    ended = drug("hydrocortisone", 90, 3, route="oral")
    cream = drug("hydrocortisone", 200, route="topical")
    stopped = "{drug: corticosteroid-systemic, stopped_within: 14 days}"
    assert judge(stopped, facts(ended, cream)).verdict is True
    assert judge("{drug: corticosteroid-systemic}", facts(ended, cream)).verdict is False
    lasting = "{drug: corticosteroid-systemic, for_at_least: 100 days}"
    tablet = drug("hydrocortisone", 90, route="oral")
    assert judge(lasting, facts(tablet, cream)).verdict is False
    assert judge(stopped, facts(ended, drug("prednisone", 1, route="oral"))).verdict is False
    assert judge(stopped, facts(ended, drug("prednisolone", 50, route="ophthalmic"))).verdict is True


def test_a_way_into_the_whole_body_goes_on_by_another(judge: Judge) -> None:
    vein = drug("hydrocortisone", 10, 3, route="intravenous")
    tablet = drug("hydrocortisone", 3, route="oral")
    lasting = "{drug: corticosteroid-systemic, for_at_least: 10 days}"
    assert judge(lasting, facts(vein, tablet)).verdict is True


def test_adjoining_supplies_are_one_exposure(judge: Judge) -> None:
    text = "{drug: omeprazole, for_at_least: 365 days}"
    assert judge(text, facts(drug("omeprazole", 400, 200), drug("omeprazole", 195))).verdict is True
    assert judge(text, facts(drug("omeprazole", 400, 200), drug("omeprazole", 150))).verdict is False
    assert judge(text, facts(drug("omeprazole"))).verdict is None


def test_stopped_means_no_agent_of_the_set_is_left(judge: Judge) -> None:
    text = "{drug: benzodiazepine-or-z, stopped_within: 14 days}"
    assert judge(text, facts(drug("clonazepam", 700, 5))).verdict is True
    assert judge(text, facts(drug("clonazepam", 700, 15))).verdict is False
    assert judge(text, facts(drug("clonazepam", 700, 5), drug("diazepam", 5))).verdict is False


def test_taken_within_reaches_back(judge: Judge) -> None:
    text = "{drug: fluoxetine, taken_within: 35 days}"
    assert judge(text, facts(drug("fluoxetine", 300, 35))).verdict is True
    assert judge(text, facts(drug("fluoxetine", 300, 36))).verdict is False
    assert judge(text, facts(drug("fluoxetine"))).verdict is True


def test_dose_as_if(judge: Judge) -> None:
    text = "{drug: corticosteroid-systemic, daily_dose: {at_least: 20 mg/d, as_if: prednisone}}"
    assert judge(text, facts(drug("methylprednisolone", 3, route="oral", dose=mg("16")))).verdict is True
    assert judge(text, facts(drug("methylprednisolone", 3, route="oral", dose=mg("15")))).verdict is False
    assert judge(text, facts(drug("methylprednisolone", 3, route="oral"))).verdict is None


def test_topical_steroid_is_not_systemic(judge: Judge) -> None:
    text = "{drug: corticosteroid-systemic}"
    assert judge(text, facts(drug("hydrocortisone", 3, route="topical"))).verdict is False
    assert judge(text, facts(drug("hydrocortisone", 3, route="oral"))).verdict is True
    assert judge(text, facts(drug("hydrocortisone", 3))).verdict is None


def test_agents_counts_ingredients(judge: Judge) -> None:
    text = "{drug: serotonergic, agents: 2}"
    assert judge(text, facts(drug("sertraline"), drug("tramadol"))).verdict is True
    assert judge(text, facts(drug("sertraline", 300, 3), drug("sertraline"))).verdict is False


def test_total_sums_separate_exposures(judge: Judge) -> None:
    text = "{drug: antipsychotic, taken_within: 60 days, total_at_least: 90 days}"
    assert (
        judge(
            text,
            facts(drug("haloperidol", 300, 250, route="oral"), drug("haloperidol", 50, 10, route="oral")),
        ).verdict
        is True
    )
    assert (
        judge(
            text,
            facts(drug("haloperidol", 300, 260, route="oral"), drug("haloperidol", 50, 10, route="oral")),
        ).verdict
        is False
    )


def test_started_before_the_onset(judge: Judge) -> None:
    text = "{drug: topiramate, started_within: 30 days, before: onset}"
    assert judge(text, facts(drug("topiramate", 20), twitch(5))).verdict is True
    assert judge(text, facts(drug("topiramate", 36), twitch(5))).verdict is False
    assert judge(text, facts(drug("topiramate", 3), twitch(5))).verdict is False
    assert judge(text, facts(drug("topiramate", 20), twitch(None))).verdict is None


def test_no_result_since_the_start(judge: Judge) -> None:
    from .conftest import lab

    text = "{lab: lithium-level, is: missing, after: {drug: nsaid, started_within: 60 days}}"
    assert (
        judge(text, facts(drug("ibuprofen", 9, route="oral"), lab("lithium-level", "0.8", 30))).verdict
        is True
    )
    assert (
        judge(text, facts(drug("ibuprofen", 9, route="oral"), lab("lithium-level", "0.8", 2))).verdict
        is False
    )
    assert judge(text, facts(lab("lithium-level", "0.8", 2))).verdict is False


def test_drafts_count_as_active_and_are_told_apart(judge: Judge) -> None:
    patient = facts(drug("succinylcholine", draft=True, active=False))
    assert judge("{draft: succinylcholine}", patient).verdict is True
    assert judge("{drug: succinylcholine}", patient).verdict is True
    assert judge("{draft: any}", patient).verdict is True
    assert judge("{draft: succinylcholine}", facts(drug("succinylcholine"))).verdict is False
    assert judge("{draft: any}", facts(drug("succinylcholine"))).verdict is False


def test_a_draft_that_stops_a_drug_ends_it(judge: Judge) -> None:
    stop = drug("clonazepam", draft=True, stopping=True, active=False)
    patient = facts(drug("clonazepam", 700), stop)
    assert judge("{stopping: benzodiazepine-or-z, for_at_least: 30 days}", patient).verdict is True
    assert judge("{drug: clonazepam}", patient).verdict is False
    switched = facts(drug("clonazepam", 700), stop, drug("diazepam", draft=True, active=False))
    assert judge("{stopping: benzodiazepine-or-z}", switched).verdict is False


def ordered(days: int | None) -> DrugUse:
    return drug("metoclopramide", draft=True, active=False, planned_days=days)


@pytest.mark.parametrize(
    ("uses", "expected"),
    [
        ([ordered(30)], True),
        ([ordered(29)], False),
        ([ordered(None)], None),
        ([ordered(10), drug("metoclopramide", 20)], True),
        ([ordered(10), drug("metoclopramide", 19)], False),
        ([ordered(None), drug("metoclopramide", 30)], True),
        ([ordered(None), drug("metoclopramide", 29)], None),
        ([ordered(10), drug("metoclopramide")], None),  # in use, nobody knows since when
        ([ordered(30), drug("metoclopramide")], True),
        ([ordered(10), drug("metoclopramide", 60, 40)], False),  # over, with a gap
        ([ordered(10), drug("metoclopramide", 60, 5)], True),  # supplies that follow one another
        ([drug("metoclopramide", 60)], False),  # nothing is ordered
    ],
)
def test_the_course_is_what_is_ordered_and_what_it_goes_on_with(
    judge: Judge, uses: list[DrugUse], expected: bool | None
) -> None:
    assert judge("{draft: metoclopramide, course_at_least: 30 days}", facts(*uses)).verdict is expected


STOP = drug("clonazepam", draft=True, stopping=True, active=False)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        ([drug("clonazepam", draft=True, active=False)], False),  # a taper
        ([drug("diazepam", draft=True, active=False)], False),  # a switch ordered now
        ([drug("diazepam", 30)], False),  # a switch begun shortly before
        ([drug("diazepam", 31)], True),
        ([drug("diazepam", 900)], True),  # in use for long
        ([drug("diazepam")], True),  # nobody knows since when
        ([drug("diazepam", 900), drug("diazepam", draft=True, active=False)], True),  # its renewal
        ([drug("diazepam", 20, 5)], True),  # begun and over
        ([drug("diazepam", 5), drug("diazepam", draft=True, stopping=True, active=False)], True),
        ([drug("sertraline", draft=True, active=False)], True),  # of another set
    ],
)
def test_only_a_taper_or_a_switch_takes_the_place_of_what_is_ended(
    judge: Judge, others: list[DrugUse], expected: bool
) -> None:
    found = judge("{stopping: benzodiazepine-or-z}", facts(drug("clonazepam", 700), STOP, *others))
    assert found.verdict is expected


def test_a_draft_that_is_not_being_chosen_ends_nothing_yet(judge: Judge) -> None:
    patient = facts(drug("clonazepam", 700), structs.replace(STOP, selected=False))
    assert judge("{stopping: clonazepam}", patient).verdict is False
    assert judge("{stopping: clonazepam}", facts(drug("clonazepam", 700), STOP)).verdict is True


def test_what_was_over_before_is_not_ended_by_a_draft(judge: Judge) -> None:
    assert judge("{stopping: clonazepam}", facts(drug("clonazepam", 700, 90), STOP)).verdict is False


@pytest.mark.parametrize(
    ("reasons", "asked", "excluded"),
    [
        (("toxicity",), True, False),
        (("allergy", "toxicity"), True, False),
        (("contraindication",), False, True),
        ((), False, True),
        (None, None, True),
    ],
)
def test_the_recorded_reason_of_the_end(
    judge: Judge, reasons: tuple[str, ...] | None, asked: bool | None, excluded: bool
) -> None:
    patient = facts(drug("clonazepam", 700), structs.replace(STOP, reasons=reasons))
    assert judge("{stopping: clonazepam, reason: [toxicity, allergy]}", patient).verdict is asked
    assert judge("{stopping: clonazepam, reason: toxicity}", patient).verdict is asked
    without = "{stopping: clonazepam, except: {reason: [toxicity, allergy]}}"
    assert judge(without, patient).verdict is excluded


def test_one_of_several_orders_that_end_a_drug_may_give_the_reason(judge: Judge) -> None:
    patient = facts(drug("clonazepam", 700), STOP, structs.replace(STOP, reasons=("toxicity",)))
    assert judge("{stopping: clonazepam, reason: toxicity}", patient).verdict is True
    assert judge("{stopping: clonazepam, except: {reason: toxicity}}", patient).verdict is False


def test_the_order_that_ends_a_drug_is_cited(judge: Judge) -> None:
    stop = structs.replace(STOP, source=Source("MedicationRequest/stop"))
    found = judge("{stopping: clonazepam}", facts(drug("clonazepam", 700), stop))
    assert Source("MedicationRequest/stop") in found.evidence[0].sources


def test_a_switch_within_the_named_set_does_not_end_the_exposure(judge: Judge) -> None:
    text = "{drug: ppi, for_at_least: 365 days}"
    switched = facts(drug("omeprazole", 1400, 60), drug("pantoprazole", 60))
    assert judge(text, switched).verdict is True
    assert judge(text, facts(drug("omeprazole", 1400, 90), drug("pantoprazole", 60))).verdict is False
    assert judge("{drug: pantoprazole, for_at_least: 365 days}", switched).verdict is False


def test_single_doses_join_only_into_a_course(judge: Judge) -> None:
    text = "{drug: prednisone, taken_within: 30 days, for_at_least: 2 days}"
    daily = [drug("prednisone", day + 0.01, day, administered=True) for day in (5, 4, 3)]
    apart = [drug("prednisone", day + 0.01, day, administered=True) for day in (13, 3)]
    assert judge(text, facts(*daily)).verdict is True
    assert judge(text, facts(*apart)).verdict is False


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_several_switches_are_one_exposure_in_whatever_order_they_are_recorded(
    judge: Judge, order: tuple[int, ...]
) -> None:
    uses = [drug("omeprazole", 1400, 800), drug("pantoprazole", 800, 60), drug("lansoprazole", 60)]
    patient = facts(*(uses[place] for place in order))
    assert judge("{drug: ppi, for_at_least: 1400 days}", patient).verdict is True
    assert judge("{drug: ppi, for_at_least: 1401 days}", patient).verdict is False


@pytest.mark.parametrize(
    "text",
    [
        "{drug: benzodiazepine-or-z, started_within: 60 days, before: {drug: benzodiazepine-or-z}}",
        "{drug: benzodiazepine-or-z, stopped_within: 60 days}",
        "{drug: benzodiazepine-or-z, for_at_least: 9000 days}",
        "{stopping: benzodiazepine-or-z}",
    ],
)
@pytest.mark.parametrize("changes", [{}, {"active": False}, {"stopping": True, "draft": True}])
def test_the_work_grows_with_the_number_of_uses_and_not_with_its_square(
    judge: Judge, text: str, changes: dict[str, bool]
) -> None:
    """A record may hold thousands of uses, dated or not; no caller may keep the service busy for minutes."""

    def work(number: int) -> int:
        undated = [drug("diazepam", **changes) for _ in range(number)]
        apart = [drug("clonazepam", 20 * n + 15, 20 * n) for n in range(number)]
        joined = [drug("lorazepam", n) for n in range(number)]
        patient = facts(*undated, *apart, *joined)
        return calls_of(lambda: judge(text, patient))

    base = work(0)
    assert work(80) - base < 3 * (work(40) - base)


def calls_of(run: Callable[[], object]) -> int:
    """Count the Python functions called meanwhile: a measure of work that does not depend on the machine."""
    count = 0

    def seen(_frame: object, what: str, _arg: object) -> None:
        nonlocal count
        count += what == "call"

    sys.setprofile(seen)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def test_a_draft_that_ends_a_drug_orders_none(judge: Judge) -> None:
    stop = drug("clonazepam", draft=True, stopping=True, active=False)
    assert judge("{draft: clonazepam}", facts(stop)).verdict is False


@pytest.mark.parametrize(
    ("taken", "ordered", "starts"),
    [
        ([], {}, True),
        ([{}], {}, False),
        ([{"dose": mg("20")}], {"dose": mg("20")}, False),
        ([{"dose": mg("20")}], {"dose": mg("10")}, False),
        ([{"dose": mg("20")}], {"dose": mg("21")}, True),
        ([{"until": 20}], {}, True),
    ],
)
def test_a_draft_starts_a_drug_or_raises_its_dose_and_a_renewal_starts_nothing(
    judge: Judge, taken: list[dict[str, object]], ordered: dict[str, object], starts: bool
) -> None:
    uses = [drug("sertraline", 700, **words) for words in taken]  # type: ignore[arg-type]
    patient = facts(*uses, drug("sertraline", draft=True, active=False, **ordered))  # type: ignore[arg-type]
    assert judge("{drug: sertraline, started_within: 72 hours}", patient).verdict is starts


def test_a_draft_begins_now_after_what_is_in_use(judge: Judge) -> None:
    ordered = drug("omeprazole", draft=True, active=False)
    assert judge("{drug: omeprazole, for_at_least: 90 days}", facts(ordered)).verdict is False
    renewed = facts(drug("omeprazole", 91), ordered)
    assert judge("{drug: omeprazole, for_at_least: 90 days}", renewed).verdict is True
    unknown = facts(drug("omeprazole"), ordered)
    assert judge("{drug: omeprazole, for_at_least: 90 days}", unknown).verdict is None


def test_a_drafted_test_has_the_title_of_its_order(judge: Judge) -> None:
    answer = judge("{draft: tsh}", facts(drug("tsh", draft=True, active=False)))
    assert answer.verdict is True
    assert "ordered now" in answer.evidence[0].text


def test_a_single_dose_was_given_and_a_course_lasted(judge: Judge) -> None:
    def words(*uses: DrugUse) -> str:
        (evidence,) = judge("{drug: denosumab, taken_within: 270 days}", facts(*uses)).evidence
        return evidence.text

    dose = structs.replace(drug("denosumab", 35, 35), administered=True)
    assert words(dose).endswith(f"given {ago(35).text[:10]}")
    course = words(structs.replace(dose, start=ago(40)))
    assert course.endswith(f"since {ago(40).text[:10]}, until {ago(35).text[:10]}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025", None),  # as of 2025-06-01: any of five months
        ("2025-05", None),  # 1 May is not within 30 days, 2 May is
        ("2025-06", True),
        ("2025-04", False),
        ("2024", False),
        ("2025-05-02", True),
    ],
)
def test_a_date_by_month_or_year_proves_nothing_at_the_edge_of_a_window(
    judge: Judge, text: str, expected: bool | None
) -> None:
    since = facts(structs.replace(drug("furosemide"), start=dated(text)))
    assert judge("{drug: furosemide, started_within: 30 days}", since).verdict is expected
    until = facts(structs.replace(drug("furosemide", 900), end=dated(text), active=False))
    assert judge("{drug: furosemide, taken_within: 30 days}", until).verdict is expected
    assert judge("{drug: furosemide, stopped_within: 30 days}", until).verdict is expected


def test_a_dose_lowered_in_a_month_that_lies_partly_in_the_window_is_not_known(judge: Judge) -> None:
    lower = structs.replace(drug("prednisone", dose=mg("5")), start=dated("2025-05"))
    cut = facts(drug("prednisone", 200, 25, dose=mg("20")), lower)
    assert judge("{drug: prednisone, reduced_within: 14 days, by: 50 %}", cut).verdict is None
    assert judge("{drug: prednisone, reduced_within: 90 days, by: 50 %}", cut).verdict is True


@pytest.mark.parametrize(
    ("start", "text", "expected"),
    [
        ("2025", "for_at_least: 84 days", None),  # as of 2025-06-01: between nothing and five months
        ("2025-05", "for_at_least: 84 days", False),
        ("2024", "for_at_least: 84 days", True),
        ("2025", "for_less_than: 84 days", None),
        ("2025-05", "for_less_than: 84 days", True),
        ("2024", "for_less_than: 84 days", False),
        ("2024", "for_at_least: 200 days, for_less_than: 300 days", None),  # between 152 and 517
        ("2025", "total_at_least: 84 days", None),
        ("2024", "total_at_least: 84 days", True),
        ("2025-05", "total_at_least: 84 days", False),
    ],
)
def test_a_start_by_month_or_year_tells_how_long_only_where_each_of_its_days_does(
    judge: Judge, start: str, text: str, expected: bool | None
) -> None:
    use = structs.replace(drug("metoclopramide"), start=dated(start))
    answer = judge(f"{{drug: metoclopramide, {text}}}", facts(use))
    assert answer.verdict is expected
    assert [gap.reason for gap in answer.missing] == (["vague-date"] if expected is None else [])


def test_a_switch_between_drugs_of_one_year_is_as_long_as_is_sure(judge: Judge) -> None:
    """Citalopram in 2023, sertraline since 2024: unbroken perhaps, for sure only since the end of 2024."""
    before = structs.replace(drug("citalopram"), start=dated("2023"), end=dated("2023"), active=False)
    since = structs.replace(drug("sertraline"), start=dated("2024"))
    text = "{drug: antidepressant, for_at_least: 600 days}"
    assert judge(text, facts(before, since)).verdict is None
    assert judge(text, facts(since)).verdict is False
    (evidence,) = judge("{drug: antidepressant}", facts(before, since)).evidence
    assert (evidence.lasted, evidence.is_least) == (152 * DAY - 12 * HOUR + 1, True)
