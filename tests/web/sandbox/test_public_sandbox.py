"""What the public CDS Hooks sandbox page asks, as it was recorded in a browser: answered so that it works.

The page is a web application of another origin. It reads the first page of an answer and no further one.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pytest

from cds_service.sandbox.records import load_library
from cds_service.web import create_app

from .running import settings_of

LIBRARY = load_library()
STORY = next(story for story in LIBRARY.stories if story.name == "lip-twitching-on-furosemide")
ME = STORY.patient_id
FHIR = "/sandbox/fhir"
USER = "Practitioner/COREPRACTITIONER1"
#: Sent with every request: the page names the media type of DSTU2.
HEADERS = {"Accept": "application/json+fhir", "Origin": "http://127.0.0.1:8080"}
FORM = "application/x-www-form-urlencoded"
#: A form the page sent, letter by letter.
RECORDED = (
    ("Encounter", f"_count=20&_sort=-date&patient={ME}"),
    ("Condition", f"_count=500&patient={ME}"),
    ("Observation", f"_count=200&_sort=-date&category=vital-signs&patient={ME}"),
    ("Observation", f"_count=500&_sort=-date&category=exam%2Csurvey%2Csocial-history&patient={ME}"),
    (
        "Observation",
        "_count=500&_sort=-date&code=http%3A%2F%2Floinc.org%7C2823-3%2Chttp%3A%2F%2Floinc.org%7C19123-9"
        f"&patient={ME}",
    ),
    ("QuestionnaireResponse", f"_count=100&patient={ME}"),
)
#: The order of its Rx View before a drug is chosen, and after: a category that is no list, as it writes it.
_UNFINISHED: dict[str, Any] = {
    "resourceType": "MedicationRequest",
    "id": "request-123",
    "status": "draft",
    "subject": {"reference": f"Patient/{ME}"},
    "authoredOn": "2026-11-20",
}
_CATEGORY = "http://terminology.hl7.org/CodeSystem/medicationrequest-category"
_DOSE = {"value": 1, "system": "http://unitsofmeasure.org", "code": "{pill}"}
_DURATION = {"value": 30, "unit": "days", "system": "http://unitsofmeasure.org", "code": "d"}
_TABLET = "Furosemide 40 MG Oral Tablet"
_CHOSEN = {
    "dosageInstruction": [
        {
            "timing": {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": _DOSE}],
        }
    ],
    "dispenseRequest": {"expectedSupplyDuration": _DURATION},
    "intent": "order",
    "category": {"coding": [{"system": _CATEGORY, "code": "community"}]},
    "medicationCodeableConcept": {
        "text": _TABLET,
        "coding": [
            {"display": _TABLET, "system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "313988"}
        ],
    },
    "reasonCode": {
        "coding": [
            {"system": "http://snomed.info/sct", "code": "82470000", "display": "Muscle fasciculation"}
        ],
        "text": "Twitching of the left upper lip",
    },
}


@pytest.fixture(scope="module")
def client(knowledge, tmp_path_factory):
    settings = settings_of(tmp_path_factory.mktemp("page"), cors_origins=("*",))
    return create_app(settings, knowledge).test_client()


def read(answer):
    """The body as JSON, under whatever media type."""
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return json.loads(answer.get_data())


def get(client, path):
    answer = client.get(f"{FHIR}/{path}", headers=HEADERS)
    assert answer.mimetype == "application/json+fhir"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    return read(answer)


def posted(client, resource_type, form):
    path = f"{FHIR}/{resource_type}/_search"
    return read(client.post(path, data=form, content_type=FORM, headers=HEADERS))


def test_everybody_can_be_chosen(client):
    """The list to choose from is the first page; a name is ``given`` in a list and one ``family``."""
    everyone = get(client, "Patient")
    assert [link["relation"] for link in everyone["link"]] == ["self"]
    people = [entry["resource"] for entry in everyone["entry"]]
    assert [row["id"] for row in people] == [story.patient_id for story in LIBRARY.stories]
    for person in people:
        name = person["name"][0]
        assert all(isinstance(part, str) for part in (*name["given"], name["family"])), person["id"]
        assert isinstance(person["birthDate"], str)


def test_a_page_that_names_nobody_gets_the_first(client):
    (entry,) = get(client, "Patient?_count=1")["entry"]
    assert entry["resource"]["id"] == LIBRARY.stories[0].patient_id


def test_the_problems_to_choose_from_are_whole(client):
    """It sorts them by ``code.text`` and shows them only where ``total`` is more than nothing."""
    for story in LIBRARY.stories:
        found = get(client, f"Condition?patient={story.patient_id}")
        entries = found.get("entry", [])
        assert found["total"] == len(entries)
        assert all(entry["resource"]["code"]["text"] for entry in entries), story.name


@pytest.mark.parametrize(("resource_type", "form"), RECORDED)
def test_a_recorded_form_finds_what_the_same_address_finds(client, resource_type, form):
    found, again = posted(client, resource_type, form), get(client, f"{resource_type}?{form}")
    assert found == again
    assert found["total"] == len(found.get("entry", []))


def prefetched(client, service, context):
    """Fill the prefetch of a service as the page does: names in order, values percent-encoded, by POST."""
    found = {}
    for key, template in service["prefetch"].items():
        path, _, text = template.partition("?")
        if not text:
            found[key] = get(client, path.replace("{{context.patientId}}", context["patientId"]))
            continue
        pairs = parse_qsl(text.replace("{{context.patientId}}", context["patientId"]))
        assert len(dict(pairs)) == len(pairs), "the page makes one list of values of a name said twice"
        once = "&".join(f"{name}={quote(value, safe='')}" for name, value in sorted(pairs))
        found[key] = posted(client, path, urlencode(parse_qsl(once)))
    return found


def call(client, hook, **context):
    """Return the cards of every service of a hook, called as the page calls it; the day is that of the story."""
    services = client.get("/cds-services", headers={"Origin": HEADERS["Origin"]}).get_json()["services"]
    (service,) = [row for row in services if row["hook"] == hook]
    context = {"patientId": ME, "userId": USER, **context}
    body = {
        "hookInstance": "30873e0a-c9ad-4d97-8972-bbaf871c5d06",
        "hook": hook,
        "fhirServer": f"http://127.0.0.1:8000{FHIR}",
        "context": context,
        "prefetch": prefetched(client, service, context),
        "extension": {"org.twitch-cds.asOf": STORY.as_of.isoformat()},
    }
    headers = {
        "Accept": "application/json",
        "Origin": HEADERS["Origin"],
        "Authorization": "Bearer e30.e30.e30",
    }
    return service["id"], read(client.post(f"/cds-services/{service['id']}", json=body, headers=headers))[
        "cards"
    ]


def drafted(**more):
    return {"resourceType": "Bundle", "entry": [{"resource": _UNFINISHED | more}]}


def test_the_cards_of_its_patient_view_are_those_of_the_story(client):
    _, cards = call(client, "patient-view")
    own = client.post(
        "/sandbox/prefetch",
        json={"service": "twitch-patient-view", "context": {"patientId": ME}, "patientId": ME},
    ).get_json()
    body = {
        "hook": "patient-view",
        "hookInstance": "30873e0a-c9ad-4d97-8972-bbaf871c5d07",
        "context": {"patientId": ME, "userId": USER},
        "prefetch": own["prefetch"],
        "extension": {"org.twitch-cds.asOf": STORY.as_of.isoformat()},
    }
    expected = read(client.post("/cds-services/twitch-patient-view", json=body))["cards"]
    assert [row["summary"] for row in cards] == [row["summary"] for row in expected] != []


@pytest.mark.parametrize(
    ("hook", "more"),
    [("order-select", {"selections": ["MedicationRequest/request-123"]}), ("order-sign", {})],
)
def test_its_order_is_judged_though_it_is_not_sound(client, hook, more):
    service_id, cards = call(client, hook, draftOrders=drafted(**_CHOSEN), **more)
    assert "furosemide" in cards[0]["summary"] and cards[0]["indicator"] == "warning"
    told = {
        "card": cards[0]["uuid"],
        "outcome": "overridden",
        "overrideReason": {
            "reason": {key: cards[0]["overrideReasons"][0][key] for key in ("code", "system")}
        },
        "outcomeTimestamp": "2026-11-20T13:16:50.925Z",
    }
    path = f"/cds-services/{service_id}/feedback"
    assert client.post(path, json={"feedback": [told]}, headers=HEADERS).status_code == 200


def test_an_order_without_a_drug_is_no_all_clear(client):
    """It calls when its form is opened: what cannot be judged yet is told, never left out in silence."""
    chosen = {"selections": ["MedicationRequest/request-123"]}
    _, cards = call(client, "order-select", draftOrders=drafted(), **chosen)
    assert [row["indicator"] for row in cards] == ["info"]


def test_its_browser_may_ask(client):
    """Preflights a browser sends for the page: of a call, and of a search only where a token comes with it."""
    for path, method, names in (
        ("/cds-services", "GET", "authorization"),
        ("/cds-services/twitch-patient-view", "POST", "authorization,content-type"),
        ("/cds-services/twitch-patient-view/feedback", "POST", "authorization,content-type"),
        (f"{FHIR}/Observation/_search", "POST", "authorization"),
    ):
        asked = {
            "Origin": HEADERS["Origin"],
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": names,
        }
        answer = client.options(path, headers=asked)
        assert answer.status_code == 200 and answer.headers["Access-Control-Allow-Origin"] == "*"
        assert set(names.split(",")) <= set(answer.headers["Access-Control-Allow-Headers"].split(", "))
        assert method in answer.headers["Access-Control-Allow-Methods"]
