"""Judging what is recorded: episodes, onsets, newness, sides, absence, history."""

from __future__ import annotations

from datetime import date

import pytest
from msgspec import structs

from cds_service.facts import Moment, Source, Twitch

from .conftest import Judge, ago, dated, event, facts, lab


def test_current_episode_of_a_symptom(judge: Judge) -> None:
    assert judge("{symptom: cramp}", facts(event("symptom", "cramp", 90))).verdict is True
    assert judge("{symptom: cramp}", facts(event("symptom", "cramp", 91))).verdict is False
    assert judge("{symptom: cramp}", facts(event("symptom", "cramp", None))).verdict is True
    assert judge("{symptom: cramp}", facts()).verdict is False
    assert judge("{symptom: cramp}", facts(not_sent=("symptom",))).verdict is None


def test_documented_absence_is_not_presence(judge: Judge) -> None:
    patient = facts(event("symptom", "weakness", 1, status="absent"))
    assert judge("{symptom: weakness}", patient).verdict is False
    assert judge("{symptom: weakness, status: absent}", patient).verdict is True


ACUTE = "{symptom: facial-droop, onset_within: 24 hours}"


def test_undated_onset_counts_only_when_first_recorded_in_this_encounter(judge: Judge) -> None:
    assert judge(ACUTE, facts(event("symptom", "facial-droop", 0.02))).verdict is True
    assert judge(ACUTE, facts(event("symptom", "facial-droop", 3))).verdict is None
    stated = "{symptom: facial-droop, onset_within: 24 hours, onset: stated}"
    assert judge(stated, facts(event("symptom", "facial-droop", 0.02))).verdict is None
    assert judge(stated, facts(event("symptom", "facial-droop", 0.02, onset=ago(hours=3)))).verdict is True
    assert judge(stated, facts(event("symptom", "facial-droop", 0.02, onset=ago(hours=25)))).verdict is False


@pytest.mark.parametrize(("onset", "expected"), [("2025-06", True), ("2025", None), ("2025-04", False)])
def test_an_onset_by_month_or_year_is_not_known_to_be_new(
    judge: Judge, onset: str, expected: bool | None
) -> None:
    droop = event("symptom", "facial-droop", 0.02, onset=dated(onset))
    assert judge("{symptom: facial-droop, onset_within: 24 hours}", facts(droop)).verdict is expected
    twitch = Twitch(3, Source("Condition/t"), "twitch", onset=dated(onset))
    assert judge("{twitch: any, onset_within: 24 hours}", facts(twitch)).verdict is expected


def test_an_older_record_by_year_leaves_open_whether_it_is_new(judge: Judge) -> None:
    text = "{symptom: facial-droop, new_within: 7 days}"
    droop = event("symptom", "facial-droop", 0.02)
    for recorded, expected in (("2024", False), ("2025", None), ("2025-06", True)):
        older = structs.replace(event("symptom", "facial-droop"), moment=dated(recorded))
        assert judge(text, facts(droop, older)).verdict is expected


def test_the_same_deficit_recorded_earlier_is_not_new(judge: Judge) -> None:
    text = "{symptom: [facial-droop, dysarthria], onset_within: 24 hours, new_within: 7 days}"
    droop = event("symptom", "facial-droop", 0.02, onset=ago(hours=2))
    assert judge(text, facts(droop)).verdict is True
    assert judge(text, facts(droop, event("symptom", "facial-droop", 30))).verdict is False
    assert judge(text, facts(droop, event("symptom", "dysarthria", 30))).verdict is True


def test_conditions_active_ever_and_by_date(judge: Judge) -> None:
    past = facts(event("condition", "epilepsy", 400, status="past"))
    assert judge("{condition: epilepsy}", past).verdict is False
    assert judge("{condition: epilepsy, status: ever}", past).verdict is True
    span = "{condition: bells-palsy, status: ever, older_than: 30 days, within: 10 years}"
    assert judge(span, facts(event("condition", "bells-palsy", 400, status="past"))).verdict is True
    assert judge(span, facts(event("condition", "bells-palsy", 30))).verdict is False
    assert judge(span, facts(event("condition", "bells-palsy", 30.01))).verdict is True
    assert judge(span, facts(event("condition", "bells-palsy", None))).verdict is None


@pytest.mark.parametrize(
    ("event_side", "twitch_side", "wanted", "expected"),
    [
        ("left", "left", "same", True),
        ("left", "right", "same", False),
        ("left", "right", "opposite", True),
        ("both", "right", "opposite", False),
        (None, "right", "same", None),
        ("left", None, "same", None),
        ("left", None, "one", True),
        ("both", None, "one", False),
    ],
)
def test_sides(
    judge: Judge, event_side: str | None, twitch_side: str | None, wanted: str, expected: bool | None
) -> None:
    twitch = Twitch(3, Source("Condition/t"), "twitch", side=twitch_side)
    patient = facts(event("condition", "bells-palsy", 100, side=event_side), twitch)
    assert judge(f"{{condition: bells-palsy, side: {wanted}}}", patient).verdict is expected


def test_a_facet_that_must_not_hold_is_satisfied_by_unknown(judge: Judge) -> None:
    text = "{symptom: weakness, except: {course: progressive}}"
    assert judge(text, facts(event("symptom", "weakness"))).verdict is True
    assert judge(text, facts(event("symptom", "weakness", course="sudden"))).verdict is True
    assert judge(text, facts(event("symptom", "weakness", course="progressive"))).verdict is False


def test_lasting(judge: Judge) -> None:
    text = "{symptom: dysarthria, for_at_least: 14 days}"
    assert judge(text, facts(event("symptom", "dysarthria", onset=ago(14)))).verdict is True
    assert judge(text, facts(event("symptom", "dysarthria", onset=ago(13)))).verdict is False
    assert judge(text, facts(event("symptom", "dysarthria"))).verdict is None


def test_within_the_encounter(judge: Judge) -> None:
    text = "{symptom: tetany, within: encounter}"
    assert judge(text, facts(event("symptom", "tetany", 0.02))).verdict is True
    assert judge(text, facts(event("symptom", "tetany", 1))).verdict is False
    assert judge(text, facts(event("symptom", "tetany", 1, in_encounter=True))).verdict is True


def test_counted_records(judge: Judge) -> None:
    text = "{symptom: vomiting, times: 2}"
    assert judge(text, facts(event("symptom", "vomiting", count=2))).verdict is True
    assert judge(text, facts(event("symptom", "vomiting"))).verdict is False


TWITCH = [
    (frozenset(("lip",)), "face", True),
    (frozenset(("upper-lip",)), "lip", True),
    (frozenset(("eyelid",)), "face", True),
    (frozenset(("eyelid",)), "face-beyond-eyelid", False),
    (frozenset(("eyelid", "cheek")), "face-beyond-eyelid", True),
    (frozenset(("eyelid",)), "eyelid-only", True),
    (frozenset(("eyelid", "limb")), "eyelid-only", False),
    (frozenset(("limb",)), "body", True),
    (frozenset(("lip",)), "body", False),
    (frozenset(), "face", None),
    (frozenset(), "unknown", True),
    (frozenset(), "any", True),
]


@pytest.mark.parametrize(("sites", "wanted", "expected"), TWITCH)
def test_sites_of_the_twitch(judge: Judge, sites: frozenset[str], wanted: str, expected: bool | None) -> None:
    twitch = Twitch(3, Source("Condition/t"), "twitch", sites=sites)
    assert judge(f"{{twitch: {wanted}}}", facts(twitch)).verdict is expected


def test_duration_of_the_twitch(judge: Judge) -> None:
    long = "{twitch: any, for_at_least: 28 days}"
    short = "{twitch: any, for_less_than: 90 days}"
    stated = Twitch(3, Source("Condition/t"), "twitch", onset=ago(28))
    first = Twitch(3, Source("Condition/t"), "twitch", first_recorded=ago(28))
    assert judge(long, facts(stated)).verdict is True
    assert judge(long, facts(first)).verdict is True
    assert judge(short, facts(stated)).verdict is True
    assert judge(short, facts(first)).verdict is None
    assert judge(long, facts(Twitch(3, Source("Condition/t"), "twitch"))).verdict is None


def test_suppressible_unknown_satisfies_except(judge: Judge) -> None:
    text = "{twitch: any, except: {trait: suppressible}}"
    known = Twitch(3, Source("Condition/t"), "twitch", traits={"suppressible": True})
    assert judge(text, facts(Twitch(3, Source("Condition/t"), "twitch"))).verdict is True
    assert judge(text, facts(known)).verdict is False
    assert judge("{twitch: any, trait: suppressible}", facts(known)).verdict is True


def test_age_and_sex(judge: Judge) -> None:
    assert judge("{age: {at_least: 65 years}}", facts(age=65)).verdict is True
    assert judge("{age: {at_least: 65 years}}", facts(age=64)).verdict is False
    assert judge("{age: {at_least: 65 years}}", facts(age=None)).verdict is None
    assert judge("{sex: male}", facts(sex="male")).verdict is True
    assert judge("{sex: male}", facts()).verdict is None


def test_connectives(judge: Judge) -> None:
    patient = facts(event("symptom", "cramp"), event("condition", "ckd"))
    assert judge("{all: [{symptom: cramp}, {condition: ckd}]}", patient).verdict is True
    assert judge("{none: [{symptom: tetany}, {condition: epilepsy}]}", patient).verdict is True
    some = "{some: {at_least: 2, of: [{symptom: cramp}, {symptom: tetany}, {condition: ckd}]}}"
    assert judge(some, patient).verdict is True
    first = "{first_known: [{lab: potassium, below: 3 mmol/L, within: 7 days}, {symptom: cramp}]}"
    assert judge(first, patient).verdict is True


@pytest.mark.parametrize(
    ("born", "criterion", "expected"),
    [
        (("1960-01-01", "1960-12-31"), "{age: {at_least: 18 years}}", True),
        (("1960-01-01", "1960-12-31"), "{age: {at_least: 65 years}}", None),
        (("1959-01-01", "1959-12-31"), "{age: {at_least: 65 years}}", True),
        (("2007-01-01", "2007-12-31"), "{age: {below: 18 years}}", None),
        (("2015-01-01", "2015-12-31"), "{age: {below: 18 years}}", True),
    ],
)
def test_a_year_of_birth_answers_where_every_day_of_it_agrees(
    judge: Judge, born: tuple[str, str], criterion: str, expected: bool | None
) -> None:
    span = (date.fromisoformat(born[0]), date.fromisoformat(born[1]))
    assert judge(criterion, facts(age=None, birth_span=span)).verdict is expected


def test_adult_ranges_hold_for_a_year_of_birth_long_ago(judge: Judge) -> None:
    span = (date(1960, 1, 1), date(1960, 12, 31))
    low = "{lab: potassium, is: low, within: usual}"
    assert judge(low, facts(lab("potassium", "2.9"), age=None, birth_span=span)).verdict is True


def test_a_stated_onset_can_be_asked_for_alone(judge: Judge) -> None:
    stated = Twitch(3, Source("Condition/t"), "twitch", onset=ago(400))
    bare = Twitch(3, Source("Condition/t"), "twitch", first_recorded=ago(1))
    assert judge("{twitch: any, onset: stated}", facts(stated)).verdict is True
    assert judge("{twitch: any, onset: stated}", facts(bare)).verdict is False
    cramp = event("symptom", "cramp", onset=ago(3))
    assert judge("{symptom: cramp, onset: stated}", facts(cramp)).verdict is True
    assert judge("{symptom: cramp, onset: stated}", facts(event("symptom", "cramp"))).verdict is False


@pytest.mark.parametrize(
    ("first", "last", "text", "weeks", "year"),
    [
        (151, 0, "2025", None, False),  # it may have begun yesterday
        (516, 152, "2024", True, None),
        (881, 517, "2023", True, True),
        (61, 31, "2025-04", True, False),
        (31, 1, "2025-05", None, False),
        (14, 13, "2025-05-18", True, False),  # a day counts as the whole of it
    ],
)
def test_an_onset_known_by_month_or_year_proves_no_duration_it_may_not_have(
    judge: Judge, first: float, last: float, text: str, weeks: bool | None, year: bool | None
) -> None:
    onset = Moment(ago(first).earliest, ago(last).latest, text)
    patient = facts(event("symptom", "tremor", 0.01, onset=onset))
    assert judge("{symptom: tremor, for_at_least: 14 days}", patient).verdict is weeks
    assert judge("{symptom: tremor, for_less_than: 14 days}", patient).verdict is (
        None if weeks is None else not weeks
    )
    assert judge("{symptom: tremor, for_at_least: 365 days}", patient).verdict is year
