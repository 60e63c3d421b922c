"""Who is asked for a token, and what the token is compared with."""

import http.server
import io
import json
import logging
import sqlite3
import time
from contextlib import ExitStack, closing

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.json_log import LOGGER, JsonLines

from ..auth import forge
from ..auth.forge import BASE, ISSUER, JKU, bearer, claims, header, token
from ..loopback import LoopbackServer
from .conftest import ORIGIN, PATH

AUD = BASE + PATH


@pytest.fixture
def pinned(tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(forge.jwks("ec", "rsa"))
    return TrustedClient(ISSUER, str(path), JKU)


@pytest.fixture
def guarded(make_app, pinned):
    return make_app(clients=Clients([pinned]), public_base_url=BASE).test_client()


@pytest.fixture
def log():
    """Everything the service logs meanwhile, as it is written."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines())
    level = LOGGER.level
    yield stream, lambda: (LOGGER.addHandler(handler), LOGGER.setLevel("DEBUG"))
    LOGGER.removeHandler(handler)
    LOGGER.setLevel(level)


def _auth(audience=AUD, **members):
    return {"Authorization": bearer(token(claims(audience, **members)))}


def test_SEC_1_every_route_that_takes_data_asks_for_a_token(guarded):
    rules = guarded.application.url_map.iter_rules()
    taking = [rule for rule in rules if rule.methods - {"GET", "HEAD", "OPTIONS"}]
    assert len(taking) >= 3
    for rule in taking:
        path = rule.rule.replace("<service_id>", "twitch-patient-view")
        assert "<" not in path
        for method in rule.methods - {"GET", "HEAD", "OPTIONS"}:
            assert guarded.open(path, method=method, json={}).status_code == 401, path


@pytest.mark.parametrize("path", ["/cds-services", "/livez", "/readyz", "/rules", "/"])
def test_what_holds_no_patient_data_is_read_without_token(guarded, path):
    assert guarded.get(path).status_code == 200


def test_SEC_2_discovery_takes_the_token_clients_send_and_does_not_spend_it(guarded):
    headers = _auth(f"{BASE}/cds-services")
    assert [guarded.get("/cds-services", headers=headers).status_code for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(
    "path",
    [
        PATH,
        f"{PATH}/",
        "/cds-services//twitch-patient-view",
        f"{PATH}/feedback",
        "/explain/twitch-patient-view",
    ],
)
def test_JWT_7_FB_11_each_endpoint_takes_tokens_for_its_own_address_only(guarded, path):
    assert guarded.post(path, json={}, headers=_auth(BASE + path)).status_code == 400
    assert (
        guarded.post(path, json={}, headers=_auth(f"{BASE}/cds-services/twitch-order-sign")).status_code
        == 401
    )


def test_JWT_9_the_same_token_is_taken_once(guarded, call):
    headers = _auth()
    assert [guarded.post(PATH, json=call, headers=headers).status_code for _ in range(3)] == [200, 401, 401]
    assert guarded.post(PATH, json=call, headers=_auth()).status_code == 200


def test_JWT_9_a_used_token_looks_like_any_other_refusal(guarded):
    headers = _auth()
    guarded.post(PATH, json={}, headers=headers)
    assert guarded.post(PATH, json={}, headers=headers).data == guarded.post(PATH, json={}).data


def test_a_refused_token_is_not_spent(guarded):
    headers = _auth()
    assert guarded.post("/cds-services/twitch-order-sign", json={}, headers=headers).status_code == 401
    assert guarded.post(PATH, json={}, headers=headers).status_code == 400


def test_who_is_not_trusted_learns_no_service_names(guarded):
    assert guarded.post("/cds-services/no-such", json={}).status_code == 401
    known = guarded.post("/cds-services/no-such", json={}, headers=_auth(f"{BASE}/cds-services/no-such"))
    assert known.status_code == 404


def test_CORS_2_CORS_3_preflight_needs_no_token_and_refusals_can_be_read(guarded):
    asked = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    preflight = guarded.options(PATH, headers=asked)
    assert preflight.status_code == 200
    assert "authorization" in preflight.headers["Access-Control-Allow-Headers"]
    refused = guarded.post(PATH, json={}, headers={"Origin": ORIGIN})
    assert refused.status_code == 401
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_JWT_4_other_algorithms_by_setting(make_app, tmp_path):
    path = tmp_path / "jwks.json"
    path.write_bytes(forge.jwks("p256", "rsa"))
    client = TrustedClient(ISSUER, str(path), algorithms=("ES256", "PS512"))
    app = make_app(clients=Clients([client]), public_base_url=BASE).test_client()
    for alg, key, status in (("ES256", "p256", 400), ("PS512", "rsa", 400), ("RS384", "rsa", 401)):
        sent = token(claims(AUD), header(alg, key), alg, key)
        assert app.post(PATH, json={}, headers={"Authorization": bearer(sent)}).status_code == status, alg


def test_a_longer_life_by_setting(make_app, pinned):
    client = TrustedClient(ISSUER, pinned.jwks_file, max_life_seconds=600)
    app = make_app(clients=Clients([client]), public_base_url=BASE).test_client()
    later = int(time.time()) + 600
    assert app.post(PATH, json={}, headers=_auth(exp=later)).status_code == 400
    assert app.post(PATH, json={}, headers=_auth(exp=later + 120)).status_code == 401


def test_JWT_6_a_token_with_jku_needs_a_client_that_names_it(make_app, pinned):
    app = make_app(
        clients=Clients([TrustedClient(ISSUER, pinned.jwks_file)]), public_base_url=BASE
    ).test_client()
    with_jku = token(claims(AUD), header(jku=JKU))
    assert app.post(PATH, json={}, headers={"Authorization": bearer(with_jku)}).status_code == 401
    assert app.post(PATH, json={}, headers=_auth()).status_code == 400


def test_keys_of_one_client_do_not_sign_for_another(make_app, tmp_path):
    clients = []
    for name, key in (("https://a.example", "ec"), ("https://b.example", "foreign")):
        path = tmp_path / f"{key}.json"
        path.write_bytes(forge.jwks(forge.public_jwk(key, kid="1")))
        clients.append(TrustedClient(name, str(path)))
    app = make_app(clients=Clients(clients), public_base_url=BASE).test_client()
    for issuer, key, status in (("https://a.example", "ec", 400), ("https://a.example", "foreign", 401)):
        sent = token(claims(AUD, iss=issuer), header(kid="1"), key=key)
        assert app.post(PATH, json={}, headers={"Authorization": bearer(sent)}).status_code == status


def test_without_clients_nobody_is_asked(make_app, call):
    assert make_app().test_client().post(PATH, json=call).status_code == 200


def test_a_store_that_fails_lets_nobody_in(guarded, tmp_path, call):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE used_tokens")
    answer = guarded.post(PATH, json=call, headers=_auth())
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert answer.json["issue"][0]["details"]["coding"][0]["code"] == "W508"
    assert "twitch_cds_overloads_total 0.0" in guarded.get("/metrics").text  # that is another trouble


def test_JWT_14_R14_the_log_has_client_or_reason_and_never_the_token(guarded, log):
    stream, listen = log
    listen()
    good, bad = _auth(), _auth(iss="https://evil.example", jti="okapi")
    for headers in (good, good, bad):
        guarded.post(PATH, json={}, headers=headers)
    written = stream.getvalue()
    lines = [json.loads(line) for line in written.splitlines()]
    asked = [line for line in lines if line["event"] == "request"]
    assert [line.get("refused") for line in asked] == [None, "used-before", "issuer"]
    assert [line.get("client") for line in asked] == [ISSUER, None, None]
    for headers in (good, bad):
        for part in headers["Authorization"].removeprefix("Bearer ").split("."):
            assert part not in written
    assert "okapi" not in written and "evil" not in written


class _KeyServer(LoopbackServer):
    """A key set on this machine, for a ``jku``; counts who asks."""

    def __init__(self):
        self.body, self.asked, self.status, self.location = forge.jwks("ec"), [], 200, ""
        self.headers = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                outer.asked.append(self.path)
                outer.headers = dict(self.headers)
                self.send_response(outer.status)
                if outer.location:
                    self.send_header("Location", outer.location)
                self.send_header("Content-Length", str(len(outer.body)))
                self.end_headers()
                self.wfile.write(outer.body)

            def log_message(self, *_args):
                pass

        super().__init__(http.server.ThreadingHTTPServer, Handler)
        self.url = f"{self.origin}/jwks.json"


@pytest.fixture
def key_server():
    with _KeyServer() as server:
        yield server


@pytest.fixture
def canary():
    with _KeyServer() as server:
        yield server


@pytest.fixture
def fetching(make_app, key_server):
    client = TrustedClient(ISSUER, jwks_url=key_server.url)
    return make_app(clients=Clients([client]), public_base_url=BASE).test_client()


def test_JWT_6_keys_are_fetched_from_the_listed_address(fetching, key_server):
    sent = token(claims(AUD), header(jku=key_server.url))
    assert fetching.post(PATH, json={}, headers={"Authorization": bearer(sent)}).status_code == 400
    assert fetching.post(PATH, json={}, headers=_auth()).status_code == 400
    assert key_server.asked == ["/jwks.json"]
    assert key_server.headers["Accept"] == "application/jwk-set+json, application/json"
    assert "Authorization" not in key_server.headers


def test_JWT_6_a_foreign_jku_is_never_asked(fetching, key_server, canary):
    canary.body = forge.jwks("foreign")
    sent = token(claims(AUD), header(kid="foreign", jku=canary.url), key="foreign")
    assert fetching.post(PATH, json={}, headers={"Authorization": bearer(sent)}).status_code == 401
    assert canary.asked == [] and key_server.asked == []


def test_JWT_5_an_unknown_issuer_causes_no_fetch(fetching, key_server):
    assert fetching.post(PATH, json={}, headers=_auth(iss="https://evil.example")).status_code == 401
    assert key_server.asked == []


def test_a_redirect_of_the_key_server_is_not_followed(fetching, key_server, canary):
    key_server.status, key_server.location = 302, canary.url
    assert fetching.post(PATH, json={}, headers=_auth()).status_code == 401
    assert canary.asked == [] and key_server.asked == ["/jwks.json"]


@pytest.mark.parametrize("body", [b"", b"<html>", b" " * 300_000])
def test_a_key_server_that_answers_nonsense_lets_nobody_in(fetching, key_server, body):
    key_server.body = body
    assert fetching.post(PATH, json={}, headers=_auth()).status_code == 401


def test_JWT_12_unknown_kids_cause_one_fetch(fetching, key_server):
    for count in range(5):
        sent = token(claims(AUD), header(kid=f"new-{count}"))
        assert fetching.post(PATH, json={}, headers={"Authorization": bearer(sent)}).status_code == 401
    assert len(key_server.asked) == 1
    assert fetching.post(PATH, json={}, headers=_auth()).status_code == 400


def test_r8_a_call_without_a_place_keeps_its_token(make_app, pinned, call):
    app = make_app(clients=Clients([pinned]), public_base_url=BASE, max_waiting=0)
    state, client, headers = app.extensions["twitch-cds"], app.test_client(), _auth()
    for turns in (state.turns, state.writes):
        with ExitStack() as held:
            for _ in range(2):
                held.enter_context(turns.turn())
            answer = client.post(PATH, json=call, headers=headers)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
            assert client.get("/readyz").status_code == 200
    assert client.post(PATH, json=call, headers=headers).status_code == 200
    text = client.get("/metrics").text
    assert "twitch_cds_overloads_total 2.0" in text
