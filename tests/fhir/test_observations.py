"""Results: exact value, checked unit, own range, direction, or a reason why not (quirks 1 to 13)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from cds_service.facts import Measurement, PatientFacts
from cds_service.fhir import read_bundle
from tests.fhir.builders import LOINC, ME, PATIENT, UCUM, bundle, codes, facts, facts_of, lab, without


def potassium(*resources: Any) -> Measurement:
    (result,) = facts_of(*resources).numbers["potassium"]
    return result


def refused(found: PatientFacts, code: str, name: str | None, shown: str = "") -> None:
    assert not found.numbers
    (aside,) = found.set_aside
    assert (aside.code, aside.name, aside.shown) == (code, name, shown)


def test_a_plain_result() -> None:
    result = potassium(lab())
    assert (result.value, result.unit, result.reported) == (Decimal("3.2"), "mmol/L", "3.2 mmol/L")
    assert result.source.reference == "Observation/o"
    assert result.source.pointer == "/entry/1/resource"
    assert result.moment.text == "2026-11-18T08:00:00+00:00"


def test_digits_stay_as_printed_and_exact() -> None:
    assert potassium(lab(1)).reported == "1 mmol/L"
    long = read_bundle(bundle(PATIENT, lab()).replace(b"3.2", b"3.20000000000000000001"))
    assert facts(long).numbers["potassium"][0].value == Decimal("3.20000000000000000001")


@pytest.mark.parametrize(
    ("value", "unit", "code", "name", "canonical"),
    [
        (8.8, "mg/dL", "17861-6", "calcium-total", "2.19"),
        (3.1, "meq/L", "2823-3", "potassium", "3.1"),
        (8.8, "mg/dL", "2000-8", "calcium-total", "2.19"),
        (1.0, "mg/dL", "2160-0", "creatinine", "88.4"),
        (88, "umol/L", "2160-0", "creatinine", "88"),
        (1.0, "mg/dL", "14682-9", "creatinine", "88.4"),
        (28, "mg/dL", "3094-0", "urea", "9.9"),
    ],
)
def test_the_unit_of_the_resource_decides_not_the_code(
    value: float, unit: str, code: str, name: str, canonical: str
) -> None:
    (result,) = facts_of(lab(value, unit, code)).numbers[name]
    assert result.value is not None
    assert abs(result.value / Decimal(canonical) - 1) < Decimal("0.01")


@pytest.mark.parametrize(
    "system", ["urn:oid:2.16.840.1.113883.6.1", "https://loinc.org", "http://loinc.org/"]
)
def test_other_spellings_of_a_code_system_are_read(system: str) -> None:
    assert potassium(lab(code="x") | {"code": {"coding": [{"system": system, "code": "2823-3"}]}}).value


def test_the_standard_code_need_not_come_first() -> None:
    local = {"system": "urn:local", "code": "K", "display": "Kalium"}
    coded = lab() | {"code": {"coding": [local, {"system": LOINC, "code": "2823-3"}]}}
    assert potassium(coded).value == Decimal("3.2")


def test_codes_of_different_tests_are_refused() -> None:
    both = [{"system": LOINC, "code": "2823-3"}, {"system": LOINC, "code": "2951-2"}]
    refused(facts_of(lab() | {"code": {"coding": both}}), "F035", None)


def test_words_count_only_without_a_listed_code() -> None:
    named = facts_of(lab() | {"code": {"text": "Potassium Level"}})
    assert named.numbers["potassium"][0].value == Decimal("3.2")
    urine = facts_of(
        lab() | {"code": {"coding": [{"system": LOINC, "code": "99999-9"}], "text": "Potassium"}}
    )
    assert "potassium" not in urine.numbers
    assert urine.unread_codes == {("lab", LOINC, "99999-9"): 1}
    assert not facts_of(lab() | {"code": {"text": "Potassium hydroxide preparation"}}).numbers


def test_a_range_of_another_test_sets_the_result_aside() -> None:
    quirk = lab(13.2, "mg/dL") | {
        "code": {
            "coding": [
                {
                    "system": "https://fhir.cerner.com/codeSet/72",
                    "code": "21704910",
                    "display": "Potassium Level",
                }
            ]
        },
        "referenceRange": [{"low": {"value": 12.0, "unit": "g/dL"}, "high": {"value": 16.0, "unit": "g/dL"}}],
    }
    refused(facts_of(quirk), "F036", "potassium", "13.2 mg/dL")


@pytest.mark.parametrize(
    ("change", "code", "shown"),
    [
        ({"valueQuantity": {"value": 9}}, "F023", "9"),
        ({"valueQuantity": {"value": 3.2, "unit": "furlongs"}}, "F024", "3.2 furlongs"),
        (
            {"valueQuantity": {"value": 3.2, "unit": "mmol/L", "system": UCUM, "code": "mg/dL"}},
            "F025",
            "3.2 mmol/L",
        ),
        ({"valueQuantity": {"value": 3.2, "unit": "g"}}, "F026", "3.2 g"),
        ({"valueQuantity": {"value": 32, "unit": "mmol/L"}}, "F027", "32 mmol/L"),
        ({"valueQuantity": {"unit": "mmol/L"}}, "F020", "mmol/L"),
        ({"valueQuantity": {"value": "3.2", "unit": "mmol/L"}}, "F021", '"3.2" mmol/L'),
        ({"valueQuantity": {"value": 3.2, "unit": "mmol/L", "comparator": "~"}}, "F029", "3.2 mmol/L"),
        ({"effectiveDateTime": None}, "F030", ""),
        ({"effectiveDateTime": "last week"}, "F031", ""),
        ({"status": None}, "F018", ""),
        ({"status": "certain"}, "F018", ""),
    ],
)
def test_unusable_results_are_set_aside_with_name_and_raw_value(
    change: dict[str, Any], code: str, shown: str
) -> None:
    refused(facts_of(lab() | change), code, "potassium", shown)


def test_a_number_beyond_bounds_is_refused() -> None:
    text = bundle(PATIENT, lab()).replace(b"3.2", b"1E+9999999")
    assert codes(facts(read_bundle(text))) == ["F022"]


@pytest.mark.parametrize("status", ["registered", "cancelled", "entered-in-error", "entered-in-error "])
def test_withdrawn_results_are_missing_not_unreadable(status: str) -> None:
    refused(facts_of(lab(status=status)), "F019", None)


def test_a_result_whose_status_nobody_knows_is_there_and_unreadable() -> None:
    refused(facts_of(lab(status="unknown")), "F018", "potassium")


def test_results_after_the_evaluation_are_left_out() -> None:
    refused(facts_of(lab(effectiveDateTime="2026-11-21T00:00:00Z")), "F032", None)


@pytest.mark.parametrize(
    ("status", "expected"), [("preliminary", True), ("final", False), ("corrected", False)]
)
def test_a_preliminary_result_is_marked(status: str, expected: bool) -> None:
    assert potassium(lab(status=status)).preliminary is expected


def test_a_number_in_words_is_read_as_that_quantity() -> None:
    text = without(lab(), "valueQuantity") | {"valueString": "3.10 mmol/L"}
    assert (potassium(text).value, potassium(text).reported) == (Decimal("3.10"), "3.10 mmol/L")


def test_a_text_that_is_no_number_is_set_aside() -> None:
    text = without(lab(code="2000-8"), "valueQuantity") | {"valueString": "Test Not Performed mmol/L"}
    refused(facts_of(text), "F028", "calcium-total", "Test Not Performed mmol/L")


@pytest.mark.parametrize(
    ("change", "direction", "marked"),
    [
        ({"valueString": "low"}, "low", False),
        ({"valueString": "Elevated"}, "high", False),
        ({"valueCodeableConcept": {"text": "decreased"}}, "low", False),
        ({"interpretation": [{"coding": [{"code": "LL"}]}]}, "low", True),
        ({"interpretation": {"coding": [{"code": "H"}]}}, "high", False),
        ({"valueString": "normal"}, "normal", False),
    ],
)
def test_a_result_with_only_a_direction(change: dict[str, Any], direction: str, marked: bool) -> None:
    result = potassium(without(lab(), "valueQuantity") | change)
    assert (result.value, result.direction, result.marked) == (None, direction, marked)


def test_an_interpretation_of_a_foreign_system_is_no_flag() -> None:
    flag = {"interpretation": [{"coding": [{"system": "urn:local", "code": "H"}]}]}
    assert potassium(lab() | flag).direction is None


@pytest.mark.parametrize(
    ("reason", "name"), [("not-performed", None), ("error", "potassium"), ("masked", "potassium")]
)
def test_what_was_never_measured_is_missing_what_failed_is_unreadable(reason: str, name: str | None) -> None:
    absent = without(lab(), "valueQuantity") | {"dataAbsentReason": {"coding": [{"code": reason}]}}
    refused(facts_of(absent), "F020", name)


@pytest.mark.parametrize("comparator", ["<", "<=", ">", ">="])
def test_comparators_are_kept(comparator: str) -> None:
    result = potassium(lab(valueQuantity={"value": 2.0, "comparator": comparator, "unit": "mmol/L"}))
    assert (result.comparator, result.reported) == (comparator, f"{comparator}2.0 mmol/L")


@pytest.mark.parametrize(
    ("rows", "low", "high"),
    [
        ([{"low": {"value": 3.5, "unit": "mmol/L"}, "high": {"value": 5.1, "unit": "mmol/L"}}], "3.5", "5.1"),
        ([{"low": {"value": 3.5}, "high": {"value": 5.1}}], "3.5", "5.1"),
        ([{"low": {"value": 3.5, "unit": "meq/L"}}], "3.5", None),
        ([{"text": "3.5 - 5.1"}], "3.5", "5.1"),
        ([{"text": "see report"}], None, None),
        (
            [
                {"low": {"value": 3.5}, "high": {"value": 5.1}},
                {"type": {"coding": [{"code": "therapeutic"}]}, "low": {"value": 1}},
            ],
            "3.5",
            "5.1",
        ),
        ([{"low": {"value": 3.5}}, {"low": {"value": 3.0}}], None, None),
        ([{"low": {"value": 5.1}, "high": {"value": 3.5}}], None, None),
    ],
)
def test_the_own_reference_range(rows: list[Any], low: str | None, high: str | None) -> None:
    result = potassium(lab(referenceRange=rows))
    assert (result.low, result.high) == tuple(None if x is None else Decimal(x) for x in (low, high))


def test_a_range_is_converted_with_its_own_unit() -> None:
    rows = [{"low": {"value": 8.8, "unit": "mg/dL"}, "high": {"value": 10.4, "unit": "mg/dL"}}]
    (result,) = facts_of(lab(2.3, "mmol/L", "2000-8", referenceRange=rows)).numbers["calcium-total"]
    assert result.low is not None
    assert Decimal("2.19") < result.low < Decimal("2.20")
    assert result.range_reported == "8.8-10.4"
    assert not result.unit_doubtful


def test_a_unit_that_contradicts_the_own_range_is_doubtful() -> None:
    rows = [{"low": {"value": 2.2}, "high": {"value": 2.6}}]
    (result,) = facts_of(lab(4.4, "mg/dL", "17861-6", referenceRange=rows)).numbers["calcium-total"]
    assert result.unit_doubtful


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("Specimen slightly hemolyzed.", True),
        ("Haemolysed sample", True),
        ("Taken from infusion arm", True),
        ("Not hemolyzed", False),
        ("No hemolysis", False),
        ("Fasting", False),
    ],
)
def test_a_doubtful_sample_is_marked(note: str, expected: bool) -> None:
    assert potassium(lab(note=[{"text": note}])).sample_doubtful is expected
    assert potassium(lab(interpretation=[{"text": note}])).sample_doubtful is expected


def test_components_are_results_of_their_own() -> None:
    def part(code: str, value: int, name: str) -> dict[str, Any]:
        return {
            "code": {"coding": [{"system": LOINC, "code": code, "display": name}]},
            "valueQuantity": {"value": value, "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
        }

    panel = without(lab(code="85354-9"), "valueQuantity") | {
        "component": [
            part("8480-6", 150, "Systolic blood pressure"),
            part("8462-4", 90, "Diastolic blood pressure"),
        ]
    }
    found = facts_of(panel)
    assert found.numbers["systolic-pressure"][0].value == 150
    assert found.numbers["diastolic-pressure"][0].value == 90
    assert not found.set_aside


def test_a_panel_that_only_groups_is_no_fault() -> None:
    panel = without(lab(), "valueQuantity") | {"hasMember": [{"reference": "Observation/x"}]}
    assert not facts_of(panel).set_aside


def test_of_the_same_time_the_corrected_laboratory_result_counts() -> None:
    found = facts_of(lab(3.0, id="a"), lab(3.4, id="b", status="corrected"))
    assert [result.value for result in found.numbers["potassium"]] == [Decimal("3.4")]
    assert codes(found) == []


def test_a_point_of_care_result_yields_to_the_laboratory() -> None:
    found = facts_of(lab(5.0, "mmol/L", "41653-7", id="a"), lab(6.0, "mmol/L", "2345-7", id="b"))
    assert [(r.value, r.point_of_care) for r in found.numbers["glucose"]] == [(Decimal("6.0"), False)]


def test_different_results_of_the_same_time_are_both_kept_and_said() -> None:
    found = facts_of(lab(3.0, id="a"), lab(3.4, id="b"))
    assert [result.value for result in found.numbers["potassium"]] == [Decimal("3.0"), Decimal("3.4")]
    assert codes(found) == ["F033"]


def test_results_come_oldest_first_whatever_the_order() -> None:
    new, old = lab(3.0, id="n"), lab(4.0, id="o", effectiveDateTime="2025-01-01")
    values = [result.value for result in facts_of(new, old).numbers["potassium"]]
    assert values == [Decimal("4.0"), Decimal("3.0")]


def test_the_same_id_twice_is_one_result() -> None:
    assert len(facts_of(lab(), lab()).numbers["potassium"]) == 1
    newer = lab(4.0, meta={"lastUpdated": "2026-11-19T00:00:00Z"})
    for pair in ((lab(), newer), (newer, lab())):
        found = facts_of(*pair)
        assert [result.value for result in found.numbers["potassium"]] == [Decimal("4.0")]
        assert codes(found) == ["F017"]


def test_of_two_versions_without_a_date_the_same_one_is_used_every_time() -> None:
    pairs = ((lab(3.2), lab(4.0)), (lab(4.0), lab(3.2)))
    used = {facts_of(*pair).numbers["potassium"][0].value for _ in range(20) for pair in pairs}
    assert len(used) == 1


@pytest.mark.parametrize(
    ("period", "text"),
    [({"start": "2026-11-17", "end": "2026-11-18"}, "2026-11-18"), ({"start": "2026-11-17"}, "2026-11-17")],
)
def test_a_period_dates_a_result_by_its_end(period: dict[str, str], text: str) -> None:
    assert potassium(without(lab(), "effectiveDateTime") | {"effectivePeriod": period}).moment.text == text


def test_an_empty_extension_only_period_is_no_date() -> None:
    masked = without(lab(), "effectiveDateTime") | {"effectivePeriod": {"extension": [{"url": "masked"}]}}
    refused(facts_of(masked), "F031", "potassium")


def test_a_score_needs_no_unit() -> None:
    score = without(lab(code="70274-6"), "valueQuantity") | {"valueInteger": 12}
    assert facts_of(score).numbers["gad-7"][0].value == 12


def test_observations_may_be_of_old_or_new_shapes() -> None:
    stu3 = lab(
        comment="Specimen hemolyzed", context={"reference": "Encounter/e"}, interpretation={"text": "Low"}
    )
    result = potassium(stu3)
    assert (result.sample_doubtful, result.direction) == (True, "low")
    dstu2 = lab(comments="ok", category={"text": "lab"})
    assert potassium(dstu2).value == Decimal("3.2")
    assert potassium(lab(subject=ME | {"type": "Patient"})).value


def test_a_batch_may_leave_old_results_unread() -> None:
    rows = [lab(id=str(day), effectiveDateTime=f"2026-{day}") for day in ("11-18", "10-22", "10-10", "01-01")]
    found = facts_of(*rows, numbers_for_days=30)
    kept = [result.moment.text for result in found.numbers["potassium"]]
    assert kept[-2:] == ["2026-10-22", "2026-11-18"]
    assert "2026-01-01" not in kept


@pytest.mark.parametrize(
    ("note", "expected"),
    [
        ("Taken from infusion arm", True),
        ("Drawn above the IV", True),
        ("EDTA contamination suspected", True),
        ("Hemolyzed; probably diluted", True),
        ("Hemolyzed", False),
        ("Not taken from infusion arm", False),
        ("Contamination: excluded", False),
        ("CK measured after laboratory dilution 1:10", False),
    ],
)
def test_a_sample_that_says_nothing_is_told_from_a_doubtful_one(note: str, expected: bool) -> None:
    result = potassium(lab(2.4, note=[{"text": note}], interpretation=[{"coding": [{"code": "LL"}]}]))
    assert result.sample_unusable is expected
    assert result.sample_doubtful is (expected or note == "Hemolyzed")
    assert (result.direction, result.marked) == ((None, False) if expected else ("low", True))


def test_a_bare_direction_from_an_infusion_arm_is_set_aside() -> None:
    words_only = without(lab(), "valueQuantity") | {"valueString": "Low", "note": [{"text": "infusion arm"}]}
    refused(facts_of(words_only), "F037", "potassium", "Low")


def test_a_direction_in_words_is_the_mark_of_the_laboratory_too() -> None:
    result = potassium(lab(2.4, interpretation={"text": "Critically low"}))
    assert (result.direction, result.marked) == ("low", True)
