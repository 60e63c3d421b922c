"""The service fetches from its own sandbox: the same cards to the byte, and faults that are told as such."""

from __future__ import annotations

import json
from functools import cache

import pytest
import requests

from cds_service.content import content_root
from cds_service.sandbox.faults import FaultKind
from cds_service.sandbox.records import load_library

from .running import AUTHORIZATION, INSTANCE, running

LIBRARY = load_library()
STORIES = {story.name: story for story in LIBRARY.stories}
#: Told with each key left out alone; the others with all of them left out at once.
ONE_BY_ONE = (
    "lithium-high-after-ibuprofen",
    "lip-twitching-on-furosemide-and-prednisone",
    "denied-twitching-fast-twitch-fibers",
)
VIEW = "/cds-services/twitch-patient-view"


@pytest.fixture(scope="module")
def service(knowledge, tmp_path_factory):
    # What is compared is what comes, not how fast: a busy machine may take its time.
    with running(tmp_path_factory.mktemp("sandbox"), knowledge, fhir_deadline_ms=8_000) as started:
        yield started


@cache
def request_of(name):
    path = content_root() / "fixtures" / "patients" / name / "request.json"
    return json.loads(path.read_text(encoding="utf-8"))


def ask(service, name, left_out=(), fault="", **more):
    """Return the answer to the call of a story without some prefetch keys."""
    patients = service.app.test_client().get("/sandbox/patients.json").get_json()
    call = {
        **request_of(name),
        "hookInstance": INSTANCE,
        "fhirServer": patients["faults"][fault] if fault else patients["fhirServer"],
        "fhirAuthorization": AUTHORIZATION,
        **more,
    }
    call["prefetch"] = {key: value for key, value in call["prefetch"].items() if key not in left_out}
    return service.app.test_client().post(VIEW, json=call)


def cards(answer):
    assert answer.status_code == 200, answer.get_data(as_text=True)
    return json.dumps(answer.get_json()["cards"])


@pytest.mark.parametrize("name", STORIES)
def test_a_call_without_any_prefetch_gives_the_same_cards(service, name):
    whole, keys = cards(ask(service, name)), list(request_of(name)["prefetch"])
    assert cards(ask(service, name, left_out=keys)) == whole
    alone = keys[sorted(STORIES).index(name) % len(keys)]
    assert cards(ask(service, name, left_out=(alone,))) == whole, alone


@pytest.mark.parametrize("name", ONE_BY_ONE)
def test_a_call_without_one_key_gives_the_same_cards_whichever_it_is(service, name):
    whole = cards(ask(service, name))
    for key in request_of(name)["prefetch"]:
        assert cards(ask(service, name, left_out=(key,))) == whole, key


def test_every_template_of_every_service_brings_over_http_what_prefetch_holds(service, knowledge):
    """Asked as the product asks, by GET and by POST: all pages of every search."""
    for item in knowledge.services:
        for story in (STORIES[name] for name in ONE_BY_ONE):
            body = {"service": item.id, "patientId": story.patient_id, "context": {}}
            filled = requests.post(f"{service.base}/sandbox/prefetch", json=body, timeout=10).json()
            assert list(filled["queries"]) == list(item.prefetch)
            for key, query in filled["queries"].items():
                assert got(service, query) == held(filled["prefetch"][key]), (item.id, key)


def got(service, query):
    fhir = f"{service.base}/sandbox/fhir"
    if "?" not in query:
        return [requests.get(f"{fhir}/{query}", timeout=10).json()["id"]]
    kind, _, text = query.partition("?")
    form = {name: value for name, _, value in (part.partition("=") for part in text.split("&"))}
    posted = requests.post(f"{fhir}/{kind}/_search", data=form, timeout=10).json()
    ids, address = [], f"{fhir}/{query}&_count=3"
    while address:
        page = requests.get(address, timeout=10).json()
        assert page["total"] == posted["total"]
        ids += [entry["resource"]["id"] for entry in page.get("entry", ())]
        address = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert ids == [entry["resource"]["id"] for entry in posted.get("entry", ())]
    return ids


def held(value):
    if value is None:
        return []
    return (
        [value["id"]] if value["resourceType"] != "Bundle" else [e["resource"]["id"] for e in value["entry"]]
    )


@pytest.mark.parametrize(
    ("fault", "words"),
    [("error", "server error"), ("html", "answer is no FHIR"), ("cut", "answer is no FHIR")],
)
def test_a_fault_is_told_and_never_read_as_no_data(service, fault, words):
    name = ONE_BY_ONE[0]
    answer = ask(service, name, left_out=request_of(name)["prefetch"], fault=fault)
    assert answer.status_code == 412
    assert words in answer.get_data(as_text=True)
    assert cards(ask(service, name, left_out=("labs",))) == cards(ask(service, name)), (
        "the good endpoint rests"
    )


@pytest.mark.parametrize("name", sorted(STORIES))
def test_data_of_another_patient_bring_no_card_about_this_one(service, name):
    """Not even where the other patient has nothing under some keys: that is no word about this one."""
    answer = ask(service, name, left_out=request_of(name)["prefetch"], fault="other-patient")
    assert answer.status_code == 412
    assert "answer about another patient" in answer.text
    assert "No card does not mean no finding" in answer.text


def test_a_slow_server_is_not_waited_for(knowledge, tmp_path):
    name = ONE_BY_ONE[0]
    with running(tmp_path, knowledge, fhir_deadline_ms=200) as quick:
        answer = ask(quick, name, left_out=("labs",), fault="slow")
        told = json.dumps(answer.get_json())
        assert answer.status_code == 200 and "no answer in time" in told
        patients = quick.app.test_client().get("/sandbox/patients.json").get_json()
        patient = f"{patients['faults']['slow']}/Patient/{STORIES[name].patient_id}"
        assert requests.get(patient, timeout=10).json()["resourceType"] == "Patient"


def test_no_server_but_its_own_may_be_named(service):
    name = ONE_BY_ONE[0]
    everything = request_of(name)["prefetch"]
    for other in ("http://127.0.0.1:1/sandbox/fhir", service.base, f"{service.base}/sandbox/fhir/Patient"):
        answer = ask(service, name, left_out=everything, fhirServer=other)
        assert answer.status_code == 412, other
    without = ask(service, name, left_out=everything, fhirAuthorization=None)
    assert without.status_code in (400, 412)


def test_all_faults_have_an_address(service):
    patients = service.app.test_client().get("/sandbox/patients.json").get_json()
    assert patients["fhirServer"] == f"{service.base}/sandbox/fhir"
    assert list(patients["faults"]) == [kind.value for kind in FaultKind]
