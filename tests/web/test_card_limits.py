"""What a client can show is what it gets, and nothing else changes: log, feedback, explanation, review."""

import re

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.client_limits import read_client_limits

from ..auth import forge
from ..auth.forge import BASE, ISSUER, bearer, claims, token
from .conftest import PATH

EXPLAIN = "/explain/twitch-patient-view"


@pytest.fixture
def plain(make_app):
    return make_app(card_limits=read_client_limits([{"profile": "plain"}])).test_client()


def test_cards_change_and_the_review_does_not(client, plain, call):
    whole, fitted = client.post(PATH, json=call).get_json(), plain.post(PATH, json=call).get_json()
    assert fitted["extension"] == whole["extension"]
    assert [card["uuid"] for card in fitted["cards"]] == [card["uuid"] for card in whole["cards"]]
    assert "**" in whole["cards"][0]["detail"] and "**" not in fitted["cards"][0]["detail"]


def test_explanations_do_not_change(client, plain, call):
    assert plain.post(EXPLAIN, json=call).data == client.post(EXPLAIN, json=call).data


def test_a_bare_answer_is_still_known_to_feedback(make_app, call):
    client = make_app(card_limits=read_client_limits([{"profile": "bare"}])).test_client()
    answer = client.post(PATH, json=call).get_json()
    assert set(answer) == {"cards"}
    item = {
        "card": answer["cards"][0]["uuid"],
        "outcome": "overridden",
        "outcomeTimestamp": "2026-11-20T10:05:31Z",
    }
    assert client.post(f"{PATH}/feedback", json={"feedback": [item]}).status_code == 200
    series = 'twitch_cds_feedback_unmatched_total{service="twitch-patient-view"} '
    (count,) = re.findall(re.escape(series) + r"(\S+)", client.get("/metrics").text) or ["0"]
    assert float(count) == 0


def test_each_client_gets_its_own(make_app, call, tmp_path):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    other = "https://other.example"
    client = make_app(
        clients=Clients([TrustedClient(ISSUER, str(keys), ""), TrustedClient(other, str(keys), "")]),
        public_base_url=BASE,
        card_limits=read_client_limits([{"clients": [ISSUER], "profile": "plain"}]),
    ).test_client()

    def detail(issuer):
        headers = {"Authorization": bearer(token(claims(BASE + PATH) | {"iss": issuer}))}
        return client.post(PATH, json=call, headers=headers).get_json()["cards"][0]["detail"]

    assert "**" not in detail(ISSUER)
    assert "**" in detail(other)
