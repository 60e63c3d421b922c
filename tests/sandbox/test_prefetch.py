"""The prefetch of a service is filled in as its templates ask, over a bundled record or one's own."""

from __future__ import annotations

import json

import pytest

from cds_service.content import content_root
from cds_service.knowledge import load_knowledge
from cds_service.sandbox.prefetch import prefetch_of
from cds_service.sandbox.records import load_library, read_records

KNOWLEDGE = load_knowledge()
LIBRARY = load_library()
SERVICES = {service.id: service for service in KNOWLEDGE.services}
BASE = "https://ehr.example/fhir"


def filled(service, story, records=None):
    context = {"patientId": story.patient_id, "encounterId": "unknown"}
    return prefetch_of(service, context, records or story.record, BASE)


@pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)
def test_every_key_of_every_service_is_answered_for_every_patient(service):
    for story in LIBRARY.stories:
        found = filled(service, story)
        assert list(found.found) == list(service.prefetch) == list(found.queries)
        for key, value in found.found.items():
            if value is None:
                continue
            rows = [value] if value["resourceType"] != "Bundle" else [e["resource"] for e in value["entry"]]
            assert {row["resourceType"] for row in rows} <= set(service.promises[key])
            assert value["resourceType"] != "Bundle" or value["total"] == len(rows)


@pytest.mark.parametrize("story", LIBRARY.stories, ids=lambda story: story.name)
def test_the_whole_house_gives_what_the_record_alone_gives(story):
    """Searching among all patients must bring nobody else's data."""
    service = SERVICES["twitch-patient-view"]
    assert filled(service, story, LIBRARY.records) == filled(service, story)


@pytest.mark.parametrize("story", LIBRARY.stories, ids=lambda story: story.name)
def test_nothing_of_a_record_is_lost_that_discovery_asks_for(story):
    """Told without any search: by type, category and code alone."""
    path = content_root() / "fixtures" / "patients" / story.name / "bundle.json"
    sent = [entry["resource"] for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]]
    found = filled(SERVICES["twitch-patient-view"], story).found
    got = {
        (row["resourceType"], row["id"])
        for value in found.values()
        if value
        for row in ([value] if value["resourceType"] != "Bundle" else [e["resource"] for e in value["entry"]])
    }
    asked = {"Encounter", "Condition", "MedicationRequest", "MedicationStatement", "MedicationAdministration"}
    asked |= {"Patient", "Procedure", "DiagnosticReport", "FamilyMemberHistory", "AllergyIntolerance"}
    wanted = {(row["resourceType"], row["id"]) for row in sent if row["resourceType"] in asked}
    templates = " ".join(SERVICES["twitch-patient-view"].prefetch.values())
    for row in (row for row in sent if row["resourceType"] == "Observation"):
        categories = {c["code"] for item in row.get("category", ()) for c in item.get("coding", ())}
        codes = [f"{c['system']}|{c['code']}" for c in row["code"].get("coding", ()) if "system" in c]
        if categories & {"vital-signs", "exam", "survey", "social-history"} or any(
            c in templates for c in codes
        ):
            wanted.add(("Observation", row["id"]))
    assert wanted <= got


def test_a_template_the_context_cannot_fill_leaves_its_key_out():
    service = SERVICES["twitch-patient-view"]
    found = prefetch_of(service, {}, LIBRARY.records, BASE)
    assert found.found == {} and found.queries == {}


def test_a_record_of_many_visits_is_not_cut_to_a_page():
    visits = [
        {
            "resourceType": "Encounter",
            "id": f"v{n}",
            "subject": {"reference": "Patient/p"},
            "status": "finished",
        }
        for n in range(30)
    ]
    records = read_records([{"resourceType": "Patient", "id": "p"}, *visits])
    found = prefetch_of(SERVICES["twitch-patient-view"], {"patientId": "p"}, records, BASE)
    assert found.found["encounters"]["total"] == len(found.found["encounters"]["entry"]) == 30
    assert found.queries["encounters"].startswith("Encounter?patient=p&")
    assert found.found["problems"] is None
