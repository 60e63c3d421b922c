"""R6, R16: hostile text in what a FHIR server answers: resources, errors, headers, links to further pages."""

import pytest

from ..fetch.fault_server import FaultServer
from ..hostile_text import TEXTS, places, put
from .conftest import PATH
from .hostile_record import STEP, TURNS, clean_answer, clean_texts, post, record, rich_call, usual_of

pytestmark = pytest.mark.hostile


class _HostileServer(FaultServer):
    """Says ``text`` wherever a server that fails can say something."""

    text = ""

    def _outcome(self):
        issue = {
            "severity": "error",
            "code": self.text,
            "diagnostics": self.text,
            "details": {"text": self.text},
        }
        return {"resourceType": "OperationOutcome", "issue": [issue], "text": {"div": self.text}}

    def _do_error_in_words(self, sock, answer):
        self._send(sock, self._outcome(), "500 Internal Server Error")

    def _do_refusal_in_words(self, sock, answer):
        self._send(sock, self._outcome(), "403 Forbidden")

    def _do_outcome_in_words(self, sock, answer):
        self._send(sock, self._outcome())

    def _do_page_in_words(self, sock, answer):
        self._send(sock, self.text.encode("utf-8", "replace"), "502 Bad Gateway", Content_Type="text/html")

    def _do_reason_in_words(self, sock, answer):
        said = "".join(sign for sign in self.text if " " <= sign <= "~")
        self._send(sock, self._outcome(), f"401 {said}", WWW_Authenticate=said or None, X_Reason=said or None)

    def _do_next_in_words(self, sock, answer):
        self._send(sock, {**(answer or {}), "link": [{"relation": "next", "url": self.text}]})

    def _do_type_in_words(self, sock, answer):
        self._send(sock, {"resourceType": self.text, "id": self.text, "entry": self.text})

    def _do_entries_in_words(self, sock, answer):
        entries = [
            {"fullUrl": self.text, "resource": self._outcome(), "search": {"mode": self.text}},
            self.text,
        ]
        self._send(sock, {"resourceType": "Bundle", "type": self.text, "total": self.text, "entry": entries})


FAULTS = sorted(name.removeprefix("_do_") for name in vars(_HostileServer) if name.startswith("_do_"))


def _client(make_app, server):
    given = {"fhir_servers": (server.base,), "fhir_networks": ("127.0.0.0/8",), "fhir_deadline_ms": 5_000}
    return make_app(log_level="error", **given).test_client()


def _authorized(call, server, *keys):
    """Return the call with a token instead of the values of ``keys``, of all keys without any."""
    token = {
        "access_token": "t",
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "s",
    }
    kept = {key: value for key, value in call["prefetch"].items() if keys and key not in keys}
    return {**call, "fhirServer": server.base, "fhirAuthorization": token, "prefetch": kept}


@pytest.fixture
def rich(service):
    return rich_call(service)


@pytest.mark.parametrize("turn", TURNS[::2] if STEP > 1 else TURNS)
def test_r16_hostile_text_in_every_place_of_what_is_fetched(make_app, quiet, rich, turn):
    resources = record()
    for index, (at, decides) in enumerate(places(resources)):
        if not decides:
            put(resources, at, TEXTS[(turn + index) % len(TEXTS)])
    usual = usual_of(quiet, rich)
    with _HostileServer(resources) as server:
        response = post(_client(make_app, server), _authorized(rich, server))
    assert server.seen
    assert response.status_code == 200, response.text
    assert response.get_json()["cards"]
    clean_answer(response.get_json(), usual)


@pytest.mark.parametrize("fault", FAULTS)
def test_r16_hostile_words_of_a_server_that_fails(make_app, quiet, rich, fault):
    usual = usual_of(quiet, rich)
    first = FAULTS.index(fault)
    with _HostileServer(record(), faults={0: fault}) as server:
        client = _client(make_app, server)
        for text in TEXTS[first :: 160 if STEP > 1 else STEP]:
            server.text = text
            response = post(client, _authorized(rich, server, "problems", "labs"))
            assert response.status_code == 200, response.text
            assert response.get_json()["cards"]
            clean_answer(response.get_json(), usual)
            refused = post(client, _authorized(rich, server))
            assert refused.status_code in (200, 412)
            clean_texts(refused.get_json())
    assert server.seen


def test_r16_a_hostile_address_of_a_server_is_refused_or_harmless(quiet, rich):
    for text in TEXTS[:: 40 if STEP > 1 else STEP]:
        body = {**rich, "fhirServer": text}
        response = post(quiet, body, PATH)
        assert response.status_code in (200, 400)
        clean_texts(response.get_json())
