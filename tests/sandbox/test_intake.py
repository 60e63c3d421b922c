"""A record of one's own is taken in with all forms of reference; nothing of it is passed over in silence."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.sandbox.intake import patient_of, strangers_to, taken_in

UUID = "0e6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"
SYNTHEA = Path(__file__).resolve().parents[3] / "shared" / "fhir-data" / "synthea-2019-bundles"
IDENTIFIER = {"system": "https://ids.example", "value": "7 a"}


def bundle(*rows):
    entries = [({"fullUrl": url} if url else {}) | {"resource": resource} for url, resource in rows]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


def problem(reference, **more):
    return {"resourceType": "Condition", "id": "c", "subject": {"reference": reference}} | more


@pytest.mark.parametrize(
    ("url", "reference"),
    [
        (f"urn:uuid:{UUID}", f"urn:uuid:{UUID}"),
        ("urn:oid:1.2.3", "urn:oid:1.2.3"),
        ("https://ehr.example/fhir/Patient/99", "https://ehr.example/fhir/Patient/99"),
        ("https://ehr.example/fhir/Patient/99", "https://ehr.example/fhir/Patient/99/_history/2"),
        ("https://ehr.example/fhir/Patient/99", "Patient/99"),
        ("https://ehr.example/anything", "https://ehr.example/anything"),
        ("", "urn:uuid:p"),
        ("", "Patient/p"),
        ("", "https://elsewhere.example/Patient/p/_history/1"),
        ("", "Patient?identifier=https://ids.example|7%20a"),
        ("", "Patient?identifier=https%3A%2F%2Fids.example%7C7+a"),
        ("", "Patient?identifier=7%20a"),
    ],
)
def test_every_form_of_reference_finds_the_patient(url, reference):
    patient = {"resourceType": "Patient", "id": "p", "identifier": [IDENTIFIER]}
    records = taken_in(bundle((url, patient), ("", problem(reference)))).records
    assert records.resources[1].patient_id == "p"
    told = strangers_to(records, patient_of(records, ""))
    assert (told.of_another, told.of_nobody) == ((), ())


@pytest.mark.parametrize(
    "reference",
    [
        "urn:uuid:unknown",
        "Patient/q",
        "Patient?identifier=https://other.example|7%20a",
        "Patient?identifier=|7%20a",
        "Patient?name=7%20a",
        "Patient?identifier=https://ids.example|7%20a&name=x",
        "Group/p",
        "Patient?",
        "?",
    ],
)
def test_a_reference_to_anybody_else_is_told(reference):
    patient = {"resourceType": "Patient", "id": "p", "identifier": [IDENTIFIER]}
    sent = problem(reference)
    records = taken_in([patient, sent]).records
    assert records.resources[1].resource is sent
    told = strangers_to(records, "p")
    assert [row.id for row in told.of_another] == ["c"] and told.of_nobody == ()


@pytest.mark.parametrize(
    "subject", [{}, {"display": "Jane"}, {"reference": ""}, {"reference": 7}, "Patient/p", None]
)
def test_what_names_nobody_is_told(subject):
    records = taken_in([{"resourceType": "Patient", "id": "p"}, problem("") | {"subject": subject}]).records
    told = strangers_to(records, "p")
    assert [row.id for row in told.of_nobody] == ["c"] and told.of_another == ()
    assert told.told(2) == {"ofAnother": 0, "ofNobody": 1, "empty": 2, "sources": ["Condition/c"]}


def test_an_identifier_that_two_have_means_neither():
    rows = [{"resourceType": "Patient", "id": name, "identifier": [IDENTIFIER]} for name in "pq"]
    records = taken_in([*rows, problem("Patient?identifier=7%20a")]).records
    assert records.resources[2].patient_id == ""


def test_a_patient_named_by_identifier_alone_is_found():
    patient = {"resourceType": "Patient", "id": "p", "identifier": [IDENTIFIER]}
    sent = problem("") | {"subject": {"identifier": IDENTIFIER, "display": "x"}}
    other = problem("") | {"subject": {"identifier": IDENTIFIER | {"value": "8"}}}
    records = taken_in([patient, sent, other]).records
    assert records.resources[1].resource["subject"]["reference"] == "Patient/p"
    assert [row.patient_id for row in records.resources] == ["p", "p", ""]


def test_resources_without_an_id_are_given_one():
    url = "https://ehr.example/fhir/Observation/o"
    rows = [
        (f"urn:uuid:{UUID}", {"resourceType": "Patient"}),
        (url, {"resourceType": "Observation", "subject": {"reference": f"urn:uuid:{UUID}"}}),
        ("", {"resourceType": "Observation", "hasMember": [{"reference": url}]}),
        ("", {"resourceType": "Observation", "id": "own-2"}),
    ]
    records = taken_in(bundle(*rows)).records
    assert [row.id for row in records.resources] == [UUID, "o", "own-2-", "own-2"]
    assert records.resources[1].patient_id == UUID
    assert records.resources[2].resource["hasMember"] == [{"reference": "Observation/o"}]


def test_bundles_within_bundles_and_empty_entries_are_seen():
    inner = bundle(("", problem("Patient/p")))
    sent = bundle(("", {"resourceType": "Patient", "id": "p"}), ("", inner), ("", None))
    sent["entry"] += [None, {"request": {"method": "DELETE", "url": "Condition/d"}}]
    found = taken_in([sent, inner])
    assert [row.type for row in found.records.resources] == ["Patient", "Condition", "Condition"]
    assert found.empty == 3


@pytest.mark.parametrize(
    ("rows", "wanted", "words"),
    [
        ([{"resourceType": "Patient"}], "", "no Patient with a FHIR id"),
        ([{"resourceType": "Patient", "id": "a b"}], "", "no Patient with a FHIR id"),
        ([{"resourceType": "Organization", "id": "o"}], "", "no Patient with a FHIR id"),
        ([problem("Patient/a"), problem("Patient/b")], "", "several"),
        ([problem("Patient/a")], "b", "not about that one"),
    ],
)
def test_whose_record_it_is_must_be_sure(rows, wanted, words):
    with pytest.raises(ValueError, match=words):
        patient_of(taken_in(rows).records, wanted)


def test_whose_record_it_is_can_be_told_without_a_patient():
    assert patient_of(taken_in([problem("Patient/a")]).records, "") == "a"
    assert patient_of(taken_in([problem("Patient/a"), problem("Patient/b")]).records, "b") == "b"


_NODES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["Patient", "Bundle", "Patient/p", "urn:uuid:p", "?", "#", "/"]),
    lambda part: st.lists(part, max_size=4)
    | st.dictionaries(
        st.sampled_from(
            ["resourceType", "id", "entry", "resource", "fullUrl", "subject", "reference", "identifier",
             "system", "value"]
        ),
        part,
        max_size=5,
    ),
    max_leaves=30,
)  # fmt: skip


@given(_NODES)
def test_whatever_is_sent_is_taken_in_or_refused(sent):
    try:
        found = taken_in(sent)
        told = strangers_to(found.records, patient_of(found.records, "")).told(found.empty)
    except ValueError:
        return
    json.dumps(told)
    again = taken_in([row.resource for row in found.records.resources])
    assert again.records.resources == found.records.resources


@pytest.mark.skipif(not SYNTHEA.is_dir(), reason="the test data beside the project is not here")
@pytest.mark.parametrize("path", sorted(SYNTHEA.glob("*.json.gz"))[:4], ids=lambda path: path.name[:8])
def test_a_bundle_of_synthea_is_found_whole(path):
    sent = json.loads(gzip.decompress(path.read_bytes()).decode("utf-8-sig"))
    found = taken_in(sent)
    (patient,) = found.records.of_type("Patient")
    told = strangers_to(found.records, patient_of(found.records, ""))
    assert (told.of_another, told.of_nobody, found.empty) == ((), (), 0)
    assert len(found.records.resources) == len(sent["entry"])
    for row in (*found.records.of_type("Observation"), *found.records.of_type("Condition")):
        assert row.resource["encounter"]["reference"].startswith("Encounter/")
        assert row.patient_id == patient.id
