"""The bundled patients: each tells its story by both ways in, and is sound FHIR."""

import contextlib
import io
import json
import sys
from functools import cache, lru_cache
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.medicationrequest import MedicationRequest
from fhir.resources.R4B.servicerequest import ServiceRequest

from cds_service import cli
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.settings import Settings
from cds_service.text.wording import assert_clean
from cds_service.web import create_app
from tests.fhir_builder.patients import WRITTEN
from tests.fhir_builder.requests import PATIENTS, order_request, patient_view, request_for
from tests.vignettes.judging import EXTENSION, differences

STORIES = sorted(path.parent.name for path in PATIENTS.glob("*/bundle.json"))
#: Keys of expected.json that are no expectation of the cards.
_ABOUT = {"title", "story", "asOf", "later", "findings", "record", "beside", "tryOrders"}
MODELS = {"MedicationRequest": MedicationRequest, "ServiceRequest": ServiceRequest}
_NAMES = {
    "firstCard": "first_card",
    "notSay": "not_say",
    "suggests": "orders",
    "notSuggests": "not_orders",
    "setAside": "set_aside",
}


def read(story: str, name: str) -> Any:
    return json.loads((PATIENTS / story / name).read_text(encoding="utf-8"))


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    return load_knowledge()


@cache
def by_command(story: str) -> dict[str, Any]:
    """What the command prints about the Bundle of a story."""
    words = [
        "twitch-cds",
        "review",
        str(PATIENTS / story / "bundle.json"),
        "--as-of",
        read(story, "expected.json")["asOf"],
        "--json",
    ]
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(printed):
        patch.setattr(sys, "argv", words)
        with contextlib.suppress(SystemExit):
            cli.main()
    return json.loads(printed.getvalue())


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"
    return create_app(Settings(store_url=store, allow_as_of=True), knowledge()).test_client()


@pytest.mark.parametrize("story", STORIES)
def test_story_by_command(story):
    answer, expected = by_command(story), read(story, "expected.json")
    assert unexpected(answer, expected) == []
    assert_clean(answer["cards"], record=expected.get("record", ()))


@pytest.mark.parametrize("story", STORIES)
def test_story_over_http_is_the_same(story, client):
    answer = client.post("/cds-services/twitch-patient-view", json=read(story, "request.json"))
    assert answer.status_code == 200, answer.get_data(as_text=True)
    assert unexpected(answer.get_json(), read(story, "expected.json")) == []
    assert essence(answer.get_json()) == essence(by_command(story))


def unexpected(answer: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """What an answer says otherwise than the hand-written expectation of a story."""
    rows = [
        row
        for row in answer["extension"][EXTENSION]["findings"]
        if row.get("rank") and not row.get("foldedInto") and not row.get("gaveWayTo")
    ]
    shown = sorted(rows, key=lambda row: row["rank"])
    found = [row["ruleId"] for row in shown]
    wanted = [row["ruleId"] for row in expected["findings"]]
    faults = [] if found == wanted else [f"causes are {found}, not {wanted}"]
    faults += [
        f"{rule} is not told beside" for rule in expected.get("beside", ()) if rule not in beside(answer)
    ]
    rules = {
        row["ruleId"]: {key: value for key, value in row.items() if key != "ruleId"}
        for row in expected["findings"]
    }
    more = {_NAMES.get(key, key): value for key, value in expected.items() if key not in _ABOUT}
    return faults + differences(answer, {"rules": rules, **more})


def beside(answer: dict[str, Any]) -> set[str]:
    """The rules told without a rank: what argues against, and what is evidence only."""
    rows = answer["extension"][EXTENSION]["findings"]
    return {
        row["ruleId"]
        for row in rows
        if not (row.get("rank") or row.get("foldedInto") or row.get("gaveWayTo"))
    }


def essence(answer: dict[str, Any]) -> list[Any]:
    """What must not depend on the way in: findings with their evidence, and the text of the cards."""
    findings = [
        {key: row.get(key) for key in ("ruleId", "rank", "strength", "indicator", "summary", "evidence")}
        for row in answer["extension"][EXTENSION]["findings"]
    ]
    return [findings, [(card["summary"], card["indicator"], card.get("detail")) for card in answer["cards"]]]


@pytest.mark.parametrize("story", [name for name in STORIES if "tryOrders" in read(name, "expected.json")])
def test_order_a_story_suggests_is_answered_as_said(story, client):
    for order in read(story, "expected.json")["tryOrders"]:
        service = next(item for item in knowledge().services if item.hook == order["hook"])
        call = order_request(PATIENTS / story, service, order["draft"])
        MODELS[order["draft"]["resourceType"]].model_validate(drafted(call))
        answer = client.post(f"/cds-services/{service.id}", json=call).get_json()
        rows = answer["extension"][EXTENSION]["findings"]
        told = {(row["ruleId"], row["indicator"]) for row in rows if row.get("rank")}
        assert {(row["ruleId"], row["indicator"]) for row in order["findings"]} <= told


def drafted(call: dict[str, Any]) -> Any:
    bundle = next(value for key, value in call["context"].items() if key in ("draftOrders", "medications"))
    return bundle["entry"][0]["resource"]


@pytest.mark.parametrize("story", sorted(WRITTEN))
def test_bundle_is_what_the_builder_writes(story):
    assert read(story, "bundle.json") == WRITTEN[story], "run: python -m tests.fhir_builder.patients"


@pytest.mark.parametrize("story", STORIES)
def test_bundle_is_sound_fhir(story):
    Bundle.model_validate(read(story, "bundle.json"))


@pytest.mark.parametrize("story", STORIES)
def test_request_is_the_bundle_as_discovery_asks_for_it(story):
    assert read(story, "request.json") == request_for(PATIENTS / story, patient_view()), (
        "run: python -m tests.fhir_builder.requests"
    )


def test_a_story_tells_what_no_other_tells():
    names = [read(story, "expected.json")["story"] for story in STORIES]
    assert len(set(names)) == len(STORIES) >= 16


def test_no_two_patients_share_an_id():
    ids = [
        (entry["resource"]["resourceType"], entry["resource"]["id"], story)
        for story in STORIES
        for entry in read(story, "bundle.json")["entry"]
    ]
    keys = [key[:2] for key in ids]
    assert sorted(key for key in ids if keys.count(key[:2]) > 1) == []


def test_all_kinds_of_answers_are_shown():
    indicators = {story: [card["indicator"] for card in by_command(story)["cards"]] for story in STORIES}
    assert {"critical", "warning", "info"} <= {word for words in indicators.values() for word in words}
    assert sum(not words for words in indicators.values()) >= 5
    assert any(len(words) > 1 for words in indicators.values())


def test_what_a_story_waits_for_is_not_there_yet():
    waiting = {rule for story in STORIES for rule in read(story, "expected.json").get("later", ())}
    assert waiting & set(knowledge().rules) == set(), "these rules exist now: write the expectation"


# ----------------------------------------------------------------------------- what was not sent


def sent_without(client, story: str, unsent: str) -> Any:
    """Answer a story whose request lacks every prefetch key that begins so."""
    request = read(story, "request.json")
    request["prefetch"] = {
        key: value for key, value in request["prefetch"].items() if not key.startswith(unsent)
    }
    return client.post("/cds-services/twitch-patient-view", json=request)


@pytest.mark.parametrize(
    "story", ["lip-twitching-on-furosemide", "lip-twitching-no-tests-yet", "no-twitching"]
)
def test_laboratory_not_sent_is_told_and_never_read_as_not_measured(story, client):
    answer = sent_without(client, story, "labs").get_json()
    assert answer["extension"][EXTENSION]["dataConsidered"]["kinds"]["lab"] in ("not-sent", "incomplete")
    assert [row["ruleId"] for row in answer["extension"][EXTENSION]["findings"]] == []
    assert [card["indicator"] for card in answer["cards"]] == ["info"]
    assert "laboratory results" in answer["cards"][0]["detail"]


@pytest.mark.parametrize("kind", ["problems", "medication"])
def test_another_kind_not_sent_is_told(kind, client):
    answer = sent_without(client, "no-twitching", kind).get_json()
    assert ["not fully assessed" in card["summary"] for card in answer["cards"]] == [True]


def test_the_patient_alone_is_answered_with_an_error_and_no_empty_list(client):
    request = read("nothing-known-but-the-patient", "request.json")
    request["prefetch"] = {"patient": request["prefetch"]["patient"]}
    answer = client.post("/cds-services/twitch-patient-view", json=request)
    assert answer.status_code == 412
    assert "No card does not mean no finding" in answer.get_data(as_text=True)


# ----------------------------------------------------------------------------- what the stories tell together


def told_by(story: str) -> set[str]:
    """The rules a story shows as a cause or a step, tells beside them, or answers an order with."""
    expected = read(story, "expected.json")
    orders = expected.get("tryOrders", ())
    rows = [*expected["findings"], *(row for order in orders for row in order["findings"])]
    return {row["ruleId"] for row in rows} | set(expected.get("beside", ()))


def test_every_rule_is_told_by_some_story():
    told = {rule for story in STORIES for rule in told_by(story)}
    assert sorted(set(knowledge().rules) - told) == []


@pytest.mark.parametrize("story", STORIES)
def test_a_story_is_small_and_has_a_short_title_of_its_own(story):
    titles = [read(name, "expected.json")["title"] for name in STORIES]
    title = read(story, "expected.json")["title"]
    assert titles.count(title) == 1 and 10 <= len(title) <= 60 and title.isprintable()
    assert len((PATIENTS / story / "bundle.json").read_bytes()) <= 40_000
