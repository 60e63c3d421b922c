"""Records keep resources as they came and find them; the bundled patients are all there."""

from __future__ import annotations

import json
import re
from decimal import Decimal

import pytest

from cds_service.content import content_root
from cds_service.errors import ContentError
from cds_service.knowledge import load_knowledge
from cds_service.sandbox.listing import NO_CARD, listed_patient
from cds_service.sandbox.records import load_library, owner_of, read_records

LIBRARY = load_library()
FOLDERS = sorted(
    path.parent.name for path in (content_root() / "fixtures" / "patients").glob("*/bundle.json")
)


def test_every_bundled_patient_is_there_with_every_resource():
    assert [story.name for story in LIBRARY.stories] == FOLDERS
    for story in LIBRARY.stories:
        path = content_root() / "fixtures" / "patients" / story.name / "bundle.json"
        bundle = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        assert [row.resource for row in story.record.resources] == [
            row["resource"] for row in bundle["entry"]
        ]
        assert LIBRARY.of_patient(story.patient_id) is story
        assert {row.patient_id for row in story.record.resources} <= {story.patient_id, ""}
    assert LIBRARY.of_patient("nobody") is None


def test_the_list_tells_who_they_are():
    knowledge = load_knowledge()
    rows = {story.name: listed_patient(story, knowledge) for story in LIBRARY.stories}
    lithium = rows["lithium-high-after-ibuprofen"]
    assert (lithium["sex"], lithium["age"], lithium["asOf"]) == ("female", 47, "2026-11-20T12:00:00Z")
    assert lithium["causes"][0]["ruleId"] == "lithium-toxicity"
    assert lithium["causes"][0]["title"] == knowledge.rules["lithium-toxicity"].title
    assert lithium["group"] == knowledge.rules["lithium-toxicity"].group
    assert rows["no-twitching"]["group"] == NO_CARD and rows["no-twitching"]["causes"] == []
    for name, row in rows.items():
        assert row["title"] and row["sentence"] and row["name"], name
        assert all(cause["ruleId"] in knowledge.rules for cause in row["causes"]), name
    assert list(rows) == FOLDERS


def test_a_story_tells_the_age_the_record_has():
    knowledge = load_knowledge()
    for story in LIBRARY.stories:
        row = listed_patient(story, knowledge)
        told = re.search(r"(\w+)-year-old", row["sentence"])
        if told is not None:
            assert told[1] in (str(row["age"]), {10: "ten"}.get(row["age"])), story.name


def test_numbers_stay_as_they_were_written():
    records = read_records(json.loads('{"resourceType":"Observation","x":1.80}', parse_float=Decimal))
    assert str(records.resources[0].resource["x"]) == "1.80"


def test_a_bundle_a_list_and_one_resource_are_read():
    patient, other = {"resourceType": "Patient", "id": "p"}, {"resourceType": "Flag"}
    for sent in (
        {
            "resourceType": "Bundle",
            "entry": [{"resource": patient}, {"resource": other}, {}, None, {"resource": 7}],
        },
        [patient, other, "x", None, {"id": "no type"}],
    ):
        records = read_records(sent)
        assert [row.type for row in records.resources] == ["Patient", "Flag"]
        found = records.read("Patient", "p")
        assert found is not None and found.patient_id == "p"
        assert records.read("Patient", "q") is None and records.of_type("Observation") == ()
    assert read_records(patient).types == {"Patient"}


@pytest.mark.parametrize(
    "sent", [None, [], {}, "text", {"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": {}}]
)
def test_what_holds_no_resource_is_refused(sent):
    with pytest.raises(ValueError, match="no FHIR resource"):
        read_records(sent)


@pytest.mark.parametrize(
    ("resource", "owner"),
    [
        ({"subject": {"reference": "Patient/p"}}, "p"),
        ({"patient": {"reference": "https://x/fhir/Patient/p/_history/3"}}, "p"),
        ({"subject": {"reference": "Group/g"}}, ""),
        ({"subject": {"reference": 7}}, ""),
        ({"subject": "Patient/p"}, ""),
        ({}, ""),
    ],
)
def test_whose_a_resource_is(resource, owner):
    assert owner_of(resource) == owner


def test_a_story_that_is_none_is_told_with_its_folder(tmp_path):
    folder = tmp_path / "fixtures" / "patients" / "broken"
    folder.mkdir(parents=True)
    (folder / "expected.json").write_text("{}")
    with pytest.raises(ContentError) as told:
        load_library(tmp_path)
    assert told.value.issues[0].code == "C011" and "broken" in told.value.issues[0].where


def test_a_site_without_patients_of_its_own_has_the_bundled_ones(tmp_path):
    assert len(load_library(tmp_path).stories) == len(FOLDERS)
