import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

ROOT = Path(__file__).resolve().parents[2]
ORIGIN = "https://ehr.example"
INSTANCE = "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40"
PATH = "/cds-services/twitch-patient-view"

_TYPES = {
    "patient": "Patient",
    "encounters": "Encounter",
    "problems": "Condition",
    "labs": "Observation",
    "medicationRequests": "MedicationRequest",
}


def story(name):
    """Return the resources of a bundled patient."""
    bundle = json.loads((ROOT / "fixtures" / "patients" / name / "bundle.json").read_text(encoding="utf-8"))
    return [entry["resource"] for entry in bundle["entry"]]


def call_of(resources, service):
    """Return a CDS Hooks call that carries the resources as an EHR would prefetch them."""
    prefetch = dict.fromkeys(service.prefetch)
    for key, wanted in _TYPES.items():
        found = [item for item in resources if item["resourceType"] == wanted]
        if key == "patient":
            prefetch["patient"] = found[0]
        elif found:
            prefetch[next(name for name in prefetch if name.split("-")[0] == key)] = {
                "resourceType": "Bundle",
                "type": "searchset",
                "total": len(found),
                "entry": [{"resource": item} for item in found],
            }
    return {
        "hook": "patient-view",
        "hookInstance": INSTANCE,
        "context": {"patientId": prefetch["patient"]["id"], "userId": "Practitioner/example"},
        "prefetch": prefetch,
        "extension": {"org.twitch-cds.asOf": "2026-11-20T12:00:00Z"},
    }


def patient(**more):
    return {"resourceType": "Patient", "id": "p", "birthDate": "1976-01-01", "gender": "female"} | more


def asker(client, knowledge):
    services = {item.hook: item for item in knowledge.services}

    def ask(hook, record=(), context=(), instance=None, server=None, **more):
        service = services[hook]
        call = call_of([patient(), *record], service)
        call |= {"hook": hook, "hookInstance": instance or str(uuid.uuid4())}
        call |= {"fhirServer": server} if server else {}
        bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in context]}
        if hook.startswith("encounter"):
            call["context"]["encounterId"] = "e1"
        if hook.startswith("order"):
            call["context"]["draftOrders"] = bundle
        if hook == "order-select":
            call["context"]["selections"] = [f"{r['resourceType']}/{r['id']}" for r in context]
        if hook == "medication-refill":
            call["context"]["medications"] = bundle
        if hook == "problem-list-item-create":
            call["context"]["conditions"] = bundle
        call["context"] |= more
        answer = client.post(
            f"/cds-services/{service.id}", data=json.dumps(call), content_type="application/json"
        )
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    return ask


def answerer(client):
    def answer(given, hook="patient-view", outcome="overridden", hours_ago=0.0, **more):
        """Answer every card of an answer, so long ago."""
        at = datetime.now(UTC) - timedelta(hours=hours_ago)
        items = []
        for card in given["cards"]:
            item = {"card": card["uuid"], "outcome": outcome, "outcomeTimestamp": at.isoformat(), **more}
            if outcome == "accepted":
                item["acceptedSuggestions"] = [{"id": str(uuid.UUID(int=1))}]
            items.append(item)
        response = client.post(f"/cds-services/twitch-{hook}/feedback", json={"feedback": items})
        assert response.status_code == 200, response.text

    return answer


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="session")
def service(knowledge):
    return next(item for item in knowledge.services if item.id == "twitch-patient-view")


@pytest.fixture
def make_app(knowledge, tmp_path):
    def make(**settings):
        url = f"sqlite:///{tmp_path / 'feedback.sqlite3'}"
        return create_app(
            Settings(**{"store_url": url, "allow_as_of": True, "cors_origins": (ORIGIN,), **settings}),
            knowledge,
        )

    return make


@pytest.fixture
def client(make_app):
    return make_app().test_client()


@pytest.fixture
def call(service):
    return call_of(story("lip-twitching-on-furosemide"), service)


@pytest.fixture(scope="session")
def quiet(knowledge, tmp_path_factory):
    """A client of a service that writes no line for each request; one for all who ask it nothing but calls."""
    url = f"sqlite:///{tmp_path_factory.mktemp('quiet') / 'feedback.sqlite3'}"
    settings = Settings(store_url=url, allow_as_of=True, cors_origins=(ORIGIN,), log_level="error")
    return create_app(settings, knowledge).test_client()


@pytest.fixture
def ask(client, knowledge):
    """Return a function that calls the service of a hook and gives the answer."""
    return asker(client, knowledge)


@pytest.fixture
def answer(client):
    """Return a function that answers every card of an answer."""
    return answerer(client)
