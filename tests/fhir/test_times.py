"""Dates: as precise as the record, in the zone of the evaluation, never a guess."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.fhir.times import Times, read_date_span
from tests.fhir.builders import AS_OF

TIMES = Times(AS_OF)


def seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-11-18T08:00:00Z", "2026-11-18T08:00:00+00:00", "2026-11-18T08:00:00+00:00"),
        ("2026-11-18T08:00:00.123+02:00", "2026-11-18T06:00:00+00:00", "2026-11-18T06:00:00+00:00"),
        ("2026-11-18T08:00", "2026-11-18T08:00:00+00:00", "2026-11-18T08:00:00+00:00"),
        ("2023-08-01T16: 09: 08.000Z", "2023-08-01T16:09:08+00:00", "2023-08-01T16:09:08+00:00"),
        ("2026-11-18", "2026-11-18T00:00:00+00:00", "2026-11-18T23:59:59+00:00"),
        ("2026-02", "2026-02-01T00:00:00+00:00", "2026-02-28T23:59:59+00:00"),
        ("2012", "2012-01-01T00:00:00+00:00", "2012-12-31T23:59:59+00:00"),
        ("2149-05-06", "2149-05-06T00:00:00+00:00", "2149-05-06T23:59:59+00:00"),
    ],
)
def test_a_date_is_the_whole_span_it_may_mean(text: str, first: str, last: str) -> None:
    moment = TIMES.read(text)
    assert moment is not None
    assert (moment.earliest, moment.latest) == (seconds(first), seconds(last))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13-01",
        "2026-02-30",
        "20261118",
        "2026-W47",
        "18.11.2026",
        "2026-11-18T25:00:00Z",
        "0000-01-01",
        "2026-11-18T08:00:00+99:00",
        "2026-11-18T08:00:00Z" + " " * 200,
        "2026-11-18X08:00:00Z",
    ],
)
def test_what_is_no_date_is_none(text: str) -> None:
    assert TIMES.read(text) is None


def test_a_time_without_zone_is_read_in_the_zone_of_the_evaluation() -> None:
    times = Times(datetime(2026, 11, 20, tzinfo=timezone(timedelta(hours=-5))))
    moment = times.read("2026-11-18T08:00:00")
    assert moment is not None
    assert moment.earliest == seconds("2026-11-18T13:00:00+00:00")


def test_a_naive_evaluation_date_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Times(datetime(2026, 11, 20))


@given(st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_every_instant_reads_as_itself(instant: datetime) -> None:
    moment = TIMES.read(instant.isoformat())
    assert moment is not None
    assert moment.earliest == int(instant.timestamp()) == moment.latest


@given(st.text(max_size=60))
def test_any_text_is_a_moment_or_none(text: str) -> None:
    moment = Times(AS_OF).read(text)
    assert moment is None or moment.earliest <= moment.latest


def test_days_and_spans() -> None:
    day = TIMES.day_of(TIMES.now)
    assert day is not None
    assert day.text == "2026-11-20"
    assert day.is_day_only
    assert TIMES.day_of(10**18) is None
    assert read_date_span("2026-02") is not None
    assert read_date_span(None) is None
