"""The chart shows the numbers the rules judged: converted by the product, with the limits of the rules."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from cds_service.content import content_root
from cds_service.errors import PatientDataError
from cds_service.fhir import extract_facts, read_bundle
from cds_service.knowledge import load_knowledge
from cds_service.sandbox.chart import chart_of
from cds_service.sandbox.records import load_library

KNOWLEDGE = load_knowledge()
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)


def result(number, day, value, unit, code="2823-3", **more):
    return {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": "final",
        "subject": {"reference": "Patient/p"},
        "category": [{"coding": [{"code": "laboratory"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": code}]},
        "effectiveDateTime": f"{day}T08:00:00Z",
        "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit},
        **more,
    }


def chart(*rows, as_of=AS_OF, patient_id=None):
    person = {"resourceType": "Patient", "id": "p", "birthDate": "1976-01-01", "gender": "female"}
    entries = [{"resource": row} for row in (person, *rows)]
    body = json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}).encode()
    return chart_of(body, KNOWLEDGE, as_of=as_of, patient_id=patient_id)


def test_units_are_converted_and_what_was_reported_stays():
    told = chart(result(1, "2026-11-19", 9.6, "mg/dL", "17861-6"))
    (calcium,) = told["labs"]
    assert (calcium["analyte"], calcium["unit"], calcium["kind"]) == ("calcium-total", "mmol/L", "lab")
    (point,) = calcium["points"]
    factor = KNOWLEDGE.terminology.analytes["calcium-total"].factors["mg/dL"].times
    assert Decimal(point["value"]) == Decimal("9.6") * factor
    assert (point["reported"], point["source"], point["after"]) == ("9.6 mg/dL", "Observation/o1", False)


def test_what_comes_after_the_date_is_marked_and_set_aside():
    rows = [result(1, "2026-11-01", 4.0, "mmol/L"), result(2, "2026-11-25", 3.0, "mmol/L")]
    told = chart(*rows)
    (potassium,) = told["labs"]
    assert [(row["value"], row["after"]) for row in potassium["points"]] == [("4.0", False), ("3.0", True)]
    assert [row["source"] for row in told["setAside"]] == ["Observation/o2"]
    later = chart(*rows, as_of=AS_OF + timedelta(days=10))
    assert [row["after"] for row in later["labs"][0]["points"]] == [False, False] and later["setAside"] == []


def test_ranges_are_those_of_the_laboratory_and_the_usual_one_of_adults():
    told = chart(
        result(1, "2026-11-01", 4.0, "mmol/L", referenceRange=[{"low": {"value": 3.6, "unit": "mmol/L"}}]),
        result(2, "2026-11-02", 4.0, "mmol/L"),
    )
    (potassium,) = told["labs"]
    assert [row["range"] for row in potassium["points"]] == [{"low": "3.6", "high": None}, None]
    assert potassium["usual"] == {"low": "3.5", "high": "5.0"}


def test_the_limits_of_the_rules_are_there_with_their_rules():
    (potassium,) = chart(result(1, "2026-11-01", 4.0, "mmol/L"))["labs"]
    cuts = potassium["thresholds"]
    assert {"value": "3.5", "direction": "below", "ruleId": "hypokalemia",
            "title": KNOWLEDGE.rules["hypokalemia"].title, "text": "below 3.5 mmol/L",
            "shown": "3.5", "shownText": "below 3.5 mmol/L"} in cuts  # fmt: skip
    assert {row["direction"] for row in cuts} == {"below", "above"}
    values = [Decimal(row["value"]) for row in cuts]
    assert values == sorted(values)


def test_what_is_a_word_has_no_value_and_what_cannot_be_read_is_told():
    word = result(1, "2026-11-01", 1, "mmol/L")
    del word["valueQuantity"]
    word["interpretation"] = [{"coding": [{"code": "L"}]}]
    told = chart(word, result(2, "2026-11-02", 4.0, "parsecs"))
    points = [point for series in told["labs"] for point in series["points"]]
    assert [(point["value"], point["direction"]) for point in points if point["direction"]] == [(None, "low")]
    assert [row["source"] for row in told["setAside"]] == ["Observation/o2"]
    assert all(row["code"] and row["message"] for row in told["setAside"])


@pytest.mark.parametrize("story", load_library().stories, ids=lambda story: story.name)
def test_the_chart_of_a_story_has_every_number_the_rules_have(story):
    path = content_root() / "fixtures" / "patients" / story.name / "bundle.json"
    body = path.read_bytes()
    told = chart_of(body, KNOWLEDGE, as_of=story.as_of, patient_id=None)
    facts = extract_facts(read_bundle(body), KNOWLEDGE.terminology, KNOWLEDGE.narrative, as_of=story.as_of)
    shown = {
        (series["analyte"], point["source"], point["value"])
        for series in told["labs"]
        for point in series["points"]
        if not point["after"]
    }
    judged = {
        (name, str(row.source), None if row.value is None else format(row.value, "f"))
        for name, rows in facts.numbers.items()
        for row in rows
    }
    assert shown == judged
    assert len(told["setAside"]) == len(facts.set_aside)


def test_two_patients_are_no_record_of_one():
    other = result(1, "2026-11-01", 4.0, "mmol/L", subject={"reference": "Patient/q"})
    with pytest.raises(PatientDataError):
        chart({"resourceType": "Patient", "id": "q"}, other)


def test_numbers_are_also_said_in_the_unit_of_the_newest_report():
    told = chart(
        result(1, "2026-11-01", 2.4, "mmol/L", "2000-8"),
        result(
            2,
            "2026-11-02",
            9.60,
            "mg/dL",
            "17861-6",
            referenceRange=[{"low": {"value": 8.5, "unit": "mg/dL"}}],
        ),
    )
    (calcium,) = told["labs"]
    assert calcium["shownUnit"] == "mg/dL"
    older, newer = (point["shown"] for point in calcium["points"])
    assert older == {"value": "9.619", "low": None, "high": None}
    assert newer == {"value": "9.6", "low": "8.5", "high": None}
    low = next(row for row in calcium["thresholds"] if row["value"] == "1.9")
    assert (low["shown"], low["shownText"]) == ("7.615", "at least 7.615 mg/dL")


def test_a_code_with_factors_of_its_own_is_not_said_in_a_unit_that_means_another_molecule():
    """Urea and urea nitrogen are both printed in mg/dL."""
    for name, analyte in KNOWLEDGE.terminology.analytes.items():
        for coding in analyte.codes:
            codes = KNOWLEDGE.terminology.analytes_for(coding.system, coding.code)
            special = {
                unit: factor
                for row in codes
                if row.name == name
                for unit, factor in (row.factors or {}).items()
            }
            for unit, factor in special.items():
                same = analyte.factors.get(unit) == factor
                (series,) = chart(result(1, "2026-11-01", 20, unit, coding.code))["labs"]
                assert (series["shownUnit"] is not None) == same or unit not in analyte.factors
                if series["shownUnit"]:
                    assert series["points"][0]["shown"]["value"] == "20"


def test_a_word_is_shown_as_none():
    word = result(1, "2026-11-01", 1, "mmol/L")
    del word["valueQuantity"]
    word["interpretation"] = [{"coding": [{"code": "L"}]}]
    (potassium,) = chart(word)["labs"]
    assert potassium["shownUnit"] is None and potassium["points"][0]["shown"] is None


def test_the_newest_unit_is_known_in_every_spelling():
    older = result(1, "2026-11-01", 1.2, "mg/dL", "2160-0")
    newer = result(2, "2026-11-02", 88, "umol/L", "2160-0")
    (creatinine,) = chart(older, newer)["labs"]
    assert creatinine["shownUnit"] == "µmol/L"
    assert [point["shown"]["value"] for point in creatinine["points"]] == ["106.1", "88"]


@pytest.mark.parametrize(
    ("more", "direction"),
    [
        ({"value": 3.4}, "low"),
        ({"value": 4.0}, None),
        ({"value": 5.4}, "high"),
        ({"value": 3.0, "comparator": "<"}, "low"),
        ({"value": 9.0, "comparator": "<"}, None),
        ({"value": 3.0, "comparator": ">"}, None),
        ({"value": 9.0, "comparator": ">="}, "high"),
    ],
)
def test_a_result_without_a_flag_has_the_one_its_range_gives(more, direction):
    row = result(1, "2026-11-01", 4.0, "mmol/L")
    row["valueQuantity"] |= more
    (potassium,) = chart(row)["labs"]
    assert [point["direction"] for point in potassium["points"]] == [direction]
    doubtful = row | {"note": [{"text": "Sample hemolyzed"}]}
    (potassium,) = chart(doubtful)["labs"]
    assert [(point["direction"], point["doubt"]) for point in potassium["points"]] == [(None, "sample")]
