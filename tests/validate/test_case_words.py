from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.facts import DAY
from cds_service.validate.case_facts import TRAITS
from cds_service.validate.case_words import (
    WordError,
    read_drug,
    read_event,
    read_number,
    read_time,
    read_twitch,
)

AS_OF = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOW = int(AS_OF.timestamp())
ROUTES = frozenset({"oral", "intravenous"})
SITES = ("lip", "upper-lip", "eyelid", "limb")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1 minute ago", 60),
        ("2 hours ago", 7200),
        ("1 day ago", DAY),
        ("2 years ago", 2 * 31_557_600),
        ("now", 0),
    ],
)
def test_a_time_counts_back_from_the_moment(text: str, seconds: int) -> None:
    moment = read_time(text, AS_OF)
    assert moment is not None and moment.earliest == moment.latest == NOW - seconds


@pytest.mark.parametrize("text", ["today", "2025-05-30"])
def test_a_day_is_the_whole_day(text: str) -> None:
    moment = read_time(text, AS_OF)
    assert moment is not None and moment.is_day_only and moment.latest - moment.earliest == DAY - 1


@pytest.mark.parametrize("text", ["2 weeks ago", "2 days", "yesterday", "2025-13-01", "-1 days ago", ""])
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text, AS_OF) is None


def test_a_result_with_everything() -> None:
    read = read_number("<0.2 mmol/L, 2 days ago, range 0.7-1.0, hemolyzed, LL", AS_OF)
    assert (read.comparator, read.value, read.unit) == ("<", Decimal("0.2"), "mmol/L")
    assert (read.low, read.high, read.range_printed) == (Decimal("0.7"), Decimal("1.0"), "0.7-1.0")
    assert (read.direction, read.marked) == ("low", True)
    assert read.remarks == {"sample_doubtful"}
    assert read.moment.latest == NOW - 2 * DAY


@pytest.mark.parametrize(
    ("text", "direction", "marked"),
    [
        ("low, 5 days ago", "low", False),
        ("LL, today", "low", True),
        ("very high", "high", True),
        ("AA", None, True),
    ],
)
def test_a_result_with_only_a_direction(text: str, direction: str | None, marked: bool) -> None:
    read = read_number(text, AS_OF)
    assert (read.value, read.direction, read.marked) == (None, direction, marked)


@pytest.mark.parametrize(("text", "low", "high"), [("range <5.0", None, "5.0"), ("range >3.5", "3.5", None)])
def test_a_range_may_have_one_end(text: str, low: str | None, high: str | None) -> None:
    read = read_number(f"4 mmol/L, {text}", AS_OF)
    assert (read.low and str(read.low), read.high and str(read.high)) == (low, high)


def test_a_result_without_a_time_is_a_day_old() -> None:
    assert read_number("2.9 mmol/L", AS_OF).moment.latest == NOW - DAY


def test_an_unreadable_result_is_no_number() -> None:
    assert read_number("unreadable, 3 days ago", AS_OF).unreadable


@pytest.mark.parametrize(
    "text", ["about 3", "2.9 mmol/L, 2 weeks ago", "2.9 mmol/L,", "3,5 mmol/L", "2.9 mmol/L, range 3"]
)
def test_a_result_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(WordError):
        read_number(text, AS_OF)


def test_a_drug_with_dose_route_supplies_and_start() -> None:
    drug = read_drug("prednisone 40 mg/d oral x2, since 21 days ago", AS_OF, ROUTES)
    assert (drug.name, drug.dose, drug.route, drug.supplies) == ("prednisone", Decimal(40), "oral", 2)
    assert drug.start is not None and drug.start.latest == NOW - 21 * DAY and drug.end is None


def test_a_drug_from_then_to_then() -> None:
    drug = read_drug("clonazepam, 2 years ago to 5 days ago", AS_OF, ROUTES)
    assert drug.start is not None and drug.end is not None and drug.end.latest == NOW - 5 * DAY


def test_a_drug_until() -> None:
    drug = read_drug("fluoxetine, until 20 days ago", AS_OF, ROUTES)
    assert drug.start is None and drug.end is not None


def test_a_draft_has_a_length() -> None:
    assert read_drug("omeprazole 20 mg/d oral, for 180 days", AS_OF, ROUTES).days == 180


def test_one_time_alone_is_a_single_dose() -> None:
    drug = read_drug("omeprazole, 3 hours ago", AS_OF, ROUTES)
    assert drug.single and drug.start == drug.end


@pytest.mark.parametrize(
    "text",
    [
        "prednisone 40mg",
        "prednisone 40 mg",
        "prednisone by mouth",
        "prednisone, since long",
        "prednisone, 2 days ago to 9 days ago",
    ],
)
def test_a_drug_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(WordError):
        read_drug(text, AS_OF, ROUTES)


def test_grams_and_micrograms_become_milligrams() -> None:
    assert read_drug("a 1.5 g/d", AS_OF, ROUTES).dose == Decimal("1500.0")
    assert read_drug("a 50 mcg/d", AS_OF, ROUTES).dose == Decimal("0.050")


def test_an_event_with_everything() -> None:
    event = read_event(
        "facial-droop right x2, 2 hours ago, recorded 1 hour ago, persistent, in encounter, past", AS_OF
    )
    assert (event.name, event.side, event.count, event.course) == ("facial-droop", "right", 2, "persistent")
    assert event.onset is not None and event.recorded is not None and event.flags == {"in encounter", "past"}


@pytest.mark.parametrize("text", ["facial droop", "facial-droop, soon", "facial-droop upper"])
def test_an_event_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(WordError):
        read_event(text, AS_OF)


def test_a_twitch_with_everything() -> None:
    twitch = read_twitch(
        "lip eyelid left, 5 days ago, spreading, not suppressible, rhythmic, patient reported",
        AS_OF,
        SITES,
        TRAITS,
    )
    assert (twitch.sites, twitch.side, twitch.course) == ({"lip", "eyelid"}, "left", "spreading")
    assert twitch.traits == {"suppressible": False, "rhythmic": True}
    assert twitch.onset is not None and twitch.flags == {"patient reported"}


@pytest.mark.parametrize("text", ["twitch", "unknown, 5 days ago"])
def test_a_twitch_without_a_site(text: str) -> None:
    assert read_twitch(text, AS_OF, SITES, TRAITS).sites == frozenset()


def test_a_twitch_recorded_over_a_time() -> None:
    twitch = read_twitch("lip, recorded 40 days ago to 3 days ago", AS_OF, SITES, TRAITS)
    assert twitch.onset is None and twitch.recorded is not None
    assert [moment.latest for moment in twitch.recorded] == [NOW - 40 * DAY, NOW - 3 * DAY]


@pytest.mark.parametrize("text", ["nose", "lip left right", "lip, sometimes"])
def test_a_twitch_that_is_not_understood_is_refused(text: str) -> None:
    with pytest.raises(WordError):
        read_twitch(text, AS_OF, SITES, TRAITS)


@given(st.text(alphabet="abcx0123456789.<>=,/- ", max_size=40))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    for read in (
        lambda: read_number(text or "x", AS_OF),
        lambda: read_drug(text.strip(" ,") or "x", AS_OF, ROUTES),
        lambda: read_event(text.strip(" ,") or "x", AS_OF),
        lambda: read_twitch(text or "x", AS_OF, SITES, TRAITS),
    ):
        try:
            read()
        except (WordError, OverflowError):
            continue


@given(st.integers(0, 10_000), st.sampled_from([("minute", 60), ("hour", 3600), ("day", DAY)]))
def test_every_count_of_every_unit_is_read_back(count: int, unit: tuple[str, int]) -> None:
    word, seconds = unit
    moment = read_time(f"{count} {word}s ago", AS_OF)
    assert moment is not None
    assert datetime.fromisoformat(moment.text) == AS_OF - timedelta(seconds=count * seconds)
