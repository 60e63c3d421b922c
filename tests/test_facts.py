"""Ages, states and moments of one patient."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.facts import (
    DAY,
    DataState,
    Measurement,
    Moment,
    PatientFacts,
    Source,
    moment_from_date,
    moment_from_datetime,
)

AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("born", "years", "adult"),
    [
        (date(2008, 3, 1), 18, True),
        (date(2008, 3, 2), 17, False),
        (date(2008, 2, 29), 18, True),
        (date(2026, 3, 1), 0, False),
    ],
)
def test_age_is_completed_years(born: date, years: int, adult: bool) -> None:
    patient = PatientFacts(AS_OF, birth_date=born)
    assert (patient.years, patient.is_adult) == (years, adult)


@pytest.mark.parametrize(
    ("born", "months"),
    [(date(2026, 2, 23), 8), (date(2026, 2, 20), 9), (date(2026, 11, 20), 0), (date(2025, 11, 21), 11)],
)
def test_months_of_age_are_completed_months(born: date, months: int) -> None:
    at = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert PatientFacts(at, birth_date=born).months == months
    assert PatientFacts(at).months is None
    assert [PatientFacts(at, age_days=days).months for days in (30, 31, 365, 366)] == [0, 1, 11, 12]


def test_an_age_that_is_not_known_is_neither_adult_nor_child() -> None:
    patient = PatientFacts(AS_OF)
    assert (patient.days, patient.years, patient.is_adult) == (None, None, None)


@given(st.integers(0, 120 * 365))
def test_age_in_days_gives_the_years_of_a_birth_date_within_a_day(days: int) -> None:
    born = PatientFacts(AS_OF, birth_date=AS_OF.date() - timedelta(days=days))
    near = {PatientFacts(AS_OF, age_days=max(0, days + step)).years for step in (-1, 0, 1)}
    assert born.days == days and born.years in near


def test_a_kind_nobody_mentioned_was_not_sent() -> None:
    assert PatientFacts(AS_OF).state("lab") is DataState.NOT_SENT


def test_a_day_is_the_whole_day_in_the_zone_of_the_evaluation() -> None:
    east = AS_OF.astimezone(timezone(timedelta(hours=9)))
    moment = moment_from_date(date(2026, 3, 1), east)
    assert moment.is_day_only
    assert (moment.earliest, moment.latest - moment.earliest) == (
        int(datetime(2026, 2, 28, 15, tzinfo=UTC).timestamp()),
        DAY - 1,
    )


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError):
        PatientFacts(datetime(2026, 3, 1))
    with pytest.raises(ValueError):
        moment_from_datetime(datetime(2026, 3, 1))


def test_a_fact_cannot_be_changed_and_is_equal_to_its_like() -> None:
    source = Source("Observation/1")
    potassium = Measurement("potassium", Decimal("3.2"), Moment(0, 0, "1970-01-01"), source, "3.2 mmol/L")
    with pytest.raises(AttributeError):
        potassium.value = Decimal("4.2")  # type: ignore[misc]
    again = Measurement(
        "potassium", Decimal("3.20"), Moment(0, 0, "1970-01-01"), Source("Observation/1"), "3.2 mmol/L"
    )
    assert potassium == again and hash(potassium) == hash(again)
    assert source != Source("Observation/1", "/entry/0/resource")
