"""Values of resources are compared with what a search asks for as FHIR R4 says."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.sandbox.matching import alternatives, span_of, test_of, tests_of
from cds_service.sandbox.parameters import Kind

test_of.__test__ = tests_of.__test__ = False  # a name of the product, no test


def holds(kind, asked, value):
    return test_of(kind, asked)(value)


DATES = [
    # asked, value, whether it is found
    ("2026-11-20", "2026-11-20T10:00:00Z", True),
    ("2026-11-20", "2026-11", False),
    ("2026-11", "2026-11-20", True),
    ("2026", "2026-11-20T23:59:59+00:00", True),
    ("2026-11-20", "2026-11-20T23:30:00-05:00", False),
    ("ne2026-11-20", "2026-11-20T10:00:00Z", False),
    ("ne2026-11-20", "2026-11-21", True),
    ("ge2026-11-20", "2026-11-20", True),
    ("ge2026-11-20", "2026-11-19", False),
    ("ge2026-11-20", {"start": "2026-11-01"}, True),
    ("ge2026-11-20", {"start": "2026-11-01", "end": "2026-11-19"}, False),
    ("gt2026-11-20", "2026-11-20T23:59:00Z", False),
    ("gt2026-11-20", "2026-11-21", True),
    ("le2026-11-20", "2026-11-20T10:00:00Z", True),
    ("le2026-11-20", "2026-11-21", False),
    ("le2026-11-20", {"end": "2026-11-25"}, True),
    ("lt2026-11-20", "2026-11-20", False),
    ("lt2026-11-20", "2026-11", True),
    ("sa2026-11-20", {"start": "2026-11-21"}, True),
    ("sa2026-11-20", {"start": "2026-11-20", "end": "2026-11-22"}, False),
    ("eb2026-11-20", {"start": "2026-10-01", "end": "2026-11-19"}, True),
    ("eb2026-11-20", {"start": "2026-10-01"}, False),
    ("2026-11-20T10:00", "2026-11-20T10:00:59Z", True),
    ("2026-11-20T10:00:00.5Z", "2026-11-20T10:00:00.500Z", True),
    ("ge2026-11-20", "yesterday", False),
    ("ge2026-11-20", {"start": "yesterday"}, False),
    ("ge2026-11-20", {}, False),
    ("ge2026-11-20", 20261120, False),
]


@pytest.mark.parametrize(("asked", "value", "found"), DATES)
def test_dates_are_spans(asked, value, found):
    assert holds(Kind.DATE, asked, value) is found


@pytest.mark.parametrize(
    "asked", ["", "today", "ap2026", "2026-13-01", "2026-11-20T25:00:00Z", "xx2026", "-1"]
)
def test_what_is_no_date_is_refused(asked):
    with pytest.raises(ValueError, match="date"):
        test_of(Kind.DATE, asked)


ZONES = st.integers(-14, 14).map(lambda hours: timezone(timedelta(hours=hours)))
INSTANTS = st.datetimes(datetime(1900, 1, 2), datetime(2200, 1, 1), timezones=ZONES).map(
    lambda moment: moment.replace(microsecond=0)
)


@given(INSTANTS, INSTANTS)
def test_comparisons_of_instants_agree_with_each_other(it, asked):
    text, value = asked.isoformat(), it.isoformat()
    found = {sign: holds(Kind.DATE, f"{sign}{text}", value) for sign in ("eq", "ne", "gt", "lt", "ge", "le")}
    assert found["eq"] == (it == asked) == (not found["ne"])
    assert found["gt"] == (it > asked) and found["lt"] == (it < asked)
    assert found["ge"] == (found["gt"] or found["eq"]) and found["le"] == (found["lt"] or found["eq"])


@given(st.dates(date(1900, 1, 2), date(2200, 1, 1)))
def test_a_day_is_found_by_itself_its_month_and_its_year(day):
    text = day.isoformat()
    assert all(holds(Kind.DATE, text[:length], text) for length in (4, 7, 10))
    span = span_of(text)
    assert span is not None and span.last - span.first == timedelta(days=1, microseconds=-1)


@given(st.text(max_size=30))
def test_any_text_has_a_span_or_none(text):
    span = span_of(text)
    assert span is None or span.first <= span.last


def test_the_last_day_there_is():
    assert span_of("9999-12-31") is not None and span_of("9999") is not None
    assert span_of("0001-01-01T00:00:00+14:00") is None


CONCEPT = {"coding": [{"system": "http://loinc.org", "code": "2823-3"}, {"code": "K"}], "text": "Potassium"}
TOKENS = [
    ("2823-3", CONCEPT, True),
    ("http://loinc.org|2823-3", CONCEPT, True),
    ("http://loinc.org|", CONCEPT, True),
    ("http://snomed.info/sct|", CONCEPT, False),
    ("|K", CONCEPT, True),
    ("|2823-3", CONCEPT, False),
    ("http://snomed.info/sct|2823-3", CONCEPT, False),
    ("k", CONCEPT, False),
    ("Potassium", CONCEPT, False),
    ("final", "final", True),
    ("http://hl7.org/fhir/observation-status|final", "final", True),
    ("true", True, True),
    ("AMB", {"system": "http://x", "code": "AMB"}, True),
    ("urn:mrn|7", {"system": "urn:mrn", "value": "7"}, True),
    (r"a\|b", {"code": "a|b"}, True),
    ("2823-3", None, False),
    ("2823-3", {"coding": "2823-3"}, False),
]


@pytest.mark.parametrize(("asked", "value", "found"), TOKENS)
def test_tokens_are_compared_with_their_system(asked, value, found):
    assert holds(Kind.TOKEN, asked, value) is found


@pytest.mark.parametrize("asked", ["", "|", "a|b|c"])
def test_what_is_no_token_is_refused(asked):
    with pytest.raises(ValueError, match="code"):
        test_of(Kind.TOKEN, asked)


REFERENCES = [
    ("p", {"reference": "Patient/p"}, True),
    ("Patient/p", {"reference": "Patient/p"}, True),
    ("Patient/p", {"reference": "https://ehr.example/fhir/Patient/p"}, True),
    ("Patient/p", {"reference": "Patient/p/_history/2"}, True),
    ("Group/p", {"reference": "Patient/p"}, False),
    ("Patient/p", {"reference": "Patient/pp"}, False),
    ("p", {"display": "p"}, False),
    ("p", "Patient/p", False),
]


@pytest.mark.parametrize(("asked", "value", "found"), REFERENCES)
def test_references_are_found_by_id_or_type_and_id(asked, value, found):
    assert holds(Kind.REFERENCE, asked, value) is found


def test_a_name_is_found_by_its_beginning_without_case_and_accents():
    assert holds(Kind.STRING, "mul", "Müller") and holds(Kind.STRING, "MÜLLER", "Muller")
    assert not holds(Kind.STRING, "ller", "Müller") and not holds(Kind.STRING, "m", 3)


def test_commas_separate_unless_they_are_escaped():
    assert alternatives("a,b") == ["a", "b"]
    assert alternatives(r"a\,b,c") == [r"a\,b", "c"]
    assert alternatives("a\\") == ["a\\"]


def test_a_period_without_an_end_goes_on():
    span = span_of({"start": "2026-11-20"})
    assert span is not None and span.last.year == 9999
    assert span.first == datetime(2026, 11, 20, tzinfo=UTC)


@pytest.mark.parametrize(("asked", "value", "found"), TOKENS)
def test_codes_are_found_among_others_as_they_are_alone(asked, value, found):
    (test,) = tests_of(Kind.TOKEN, ["no", asked, "http://no|no", *map(str, range(5_000))])
    assert test(value) is found


def test_references_are_found_among_thousands_as_they_are_alone():
    (test,) = tests_of(
        Kind.REFERENCE, [*map(str, range(5_000)), "Patient/p", "https://x.example/fhir/Group/g/_history/2"]
    )
    for reference, found in {
        "Patient/p": True,
        "https://y.example/fhir/Patient/p/_history/1": True,
        "Group/p": False,
        "Group/g": True,
        "Patient/g": False,
        "Patient/4999": True,
        "p": False,
    }.items():
        assert test({"reference": reference}) is found, reference


def test_what_is_said_twice_is_compared_once():
    assert len(tests_of(Kind.DATE, ["2026", "2026", "2025"])) == 2
    assert tests_of(Kind.TOKEN, []) == tests_of(Kind.REFERENCE, []) == ()
