"""Records that lie, by attack or by carelessness: what is read of them, and what is said instead."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from cds_service.errors import NotFhir, SubjectError
from cds_service.facts import DataState, PatientFacts, Source
from cds_service.fhir import (
    Record,
    extract_facts,
    latest_clinical_date,
    read_bundle,
    read_drafts,
    read_prefetch,
    second_look,
)
from cds_service.fhir.times import Times
from tests.fhir.builders import (
    AS_OF,
    ME,
    PATIENT,
    bundle,
    codes,
    condition,
    facts,
    facts_of,
    lab,
    order,
    terminology,
    without,
)

KEYS = {"patient": ("Patient",), "labs": ("Observation",)}


def prefetched(**values: Any) -> Record:
    """A record of raw prefetch values (bytes as they are, all else as JSON)."""
    raw = {
        key: msgspec.Raw(value if isinstance(value, bytes) else json.dumps(value).encode())
        for key, value in values.items()
    }
    return read_prefetch(raw, patient_id="p", keys=KEYS)


def judged_again(record: Record, *sources: Source) -> PatientFacts:
    """The facts after a second look at the given sources, as a review takes it."""
    refused = second_look(record, sources)
    left_out = frozenset(aside.source.pointer for aside in refused)
    return extract_facts(record, terminology(), as_of=AS_OF, without=left_out, refused=refused)


# --- time: a fresh result is not lost to a clock or a zone


@pytest.mark.parametrize(
    "dated",
    ["2026-11-20T12:03:00Z", "2026-11-21", "2026-11-21T01:00:00", "2026-11-21T01:00:00+14:00"],
)
def test_a_result_that_may_already_be_there_counts(dated: str) -> None:
    found = facts_of(lab(effectiveDateTime=dated), condition(recordedDate=dated))
    assert found.numbers["potassium"][0].moment.earliest <= found.now
    assert "F032" not in codes(found)


@pytest.mark.parametrize(
    "dated", ["2026-11-20T12:11:00Z", "2026-11-22", "2026-11-21T02:00:01", "2026-12", "2027", "9999-12-31"]
)
def test_a_result_of_the_future_does_not(dated: str) -> None:
    found = facts_of(lab(effectiveDateTime=dated))
    assert not found.numbers
    assert codes(found) == ["F032"]


def test_the_reach_of_a_date_without_zone_shrinks_where_the_evaluation_is_far_east() -> None:
    as_of = datetime(2026, 11, 20, 12, tzinfo=timezone(timedelta(hours=13)))
    moment = Times(as_of).read("2026-11-21")
    assert moment is not None
    assert moment.earliest > int(as_of.timestamp())


@pytest.mark.parametrize("dated", ["٢٠٢٦-١١-١٨", "２０２６-11-18", "2026-11-18T08:00:60Z"])
def test_odd_digits_are_no_date(dated: str) -> None:
    assert Times(AS_OF).read(dated) is None


@pytest.mark.parametrize("text", ["٢.٩ mmol/L", "２.９ mmol/L"])
def test_odd_digits_are_no_number(text: str) -> None:
    found = facts_of(lab(valueQuantity=None, valueString=text))
    assert not found.numbers
    assert codes(found) == ["F028"]


@pytest.mark.parametrize("born", ["0001-01-01", "2027-01-01", "9999-12-31"])
def test_a_birth_date_nobody_can_have_is_no_birth_date(born: str) -> None:
    found = facts_of(patient=PATIENT | {"birthDate": born})
    assert (found.birth_date, found.age_days) == (None, None)


# --- two answers in one document


@pytest.mark.parametrize(
    "twice",
    [
        b'"entry": [], "entry": [',
        b'"entry": [{"resource": {"resourceType": "Observation", "status": "final"}}], "entry": [',
        rb'"entr\u0079": [{"resource": {"resourceType": "Observation", "status": "final"}}], "entry": [',
        rb'"\u0065\u006E\u0074\u0072\u0079": [], "entry": [',
    ],
)
def test_a_bundle_with_two_lists_of_entries_is_refused(twice: bytes) -> None:
    body = bundle(lab()).replace(b'"entry": [', twice)
    with pytest.raises(NotFhir) as refused:
        read_bundle(body)
    assert refused.value.issues[0].code == "F070"
    record = prefetched(patient=PATIENT, labs=body)
    assert record.state("Observation") is DataState.FAILED


def test_a_list_within_an_entry_is_no_second_list() -> None:
    groups = {"resourceType": "List", "id": "l", "entry": [{"item": {"reference": "Observation/o"}}]}
    assert facts_of(lab(), groups).numbers


@pytest.mark.parametrize("resource", [lab(), order(), condition("Fasciculation")])
def test_what_the_second_look_refuses_leaves_a_gap(resource: dict[str, Any]) -> None:
    body = bundle(PATIENT, resource).replace(b'"status"', b'"status": "x", "status"')
    body = body.replace(b'"recordedDate"', b'"recordedDate": "2020", "recordedDate"')
    found = judged_again(read_bundle(body), Source("", "/entry/1/resource"))
    assert codes(found) == ["F070"]
    kind = {"Observation": "lab", "MedicationRequest": "drug", "Condition": "condition"}
    assert found.states[kind[resource["resourceType"]]] is DataState.INCOMPLETE


def test_a_patient_with_two_birth_dates_has_no_known_age() -> None:
    text = json.dumps(PATIENT).replace('"birthDate"', '"birthDate": "2020-01-01", "birthDate"')
    found = judged_again(prefetched(patient=text.encode(), labs=None))
    assert (codes(found), found.age_days, found.sex) == (["F070"], None, None)
    assert found.patient == "Patient/p"


def test_two_patients_of_one_id_and_two_birth_dates_are_refused() -> None:
    child = PATIENT | {"birthDate": "2020-01-01"}
    with pytest.raises(SubjectError):
        facts_of(child)
    assert facts_of(PATIENT, without(PATIENT, "birthDate")).age_days == 18_262


def test_another_patient_who_came_along_is_told() -> None:
    record = read_bundle(bundle(PATIENT, {"resourceType": "Patient", "id": "child"}))
    found = facts(record, patient_id="p")
    assert (found.patient, codes(found)) == ("Patient/p", ["F014"])


# --- whose result, and whether it is one


@pytest.mark.parametrize("focus", [{"reference": "Patient/child"}, {"display": "fetus"}])
@pytest.mark.parametrize("many", [True, False])
def test_a_result_about_somebody_else_is_not_the_patients(focus: dict[str, str], many: bool) -> None:
    found = facts_of(lab(focus=[focus] if many else focus))
    assert (dict(found.numbers), codes(found)) == ({}, ["F039"])


def test_a_result_about_the_patient_himself_is() -> None:
    assert facts_of(lab(focus=[ME])).numbers


def test_a_number_with_a_reason_for_its_absence_is_not_used() -> None:
    found = facts_of(lab(dataAbsentReason={"coding": [{"code": "error"}]}))
    assert (dict(found.numbers), codes(found)) == ({}, ["F038"])


@pytest.mark.parametrize("resource", [{}, {"id": "x"}, 5, "x", {"resourceType": 7}])
def test_an_entry_that_may_have_been_anything_leaves_a_gap(resource: Any) -> None:
    record = read_bundle(bundle(PATIENT, resource))
    assert record.state("Observation") is DataState.INCOMPLETE


def test_a_total_in_quotes_is_a_total() -> None:
    record = read_bundle(bundle(PATIENT, kind="searchset", total="5"))
    assert record.state("Observation") is DataState.INCOMPLETE


def test_ten_thousand_citations_are_looked_at_once_each() -> None:
    record = read_bundle(bundle(PATIENT, *[lab(id=f"k{index}") for index in range(10_000)]))
    sources = [Source(f"Observation/k{index}", f"/entry/{index + 1}/resource") for index in range(10_000)]
    assert second_look(record, sources) == ()


def test_the_newest_date_of_a_record_reads_without_a_clock() -> None:
    newest = latest_clinical_date(read_bundle(bundle(PATIENT, lab())))
    assert newest is not None
    assert newest.astimezone(UTC).date() == date(2026, 11, 18)


@pytest.mark.parametrize(
    "name",
    ["Potassium (dialysate)", "Dialysate potassium", "Potassium RBC", "Saliva potassium", "Potassium, sweat"],
)
def test_a_name_of_another_specimen_is_no_serum_result(name: str) -> None:
    assert not facts_of(lab() | {"code": {"text": name}}).numbers
    assert facts_of(lab() | {"code": {"text": "Potassium"}}).numbers


@pytest.mark.parametrize(
    ("draft", "selections"),
    [
        (order(status=5), None),
        ({"id": "m"}, None),
        (order(subject={"reference": "Patient/other"}), None),
        (order(), ["MedicationRequest/another"]),
    ],
)
def test_a_draft_that_cannot_be_used_leaves_a_gap(
    draft: dict[str, Any], selections: list[str] | None
) -> None:
    record = read_drafts(read_bundle(bundle(PATIENT)), bundle(draft), selections=selections)
    found = facts(record, hook="order-select", patient_id="p")
    assert codes(found)
    assert found.states["drug"] is DataState.INCOMPLETE
