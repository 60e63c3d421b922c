"""The same patients by prefetch and from a real FHIR server; ids in names are rows of the conformance list."""

import json
from functools import cache

import pytest
import requests

from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app

from .servers import BUNDLES, ROOT, TOKEN

REQUESTS = [path.with_name("request.json") for path in BUNDLES]
CALLS = sorted((ROOT / "fixtures" / "calls").glob("*.json"))


def read(path):
    return json.loads(path.read_text(encoding="utf-8"))


def name_of(path):
    return path.parent.name if path.name == "request.json" else path.stem


@pytest.fixture(scope="session")
def knowledge():
    return load_knowledge()


@pytest.fixture(scope="session")
def ehr(knowledge, tmp_path_factory, server):
    """Return what gives a client of a service that may ask the real server."""
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"

    @cache
    def make(base=server.base, **settings):
        given = {
            "store_url": store,
            "allow_as_of": True,
            "fhir_servers": (base,),
            "fhir_networks": ("127.0.0.0/8",),
            "fhir_deadline_ms": 10_000,
            **settings,
        }
        return create_app(Settings(**given), knowledge).test_client()

    return make


def with_token(call, base):
    """Return a call that sends a token instead of data."""
    return {
        **{name: value for name, value in call.items() if name != "prefetch"},
        "fhirServer": base,
        "fhirAuthorization": {
            "access_token": TOKEN,
            "token_type": "Bearer",
            "expires_in": 300,
            "scope": "patient/*.read",
            "subject": "cds-service",
        },
    }


def post(client, call):
    response = client.post(f"/cds-services/twitch-{call['hook']}", json=call)
    assert response.status_code == 200, response.text
    return response.get_json()


def cards(answer):
    """Return the cards without what is new for every call."""

    def kept(row):
        return {name: value for name, value in row.items() if name != "uuid"}

    return json.loads(json.dumps(answer["cards"]), object_hook=kept)


def gaps(answer):
    review = answer["extension"]["org.twitch-cds.review"]
    return [
        row for row in review["dataConsidered"]["setAside"] if row["code"] in ("F080", "F081", "F082", "F083")
    ]


@pytest.mark.parametrize("path", REQUESTS + CALLS, ids=name_of)
def test_CALL_16_a_real_server_gives_the_cards_of_prefetch(ehr, server, path):
    call, client = read(path), ehr()
    sent = post(client, call)
    fetched = post(client, with_token(call, server.base))
    assert cards(fetched) == cards(sent)
    assert gaps(fetched) == []


@pytest.fixture
def call():
    return read(ROOT / "fixtures" / "patients" / "lithium-high-after-ibuprofen" / "request.json")


def test_FA_7_every_page_of_a_real_server_is_read(ehr, server, call):
    client = ehr(server.small_pages, fhir_max_pages=200)
    fetched = post(client, with_token(call, server.small_pages))
    assert cards(fetched) == cards(post(client, call))
    assert gaps(fetched) == []


def test_FA_7_pages_beyond_the_cap_are_a_gap_that_is_told(ehr, server, call):
    fetched = post(ehr(server.small_pages, fhir_max_pages=1), with_token(call, server.small_pages))
    assert {row["code"] for row in gaps(fetched)} == {"F081"}


@pytest.mark.parametrize(
    "style",
    [
        {"fhir_post_search": True},
        {"fhir_max_codes": 50},
        {"fhir_patient_form": "reference"},
        {"fhir_patient_form": "reference", "fhir_post_search": True, "fhir_max_codes": 100},
    ],
    ids=["post", "portions of codes", "patient as reference", "all of it"],
)
def test_a_real_server_can_be_asked_in_other_styles(ehr, server, call, style):
    client = ehr(**style)
    fetched = post(client, with_token(call, server.base))
    assert cards(fetched) == cards(post(client, call))
    assert gaps(fetched) == []


def test_CALL_14_a_real_server_that_does_not_know_the_token_is_412(ehr, server, call):
    sent = with_token(call, server.base)
    sent["fhirAuthorization"]["access_token"] = "another"
    response = ehr().post("/cds-services/twitch-patient-view", json=sent)
    assert response.status_code == 412
    assert "access refused" in response.text


def test_CALL_14_a_patient_the_real_server_does_not_know_is_412_and_not_a_patient_without_tests(
    ehr, server, call
):
    sent = with_token(call, server.base)
    sent["context"] = {**sent["context"], "patientId": "nobody"}
    response = ehr().post("/cds-services/twitch-patient-view", json=sent)
    assert response.status_code == 412
    assert "not found" in response.text


@pytest.fixture
def first_pages(server, call):
    """The call with the first page of two entries of every search, as a thrifty EHR would prefetch it."""
    session = requests.Session()
    session.trust_env = False
    sent = {**with_token(call, server.small_pages), "prefetch": {}}
    for key, template in load_knowledge().services[0].prefetch.items():
        named = call["context"]["patientId"]
        form = "Patient/" if server.patient_form == "reference" and "?" in template else ""
        path = template.replace("{{context.patientId}}", form + named)
        answer = session.get(
            f"{server.small_pages}/{path}", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=60
        )
        sent["prefetch"][key] = answer.json()
    return sent


def test_CALL_12_first_pages_of_a_real_server_are_completed_with_the_token(ehr, server, call, first_pages):
    client = ehr(server.small_pages, fhir_max_pages=200)
    answer = post(client, first_pages)
    assert cards(answer) == cards(post(client, call))
    assert gaps(answer) == []


def test_CALL_12_without_the_token_first_pages_are_incomplete_and_a_card_says_so(ehr, server, first_pages):
    sent = {name: value for name, value in first_pages.items() if not name.startswith("fhir")}
    answer = post(ehr(server.small_pages, fhir_max_pages=200), sent)
    assert {row["code"] for row in gaps(answer)} == {"F081"}
    assert "incomplete" in json.dumps(cards(answer))
