"""Calls that send a token instead of data; ids in names are rows of the conformance list and of the goals."""

import copy
import json

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.errors import SettingsError
from cds_service.hook_call import read_call

from ..auth import forge
from ..auth.forge import BASE, ISSUER, bearer, claims, token
from ..fetch.fault_server import FAULTS, FaultServer
from .conftest import PATH, call_of, story

TOKEN = "canary-2b9d-of-the-token"
NETWORKS = ("127.0.0.0/8",)
STORY = "lip-twitching-on-furosemide"


@pytest.fixture
def resources():
    return story(STORY)


def _authorized(call, server, **authorization):
    call = copy.deepcopy(call)
    call["fhirServer"] = server.base
    call["fhirAuthorization"] = {
        "access_token": TOKEN,
        "token_type": "Bearer",
        "expires_in": 300,
        "scope": "patient/*.read",
        "subject": "cds-service",
        **authorization,
    }
    return call


def _client(make_app, server, **settings):
    given = {"fhir_servers": (server.base,), "fhir_networks": NETWORKS, "fhir_deadline_ms": 5_000, **settings}
    return make_app(**given).test_client()


def _without(call, *keys):
    call = copy.deepcopy(call)
    for key in keys or list(call["prefetch"]):
        del call["prefetch"][key]
    return call


def _codes(response):
    review = response.get_json()["extension"]["org.twitch-cds.review"]
    return {row["code"] for row in review["dataConsidered"]["setAside"]}


def _cards(response):
    assert response.status_code == 200, response.text
    return response.get_json()["cards"]


def _findings(response):
    rows = response.get_json()["extension"]["org.twitch-cds.review"]["findings"]
    return [(row["ruleId"], row.get("rank"), row["indicator"], row["summary"]) for row in rows]


def test_CALL_16_prefetch_and_fetch_give_the_same_cards(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        sent = client.post(PATH, json=call)
        fetched = client.post(PATH, json=_authorized(_without(call), server))
    assert server.seen
    assert _cards(fetched)
    assert fetched.data == sent.data


@pytest.mark.parametrize(
    "name", ["lithium-high-after-ibuprofen", "infant-tongue-fasciculation-low-tone", "no-twitching"]
)
def test_CALL_16_for_other_patients_and_over_pages(make_app, service, name):
    resources = story(name)
    call = call_of(resources, service)
    with FaultServer(resources, page=2) as server:
        client = _client(make_app, server)
        sent = client.post(PATH, json=call)
        fetched = client.post(PATH, json=_authorized(_without(call), server))
    assert (_findings(fetched), _cards(fetched)) == (_findings(sent), _cards(sent))


def test_CALL_9_only_a_missing_key_is_asked_for_and_once(make_app, call, resources):
    with FaultServer(resources) as server:
        response = _client(make_app, server).post(PATH, json=_authorized(_without(call, "problems"), server))
    assert _cards(response)
    assert [path.partition("?")[0] for _, path, _ in server.seen] == ["/fhir/Condition"]


def test_CALL_15_a_full_prefetch_asks_nobody(make_app, call, resources):
    with FaultServer(resources) as server:
        response = _client(make_app, server).post(PATH, json=_authorized(call, server))
    assert (_cards(response) != [], server.connections) == (True, 0)


@pytest.mark.parametrize(
    "value",
    [
        None,
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]},
        "x",
        {},
    ],
)
def test_CALL_8_and_10_a_key_that_was_sent_is_not_asked_for_again(make_app, call, value):
    call["prefetch"]["problems"] = value
    with FaultServer() as server:
        _client(make_app, server).post(PATH, json=_authorized(call, server))
    assert server.connections == 0


def test_CALL_14_a_server_that_gives_nothing_is_412_with_the_reason(make_app, call, resources):
    for fault, words in (("unauthorized", "access refused"), ("black_hole", "no answer in time")):
        with FaultServer(resources, faults={0: fault}) as server:
            client = _client(make_app, server, fhir_deadline_ms=300)
            response = client.post(PATH, json=_authorized(_without(call), server))
        assert response.status_code == 412
        assert words in response.text


def test_R13_by_default_no_server_is_asked_and_that_is_told(make_app, call, resources):
    with FaultServer(resources) as server:
        response = make_app().test_client().post(PATH, json=_authorized(_without(call, "problems"), server))
    assert server.connections == 0
    assert {"F082", "F084"} <= _codes(response)
    assert "problems" not in json.dumps(_findings(response))


@pytest.mark.parametrize("more", [{}, {"token_type": "mac"}], ids=["not allowed", "no token"])
def test_CALL_14_nothing_sent_and_nobody_asked_is_412(make_app, call, resources, more):
    with FaultServer(resources) as server:
        response = make_app().test_client().post(PATH, json=_authorized(_without(call), server, **more))
    assert response.status_code == 412
    assert "W412" in response.text


@pytest.mark.parametrize("position", [1, 8, 0], ids=["first", "middle", "all"])
@pytest.mark.parametrize("fault", FAULTS)
def test_R21_a_fault_ends_in_cards_with_a_gap_or_in_412(make_app, call, resources, fault, position):
    with FaultServer(resources, faults={position: fault}) as server:
        client = _client(make_app, server, fhir_deadline_ms=300, fhir_max_mib=2, fhir_max_pages=2)
        response = client.post(PATH, json=_authorized(_without(call), server))
    if response.status_code == 412:
        assert response.get_json()["issue"]
        return
    assert response.status_code == 200, response.text
    healthy_after_retry = not _codes(response) & {"F080", "F081", "F083", "F014"}
    assert not healthy_after_retry or len(server.seen) > len(call["prefetch"]), "nothing may be silent"
    if not healthy_after_retry:
        assert _cards(response), "a gap is told on a card"


@pytest.mark.parametrize(
    "wrong",
    [
        {"access_token": 5},
        {"access_token": ""},
        {"token_type": "mac"},
        {"expires_in": "300"},
        {"expires_in": 0},
        {"scope": None},
        {"subject": None},
    ],
)
def test_FA_3_a_token_that_is_not_whole_is_not_used_and_that_is_told(make_app, call, resources, wrong):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        response = client.post(PATH, json=_authorized(_without(call, "problems"), server, **wrong))
    assert server.connections == 0
    assert {"F082", "F085"} <= _codes(response)


def test_FA_4_no_token_outlives_its_call(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        client.post(PATH, json=_authorized(_without(call, "problems"), server))
        seen = len(server.seen)
        second = _without(call, "problems") | {"fhirServer": server.base}
        client.post(PATH, json=second)
    assert (seen, len(server.seen)) == (1, 1)


def test_FA_5_what_the_token_does_not_cover_is_a_gap(make_app, call, resources):
    with FaultServer(resources) as server:
        response = _client(make_app, server).post(
            PATH, json=_authorized(_without(call, "problems"), server, scope="patient/Observation.rs")
        )
    assert server.connections == 0
    assert "F083" in _codes(response)


def test_FA_6_a_token_of_another_patient_is_refused(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        response = client.post(PATH, json=_authorized(_without(call), server, patient="somebody-else"))
        assert (response.status_code, server.connections) == (400, 0)
        assert "H014" in response.text
        own = call["context"]["patientId"]
        assert client.post(PATH, json=_authorized(_without(call), server, patient=own)).status_code == 200


def test_FR_1_nothing_is_kept_between_calls(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        before = client.post(PATH, json=_authorized(_without(call), server)).get_json()
        server.resources = [item for item in resources if item["resourceType"] != "Observation"]
        after = client.post(PATH, json=_authorized(_without(call), server)).get_json()
    assert before["cards"] != after["cards"]


@pytest.mark.parametrize(
    "fault", ["", "html_login", "forbidden", "black_hole", "next_elsewhere", "redirect_loop"]
)
def test_R14_token_and_patient_stand_in_no_log_and_no_answer(make_app, call, resources, fault, capfd, caplog):
    with FaultServer(resources, faults={0: fault}) as server:
        client = _client(make_app, server, log_level="debug", fhir_deadline_ms=300)
        response = client.post(PATH, json=_authorized(_without(call), server))
    said = "".join(capfd.readouterr()) + caplog.text
    assert TOKEN not in said + response.text
    assert call["context"]["patientId"] not in said
    assert server.base not in said + response.text


def test_the_log_tells_how_fetching_went(make_app, call, resources, capfd):
    with FaultServer(resources, faults={1: "forbidden"}) as server:
        _client(make_app, server).post(PATH, json=_authorized(_without(call, "problems", "patient"), server))
    line = json.loads(capfd.readouterr().err.splitlines()[-1])
    assert line["fetched"] == 1
    assert line["fetchFaults"] == {"access refused": 1}
    assert line["fetchMs"] >= 0


def test_an_explanation_rests_on_what_was_fetched_too(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        path = "/explain/twitch-patient-view"
        sent = client.post(path, json=call).get_json()
        fetched = client.post(path, json=_authorized(_without(call), server)).get_json()
    assert fetched["counts"] == sent["counts"]


@pytest.mark.parametrize(("issuer", "asked"), [(ISSUER, 1), ("https://other.example", 0)])
def test_R13_a_server_of_one_client_is_asked_for_that_client_only(
    make_app, call, resources, tmp_path, issuer, asked
):
    keys = tmp_path / "jwks.json"
    keys.write_bytes(forge.jwks("ec"))
    with FaultServer(resources) as server:
        client = _client(
            make_app,
            server,
            fhir_servers=(f"{server.base} for {issuer}",),
            clients=Clients([TrustedClient(ISSUER, str(keys), "")]),
            public_base_url=BASE,
        )
        response = client.post(
            PATH,
            json=_authorized(_without(call, "problems"), server),
            headers={"Authorization": bearer(token(claims(BASE + PATH)))},
        )
    assert response.status_code == 200, response.text
    assert len(server.seen) == asked
    assert ("F084" in _codes(response)) == (not asked)


def test_a_file_without_certificates_is_refused_at_the_start(make_app, tmp_path):
    path = tmp_path / "ca.pem"
    path.write_text("nothing")
    with pytest.raises(SettingsError, match="S028"):
        make_app(fhir_servers=("https://fhir.example/r4",), fhir_ca_file=str(path))


def test_SEC_4_the_token_of_a_call_is_not_shown(call, resources):
    with FaultServer(resources) as server:
        read = read_call(json.dumps(_authorized(call, server)).encode(), "patient-view")
    assert read.authorization.token == TOKEN
    assert TOKEN not in repr(read) + str(read.authorization)


def _first_page(call, server, key, count=1):
    """Return the call with a key cut after its first entries, and a link to the rest."""
    call = copy.deepcopy(call)
    bundle = call["prefetch"][key]
    patient = call["context"]["patientId"]
    url = f"{server.base}/{bundle['entry'][0]['resource']['resourceType']}?patient={patient}&page={count}"
    bundle["entry"] = bundle["entry"][:count]
    bundle["link"] = [{"relation": "next", "url": url}]
    return call


def test_CALL_12_further_pages_of_a_sent_bundle_are_fetched_with_the_token(make_app, call, resources):
    with FaultServer(resources) as server:
        client = _client(make_app, server)
        whole = client.post(PATH, json=call)
        cut = client.post(PATH, json=_authorized(_first_page(call, server, "labs"), server))
    assert _cards(cut) == _cards(whole)
    assert not _codes(cut) & {"F081", "F083"}
    assert [path.partition("?")[0] for _, path, _ in server.seen] == ["/fhir/Observation"]


@pytest.mark.parametrize("wrong", ["no token", "elsewhere", "not listed", "fails"])
def test_CALL_12_where_they_cannot_be_fetched_the_data_are_incomplete_and_a_card_says_so(
    make_app, call, resources, wrong
):
    with FaultServer(resources, faults={0: "forbidden"} if wrong == "fails" else None) as server:
        sent = _first_page(call, server, "labs")
        if wrong == "elsewhere":
            sent["prefetch"]["labs"]["link"][0]["url"] = "https://evil.example/fhir/Observation?page=1"
        if wrong != "no token":
            sent = _authorized(sent, server)
        settings = {"fhir_servers": ()} if wrong == "not listed" else {}
        response = _client(make_app, server, **settings).post(PATH, json=sent)
    assert len(server.seen) == (1 if wrong == "fails" else 0)
    assert "F081" in _codes(response)
    assert "incomplete" in json.dumps(_cards(response))


def test_the_log_tells_that_a_server_wants_the_patient_named_otherwise(make_app, call, resources, capfd):
    with FaultServer(resources, form="reference") as server:
        client = _client(make_app, server)
        sent = client.post(PATH, json=call)
        fetched = client.post(PATH, json=_authorized(_without(call), server))
    assert _cards(fetched) == _cards(sent)
    assert json.loads(capfd.readouterr().err.splitlines()[-1])["fetchPatientForm"] == "reference"


def test_CALL_14_a_server_that_does_not_know_the_patient_is_412(make_app, call):
    with FaultServer() as server:
        response = _client(make_app, server).post(PATH, json=_authorized(_without(call), server))
    assert response.status_code == 412
    assert "not found" in response.text
