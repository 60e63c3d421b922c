"""The calls shown in the documents: one for each hook, each answered with a card."""

import json
import re

import pytest

from cds_service.cards import topic_code
from cds_service.content import content_root
from cds_service.knowledge import load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app
from tests.fhir_builder.calls import CALLS, HOOKS, call_for
from tests.fhir_builder.states import NAMES, STATES, call_in_state

LEADS = {
    "order-select": "order-lithium-interaction",
    "order-sign": "order-lithium-interaction",
    "encounter-start": "stroke-tia-features",
    "encounter-discharge": "lithium-toxicity",
    "medication-refill": "order-ppi-long-term-mg",
    "problem-list-item-create": "als-red-flag",
}


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    store = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"
    return create_app(Settings(store_url=store, allow_as_of=True), load_knowledge()).test_client()


@pytest.mark.parametrize("hook", HOOKS)
def test_the_call_is_what_discovery_asks_for(hook):
    written = json.loads((CALLS / f"{hook}.json").read_text(encoding="utf-8"))
    assert written == call_for(hook), "run: python -m tests.fhir_builder.calls"


@pytest.mark.parametrize("name", NAMES)
def test_the_call_without_its_data_is_that_of_the_bundled_patient(name):
    written = json.loads((STATES / f"{name}.json").read_text(encoding="utf-8"))
    assert written == call_in_state(name), "run: python -m tests.fhir_builder.states"


@pytest.mark.parametrize("hook", HOOKS)
def test_the_call_is_answered_with_a_card(hook, client):
    call = json.loads((CALLS / f"{hook}.json").read_text(encoding="utf-8"))
    answer = client.post(f"/cds-services/twitch-{hook}", json=call)
    assert answer.status_code == 200, answer.text
    leads = [card["source"]["topic"]["code"] for card in answer.get_json()["cards"]]
    assert topic_code(LEADS[hook]) in leads


def test_every_call_of_the_documents_goes_to_a_service_with_a_file_that_is_there():
    services = {item.id for item in load_knowledge().services}
    text = (content_root() / "docs" / "integrate.md").read_text(encoding="utf-8")
    calls = re.findall(
        r"^curl -s http://[^/]+/cds-services/(\S+) .*--data-binary @(\S+)$", text, re.MULTILINE
    )
    assert {service for service, _ in calls} == services
    for service, path in calls:
        call = json.loads((content_root() / path).read_text(encoding="utf-8"))
        assert service == f"twitch-{call['hook']}"
