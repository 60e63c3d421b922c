"""Whose data, which encounter, what scope (quirks 14, 28, 29, 32)."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from cds_service.errors import SubjectError
from cds_service.facts import DataState
from cds_service.fhir import latest_clinical_date, read_bundle
from tests.fhir.builders import ME, PATIENT, SNOMED, bundle, codes, facts, facts_of, lab, without

OTHER = {"reference": "Patient/other"}


def fault(data: bytes, **how: Any) -> str:
    with pytest.raises(SubjectError) as error:
        facts(read_bundle(data), **how)
    return error.value.issues[0].code


def test_no_patient() -> None:
    assert fault(bundle()) == "F006"
    assert fault(bundle({"resourceType": "Organization", "id": "x"})) == "F006"


def test_two_patients() -> None:
    two = bundle(PATIENT, PATIENT | {"id": "q"})
    assert fault(two) == "F007"
    assert facts(read_bundle(two), patient_id="q").patient == "Patient/q"


def test_two_subjects_without_patient() -> None:
    assert fault(bundle(lab(), lab(id="b", subject=OTHER))) == "F007"


def test_another_patient_than_named() -> None:
    assert fault(bundle(PATIENT), patient_id="q") == "F008"


def test_no_patient_resource_but_all_agree() -> None:
    found = facts(read_bundle(bundle(lab())))
    assert (found.patient, found.age_days, found.sex) == ("Patient/p", None, None)
    assert found.numbers["potassium"]


def test_the_named_patient_decides_where_no_patient_was_sent() -> None:
    found = facts(read_bundle(bundle(lab(), lab(id="b", subject=OTHER))), patient_id="other")
    assert [result.source.reference for result in found.numbers["potassium"]] == ["Observation/b"]
    assert codes(found) == ["F014"]


@pytest.mark.parametrize(
    "reference",
    [
        "Patient/p",
        "https://fhir.example/r4/Patient/p",
        "Patient/p/_history/2",
        "urn:uuid:p",
        "urn:uuid:full",
        "https://fhir.example/r4/Patient/p/_history/7",
    ],
)
def test_every_form_of_reference_to_the_patient(reference: str) -> None:
    data = {
        "resourceType": "Bundle",
        "entry": [
            {"fullUrl": "urn:uuid:full", "resource": PATIENT},
            {"resource": lab(subject={"reference": reference})},
        ],
    }
    assert facts(read_bundle(json.dumps(data).encode())).numbers["potassium"]


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (OTHER, "F014"),
        ({"reference": "Group/p"}, "F014"),
        ({"display": "p"}, "F015"),
        (None, "F015"),
        ({"reference": "#p"}, "F015"),
        ({"identifier": {"system": "urn:nhs", "value": "2"}}, "F014"),
    ],
)
def test_data_of_others_or_of_nobody_are_refused(subject: Any, code: str) -> None:
    patient = PATIENT | {"identifier": [{"system": "urn:nhs", "value": "1"}]}
    found = facts_of(lab(subject=subject), patient=patient)
    assert not found.numbers
    assert codes(found) == [code]
    known = found.states["lab"].is_known
    assert known is (code == "F014")


def test_the_patient_may_be_named_by_identifier() -> None:
    patient = PATIENT | {"identifier": [{"system": "urn:nhs", "value": "1"}]}
    assert facts_of(lab(subject={"identifier": {"system": "urn:nhs", "value": "1"}}), patient=patient).numbers


@pytest.mark.parametrize(
    "more", [{"modifierExtension": [{"url": "urn:not"}]}, {"implicitRules": "urn:rules"}]
)
def test_what_may_reverse_the_meaning_is_refused(more: dict[str, Any]) -> None:
    found = facts_of(lab(**more))
    assert not found.numbers
    assert codes(found) == ["F016"]
    assert found.states["lab"] is DataState.INCOMPLETE


def test_an_empty_modifier_is_none() -> None:
    assert facts_of(lab(modifierExtension=[])).numbers


@pytest.mark.parametrize(
    ("born", "age", "birth_date"),
    [
        ("1976-11-20", 18_262, date(1976, 11, 20)),
        ("1976-11", None, None),
        ("1976", None, None),
        ("2149-01-01", None, None),
        ("1700-01-01", None, None),
        (None, None, None),
        ("soon", None, None),
    ],
)
def test_the_age_is_known_or_not(born: str | None, age: int | None, birth_date: date | None) -> None:
    found = facts_of(patient=PATIENT | {"birthDate": born})
    assert (found.age_days, found.birth_date) == (age, birth_date)


@pytest.mark.parametrize(
    ("born", "span", "adult"),
    [
        ("1976", (date(1976, 1, 1), date(1976, 12, 31)), True),
        ("2008", (date(2008, 1, 1), date(2008, 12, 31)), None),
        ("2026", (date(2026, 1, 1), date(2026, 11, 20)), False),
        ("2026-11", (date(2026, 11, 1), date(2026, 11, 20)), False),
        ("2026-12", None, None),
        ("1976-11-20", None, True),
    ],
)
def test_a_birth_date_known_by_year_or_month(
    born: str, span: tuple[date, date] | None, adult: bool | None
) -> None:
    found = facts_of(patient=PATIENT | {"birthDate": born})
    assert (found.birth_span, found.is_adult) == (span, adult)


@pytest.mark.parametrize(
    ("gender", "sex"), [("male", "male"), ("female", "female"), ("other", None), (None, None)]
)
def test_the_sex(gender: str | None, sex: str | None) -> None:
    assert facts_of(patient=PATIENT | {"gender": gender}).sex == sex


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"deceasedBoolean": True}, "deceased"),
        ({"deceasedBoolean": False}, ""),
        ({"deceasedDateTime": "2020-01-01"}, "deceased"),
        ({"deceasedDateTime": "2030-01-01"}, ""),
        ({"deceasedDateTime": "some day"}, "deceased"),
        ({"meta": {"security": [{"code": "HTEST"}]}}, "test-patient"),
        ({"birthDate": "2026-11-01"}, "newborn"),
        ({"birthDate": "2026-10-23"}, ""),
        ({"birthDate": "2026-11"}, "newborn"),  # at most 19 days old
        ({"birthDate": "2026-10"}, ""),  # perhaps older than 27 days
        ({"birthDate": "2026"}, ""),
        ({"birthDate": "2026-12"}, ""),
    ],
)
def test_who_is_outside_the_scope(change: dict[str, Any], reason: str) -> None:
    assert facts_of(patient=PATIENT | change).outside == reason


def test_comfort_care_is_outside_the_scope() -> None:
    plan = {
        "resourceType": "CarePlan",
        "id": "c",
        "status": "active",
        "subject": ME,
        "category": [{"text": "Terminal care"}],
    }
    assert facts_of(plan).outside == "comfort-care"
    assert facts_of(plan | {"status": "completed"}).outside == ""


def visit(ident: str = "e", start: str = "2026-11-10", **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "id": ident,
        "status": "finished",
        "subject": ME,
        "class": {"code": "AMB"},
        "period": {"start": start, "end": start},
    } | more


@pytest.mark.parametrize(
    ("sent", "setting"),
    [
        ({"code": "IMP"}, "inpatient"),
        ({"code": "ACUTE"}, "inpatient"),
        ({"code": "EMER"}, "emergency"),
        ({"code": "AMB"}, "outpatient"),
        ([{"coding": [{"code": "IMP"}]}], "inpatient"),
        ("inpatient", "inpatient"),
        ("outpatient", "outpatient"),
        (None, "outpatient"),
    ],
)
def test_the_setting_by_class_in_every_version(sent: Any, setting: str) -> None:
    assert facts_of(visit() | {"class": sent}).encounter.setting == setting


@pytest.mark.parametrize(
    ("visits", "current"),
    [
        ([visit()], "e"),
        ([visit(start="2026-10-01")], None),
        ([visit("a"), visit("b", "2026-11-12")], "b"),
        ([visit("a"), visit("b", "2026-09-01", status="in-progress", period={"start": "2026-09-01"})], "b"),
        ([visit(status="cancelled")], None),
        ([visit(status="planned")], None),
        ([visit(start="2026-12-01")], None),
        ([without(visit(), "period")], None),
        ([without(visit(), "period") | {"actualPeriod": {"start": "2026-11-10"}}], "e"),
    ],
)
def test_the_current_encounter_is_the_open_or_latest_one(visits: list[Any], current: str | None) -> None:
    source = facts_of(*visits).encounter.source
    assert (source and source.reference) == (current and f"Encounter/{current}")


def test_the_hook_names_the_encounter() -> None:
    old = visit("old", "2020-01-01") | {"class": {"code": "IMP"}}
    found = facts_of(visit(), old, encounter_id="old")
    assert (found.encounter.setting, found.encounter.start and found.encounter.start.text) == (
        "inpatient",
        "2020-01-01",
    )
    assert facts_of(visit(), encounter_id="gone").encounter.source is None


def test_r5_reasons_of_an_encounter() -> None:
    r5 = visit() | {"reason": [{"use": [{"text": "chief"}], "value": [{"concept": {"text": "Fever"}}]}]}
    (event,) = facts_of(r5).events["symptom"]["fever"]
    assert event.in_encounter
    stu3 = visit() | {"reason": [{"text": "Fever"}]}
    assert facts_of(stu3).events["symptom"]["fever"]


def test_what_is_left_out_is_left_out() -> None:
    two = (lab(), lab(id="b", effectiveDateTime="2026-11-17"))
    for name in ("Observation/o", "/entry/1/resource"):
        found = facts_of(*two, without=frozenset({name}))
        assert [result.source.reference for result in found.numbers["potassium"]] == ["Observation/b"]


def test_the_latest_clinical_date() -> None:
    record = read_bundle(
        bundle(PATIENT, lab(), visit(start="2026-11-19"), lab(id="b", effectiveDateTime="2149"))
    )
    assert latest_clinical_date(record) == datetime(2149, 12, 31, 23, 59, 59, tzinfo=UTC)
    assert latest_clinical_date(read_bundle(bundle(PATIENT))) is None


def test_the_order_of_entries_changes_nothing() -> None:
    rows = [
        lab(),
        lab(2.9, id="b"),
        visit(),
        visit("f", "2026-11-11"),
        {
            "resourceType": "Condition",
            "id": "c",
            "subject": ME,
            "code": {"text": "Lip twitching"},
            "recordedDate": "2026-11-10",
            "clinicalStatus": "active",
        },
        {
            "resourceType": "Condition",
            "id": "d",
            "subject": ME,
            "code": {"coding": [{"system": SNOMED, "code": "82470000"}]},
            "recordedDate": "2026-11-10",
        },
    ]
    one, other = facts_of(*rows), facts_of(*reversed(rows))
    assert one.twitch is not None and other.twitch is not None
    assert one.twitch.sites == other.twitch.sites
    assert [r.value for r in one.numbers["potassium"]] == [r.value for r in other.numbers["potassium"]]
    assert (one.encounter.start, one.events.keys()) == (other.encounter.start, other.events.keys())
