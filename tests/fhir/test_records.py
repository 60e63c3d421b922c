"""Reading bytes: one bad resource costs only itself, and what is no FHIR says so clearly."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.errors import NotFhir, PatientDataError
from cds_service.facts import DataState
from cds_service.fhir import CODES, read_bundle
from cds_service.fhir.documents import MAX_BYTES
from cds_service.fhir.lexicon import lexicon_for
from cds_service.fhir.records import pointer_of
from cds_service.fhir.resources import Observation, Patient
from tests.fhir.builders import AS_OF, ME, PATIENT, bundle, facts, facts_of, lab, order, terminology


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "F001"),
        (b"not json", "F001"),
        (b"{", "F001"),
        (b"\xff\xfe{\x00}\x00", "F001"),
        (b'{"a": NaN}', "F001"),
        (
            b'{"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "x": NaN}}]}',
            "F001",
        ),
        (b'{"resourceType": "Patient", "id": "\xff"}', "F010"),
        (b"[]", "F004"),
        (b'"Bundle"', "F004"),
        (b"17", "F004"),
        (b"null", "F004"),
        (b"{}", "F004"),
        (b'{"resourceType": "Patent"}', "F004"),
        (b'{"resourceType": 5}', "F004"),
        (b'{"resourceType": "Bundle", "entry": {"resource": {}}}', "F005"),
        (b"[" * 100_000 + b"]" * 100_000, "F004"),
        (b'{"resourceType": "Bundle", "entry": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "F003"),
        (b'{"resourceType": "Patient", "x": ' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "F003"),
    ],
)
def test_what_is_no_fhir_is_refused_with_place_reason_and_remedy(data: bytes, code: str) -> None:
    with pytest.raises(NotFhir) as error:
        read_bundle(data, where="file.json")
    issue = error.value.issues[0]
    assert (issue.where, issue.code) == ("file.json", code)
    assert issue.what and issue.remedy


def test_more_than_64_mib_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(NotFhir) as error:
        read_bundle(b" " * (MAX_BYTES + 1))
    assert error.value.issues[0].code == "F002"


def test_a_byte_order_mark_is_skipped() -> None:
    assert read_bundle(b"\xef\xbb\xbf" + bundle(PATIENT)).of(Patient)


def test_a_single_resource_is_a_record() -> None:
    record = read_bundle(json.dumps(lab()).encode())
    assert [pointer_of(located) for located in record.of(Observation)] == [""]


@pytest.mark.parametrize(
    "kind", ["transaction", "batch", "collection", "document", "message", "searchset", "x"]
)
def test_every_type_of_bundle_is_read(kind: str) -> None:
    assert read_bundle(bundle(PATIENT, lab(), kind=kind)).of(Observation)


def test_a_bundle_without_type_or_entry_is_empty() -> None:
    record = read_bundle(b'{"resourceType": "Bundle"}')
    assert record.state("Observation") is DataState.NONE_FOUND
    assert not record.set_aside


def test_a_resource_of_the_wrong_shape_costs_only_itself() -> None:
    bad = lab(id="bad", valueQuantity="3.2")
    record = read_bundle(bundle(PATIENT, bad, lab(id="good")))
    assert [located[3].id for located in record.of(Observation)] == ["good"]
    (aside,) = record.set_aside
    assert (aside.code, aside.source.reference, aside.source.pointer) == (
        "F010",
        "Observation/bad",
        "/entry/1/resource",
    )
    assert record.state("Observation") is DataState.INCOMPLETE
    assert record.state("Condition") is DataState.NONE_FOUND


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        ({"resource": {"resourceType": "Potassium"}}, "F011"),
        ({"resource": {"id": "1"}}, "F011"),
        ({"resource": 5}, "F011"),
        ({"fullUrl": "urn:x"}, "F012"),
        ({"resource": None}, "F012"),
        (5, "F010"),
        ({"resource": {"resourceType": "OperationOutcome", "issue": [{"severity": "error"}]}}, "F013"),
    ],
)
def test_entries_that_hold_no_resource_are_reported(entry: Any, code: str) -> None:
    data = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": PATIENT}, entry]}
    record = read_bundle(json.dumps(data).encode())
    assert [aside.code for aside in record.set_aside] == [code]
    assert record.set_aside[0].source.pointer.startswith("/entry/1")
    assert record.of(Patient)


def test_nulls_and_lone_surrogates_do_not_cost_the_record() -> None:
    text = json.dumps(
        {
            "resourceType": "Bundle",
            "entry": [
                {"resource": {**PATIENT, "name": None}},
                {"resource": lab(note=[None, {"text": "broken \ud800 text"}])},
            ],
        }
    )
    found = facts(read_bundle(text.encode()))
    assert found.numbers["potassium"][0].reported == "3.2 mmol/L"


def test_exact_numbers_survive_the_lenient_way() -> None:
    text = bundle(PATIENT, lab(note=[None])).replace(b"3.2", b"3.20")
    assert facts(read_bundle(text)).numbers["potassium"][0].reported == "3.20 mmol/L"


def test_bundles_within_bundles_are_read_with_their_place() -> None:
    inner = json.loads(bundle(lab()))
    record = read_bundle(bundle(PATIENT, inner))
    assert [pointer_of(located) for located in record.of(Observation)] == [
        "/entry/1/resource/entry/0/resource"
    ]


def test_bundles_within_bundles_end() -> None:
    inner: Any = lab()
    for _ in range(8):
        inner = json.loads(bundle(inner))
    record = read_bundle(bundle(PATIENT, inner))
    assert "F010" in [aside.code for aside in record.set_aside]


@pytest.mark.parametrize("more", [{"link": [{"relation": "next", "url": "x"}]}, {"total": 50}])
def test_a_searchset_that_says_there_is_more_is_incomplete(more: dict[str, Any]) -> None:
    record = read_bundle(bundle(PATIENT, lab(), kind="searchset", **more))
    assert record.state("Observation") is DataState.INCOMPLETE
    assert record.state("Condition") is DataState.INCOMPLETE


def test_messages_hold_no_value_of_the_record() -> None:
    secret = "Rumpelstiltskin"
    bad = lab(id="1", status=[secret], valueQuantity={"value": secret})
    record = read_bundle(bundle(PATIENT, bad))
    assert secret not in str(record.set_aside[0].reason)


def test_every_code_has_a_meaning_and_a_remedy() -> None:
    assert all(what.endswith(".") and remedy.endswith(".") for what, remedy in CODES.values())


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=12)
    | st.sampled_from(["Patient/p", "2026-11-18", "final", "active", "2823-3", "http://loinc.org"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "resourceType",
                    "id",
                    "status",
                    "code",
                    "coding",
                    "system",
                    "display",
                    "text",
                    "subject",
                    "reference",
                    "valueQuantity",
                    "value",
                    "unit",
                    "entry",
                    "resource",
                    "component",
                    "period",
                    "start",
                    "meta",
                    "contained",
                    "effectiveDateTime",
                    "medication",
                    "concept",
                    "dosageInstruction",
                    "timing",
                    "repeat",
                    "item",
                    "answer",
                ]
            )
            | st.text(max_size=6),
            inner,
            max_size=6,
        )
    ),
    max_leaves=25,
)
TYPES = st.sampled_from(
    [
        "Observation",
        "Condition",
        "MedicationRequest",
        "MedicationStatement",
        "Encounter",
        "QuestionnaireResponse",
        "DiagnosticReport",
        "Procedure",
        "Medication",
        "AllergyIntolerance",
        "FamilyMemberHistory",
        "CarePlan",
        "Bundle",
        "MedicationAdministration",
        "MedicationDispense",
        "ServiceRequest",
        "Patient",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(TYPES, st.dictionaries(st.sampled_from(list("abc")), JSON), JSON), max_size=4))
def test_arbitrary_json_raises_nothing_but_patient_data_errors(parts: list[Any]) -> None:
    resources = []
    for kind, junk, body in parts:
        members = body if isinstance(body, dict) else {"code": body}
        resources.append({**junk, **members, "resourceType": kind, "subject": {"reference": "Patient/p"}})
    _read_quietly(bundle(PATIENT, *resources))


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_arbitrary_documents_raise_nothing_but_patient_data_errors(document: Any) -> None:
    _read_quietly(json.dumps(document).encode("utf-8", "surrogatepass"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 2_000), st.binary(min_size=1, max_size=3))
def test_a_damaged_document_raises_nothing_but_patient_data_errors(place: int, damage: bytes) -> None:
    whole = bundle(PATIENT, lab(), order())
    place %= len(whole)
    _read_quietly(whole[:place] + damage + whole[place + len(damage) :])


def _read_quietly(data: bytes) -> None:
    try:
        found = facts(read_bundle(data))
    except PatientDataError as error:
        assert all(issue.code in CODES for issue in error.issues)
    else:
        assert found.as_of == AS_OF
        assert all(aside.code in CODES for aside in found.set_aside)


def test_no_prose_of_a_patient_is_kept_ready_after_its_record_was_read():
    note = {"resourceType": "Condition", "subject": ME, "code": {"text": "lip twitching without weakness"}}
    facts_of(note)
    assert lexicon_for(terminology()).narrative._kept_page.cache_info().currsize == 0


def test_parts_of_one_resource_are_told_in_their_order_whatever_the_run() -> None:
    """They stood in the order of a set: another one in each process."""
    part = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueQuantity": {"value": 3.4},
    }
    panel = lab(component=[part] * 9)
    del panel["valueQuantity"]
    told = facts_of(panel).set_aside
    assert [aside.part for aside in told] == [f"/component/{index}" for index in range(9)]
