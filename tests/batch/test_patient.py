"""One patient: what is wrong with one text costs that text, whatever order texts come in."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.batch.patient import Reviewer, joined
from cds_service.batch.rows import Place
from cds_service.facts import DataState
from cds_service.findings import Verdict
from cds_service.review import review_patient
from tests.batch.broken import bundle, encoded, patient, result
from tests.batch.finished import knowledge

ROOT = Path(__file__).resolve().parents[2]
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
KNOWN = {"Patient": DataState.NONE_FOUND, "Observation": DataState.NONE_FOUND}
REVIEWER = Reviewer(knowledge(), AS_OF, states=KNOWN)
LATEST = Reviewer(REVIEWER.knowledge, None)


def read(rows):
    return [json.loads(row.partition(b"\t")[2]) for row in rows]


def placed(*texts):
    return [(Place("a.ndjson", number), text) for number, text in enumerate(texts, 1)]


@pytest.fixture(scope="module")
def twitching():
    data = json.loads((ROOT / "fixtures/patients/lip-twitching-on-furosemide/bundle.json").read_text())
    return [encoded(entry["resource"]) for entry in data["entry"]]


@settings(deadline=None, max_examples=20)
@given(chance=st.randoms())
def test_the_order_of_texts_does_not_matter(twitching, chance):
    lines = placed(*twitching)
    first = REVIEWER.of_patient("Patient/x", lines)
    chance.shuffle(lines)
    again = REVIEWER.of_patient("Patient/x", lines)
    assert (again.patients, again.findings, again.quarantine) == (
        first.patients,
        first.findings,
        first.quarantine,
    )


def test_the_row_of_a_patient_names_what_most_rules_lack(twitching):
    """Held against the findings themselves: a gap counts once for each rule that could not tell."""
    record = joined(twitching[:1])
    (row,) = read(REVIEWER.of_document(record, Place("a.json")).patients)
    review = review_patient(record, REVIEWER.knowledge, as_of=AS_OF)
    rules_of = {}
    for finding in review.findings:
        if finding.verdict is Verdict.UNKNOWN:
            for gap in finding.missing:
                rules_of.setdefault((gap.kind, gap.name, gap.reason), set()).add(finding.rule_id)
    assert len(rules_of) > len(row["missing"]) == 12
    told = [(gap["kind"], gap["name"], gap["reason"], gap["rules"]) for gap in row["missing"]]
    assert told == sorted(told, key=lambda gap: (-gap[3], gap[:3]))
    assert told[0][3] == max(len(rules) for rules in rules_of.values())
    assert all(rules <= len(rules_of[kind, name, reason]) for kind, name, reason, rules in told)


def test_evidence_is_told_by_file_and_line(twitching):
    rows = REVIEWER.of_patient(f"Patient/{json.loads(twitching[0])['id']}", placed(*twitching))
    told = [row for finding in read(rows.findings) for row in finding["evidence"] if row.get("source")]
    assert told
    for row in told:
        kind, _, ident = row["source"].partition("/")
        resource = json.loads(twitching[row["line"] - 1])
        assert (resource["resourceType"], resource["id"], row["file"]) == (kind, ident, "a.ndjson")


@pytest.mark.parametrize(
    "shape",
    [
        b'{"resourceType":"Observation","id":"bad",' + b'"x":{' * 900 + b"}" * 901,
        b'{"resourceType":"Observation","id":"bad","subject":{"reference":"Patient/b"},"note":"\xff"}',
    ],
)
def test_a_text_the_whole_cannot_be_read_with_costs_itself(shape):
    rows = REVIEWER.of_patient(
        "Patient/b", placed(encoded(patient("b")), shape, encoded(result("o", "Patient/b")))
    )
    assert [row["patient"] for row in read(rows.patients)] == ["Patient/b"]
    (aside,) = read(rows.quarantine)
    assert (aside["line"], aside["scope"]) == (2, "resource")
    assert read(rows.patients)[0]["states"]["lab"] == "incomplete"
    assert (rows.tally.given["patients"], rows.tally.reviewed["patients"]) == (1, 1)
    assert (rows.tally.reviewed["resources"], rows.tally.quarantined["resources"]) == (2, 1)


def test_a_shared_text_that_cannot_be_read_costs_no_patient():
    lines = placed(encoded(patient("b")), encoded(result("o", "Patient/b")))
    rows = REVIEWER.of_patient(
        "Patient/b", lines, [(Place("Medication.ndjson", 1), b'{"resourceType":"Medication","x":"\xff"}')]
    )
    assert [row["patient"] for row in read(rows.patients)] == ["Patient/b"]


@pytest.mark.parametrize("ident", ["b", "a/b", "\u202eb", "x" * 900])
def test_a_patient_without_any_date_is_told_by_reference_under_latest(ident):
    rows = LATEST.of_document(bundle(patient(ident)), Place("a.json"))
    (row,) = read(rows.quarantine)
    assert (row["code"], row["scope"], rows.tally.quarantined["patients"]) == ("B029", "patient", 1)
    assert row["patient"].startswith("Patient/")
    assert "--as-of" in row["message"]


def test_a_date_of_an_order_or_an_allergy_counts_as_clinical():
    allergy = {
        "resourceType": "AllergyIntolerance",
        "patient": {"reference": "Patient/b"},
        "recordedDate": "2024-05-06",
    }
    rows = LATEST.of_document(bundle(patient("b"), allergy), Place("a.json"))
    assert read(rows.patients)[0]["asOf"].startswith("2024-05-06T23:59:59")


def test_each_unusable_component_is_told_with_its_own_pointer(twitching):
    """Two results in one Observation gave two rows alike: nobody could tell which one was meant."""
    part = {
        "code": {"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        "valueQuantity": {"value": 3.4},
    }
    broken = result("o", "Patient/delphine", component=[part, part])
    del broken["valueQuantity"]
    rows = REVIEWER.of_patient("Patient/delphine", placed(twitching[0], encoded(broken)))
    assert [(row["line"], row["pointer"], row["code"]) for row in read(rows.quarantine)] == [
        (2, "/component/0", "F023"),
        (2, "/component/1", "F023"),
    ]
