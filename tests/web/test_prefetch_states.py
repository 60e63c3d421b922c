"""Each state a prefetch key can be in, at each key of each service: its state, its cards, never a silence.

Ids in names are rows of the conformance list. The expectations stand here as data, apart from the product.
"""

import copy
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.content import content_root
from cds_service.settings import Settings
from cds_service.web import create_app

from ..fetch.fault_server import FaultServer
from .conftest import story

REVIEW = "org.twitch-cds.review"
FIXTURES = content_root() / "fixtures"
PATIENTS = sorted(path.name for path in (FIXTURES / "patients").iterdir() if path.is_dir())
SERVICES = {
    "patient-view": "patients/lip-twitching-on-furosemide/request.json",
    **{
        hook: f"calls/{hook}.json"
        for hook in (
            "encounter-start",
            "encounter-discharge",
            "order-select",
            "order-sign",
            "medication-refill",
            "problem-list-item-create",
        )
    },
}

# --- ten states of one key

ABSENT = object()
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}


def _bundle(value):
    if isinstance(value, dict) and value.get("resourceType") == "Bundle":
        return copy.deepcopy(value)
    entries = [{"resource": copy.deepcopy(value)}] if value else []
    return {"resourceType": "Bundle", "type": "searchset", "entry": entries}


def _with_next_link(value):
    return _bundle(value) | {"link": [{"relation": "next", "url": "https://ehr.example/fhir?page=2"}]}


def _with_extra_members(value):
    return value and copy.deepcopy(value) | {"vendor": {"a": [1]}}


def _of_another_patient(value):
    text = json.dumps(value)
    for name in {
        row["resource"]["subject"]["reference"]
        for row in (value or {}).get("entry", ())
        if "subject" in row["resource"]
    }:
        text = text.replace(json.dumps(name), '"Patient/somebody-else"')
    found = json.loads(text)
    return found | {"id": "somebody-else"} if (value or {}).get("resourceType") == "Patient" else found


STATES = {
    "given": lambda value: value,
    "null": lambda value: None,
    "empty": lambda value: {"resourceType": "Bundle", "type": "searchset", "total": 0},
    "missing": lambda value: ABSENT,
    "outcome": lambda value: OUTCOME,
    "html": lambda value: "<html><body>502 Bad Gateway</body></html>",
    "wrong-type": lambda value: 17,
    "next": _with_next_link,
    "extra": _with_extra_members,
    "other-patient": _of_another_patient,
}

#: What the answer says of the key itself; None: nothing.
CODES = {"missing": "F082", "outcome": "F013", "html": "F080", "wrong-type": "F080", "next": "F081"}

#: Key (without its number) -> kinds of data it feeds. Kinds of a key in OPTIONAL are known without it.
FEEDS = {
    "patient": (),
    "encounters": ("encounter", "symptom"),
    "problems": ("condition", "symptom"),
    "labs": ("lab", "vital", "survey", "symptom", "report"),
    "vitals": ("lab", "vital", "survey", "symptom", "report"),
    "observations": ("lab", "vital", "survey", "symptom", "report"),
    "medicationRequests": ("drug",),
    "medicationStatements": ("drug",),
    "medicationAdministrations": ("drug",),
    "procedures": ("procedure",),
    "reports": ("report",),
    "familyHistory": ("family",),
    "allergies": ("allergy",),
    "questionnaires": ("survey", "symptom"),
}
OPTIONAL = ("medicationStatements", "medicationAdministrations", "questionnaires")
KNOWN = {"present", "none-found"}
#: State -> what the kinds of the key may then be; None: what they were.
KIND_STATES = {
    "given": None,
    "extra": None,
    "null": KNOWN,
    "empty": KNOWN,
    "missing": {"incomplete", "not-sent"},
    "outcome": {"failed"},
    "html": {"failed"},
    "wrong-type": {"failed"},
    "next": {"incomplete"},
}


def _call(hook):
    return json.loads((FIXTURES / SERVICES[hook]).read_text(encoding="utf-8"))


def _in_state(call, key, state):
    value = STATES[state](call["prefetch"].get(key))
    if value is ABSENT:
        call["prefetch"].pop(key, None)
    else:
        call["prefetch"][key] = value


@pytest.fixture(scope="module")
def client(knowledge, tmp_path_factory):
    url = f"sqlite:///{tmp_path_factory.mktemp('store') / 'feedback.sqlite3'}"
    return create_app(Settings(store_url=url, allow_as_of=True, log_level="error"), knowledge).test_client()


def _review(answer):
    return answer["extension"][REVIEW]


def _kinds(answer):
    return _review(answer)["dataConsidered"]["kinds"]


def _asides(answer, key):
    rows = _review(answer)["dataConsidered"]["setAside"]
    place = f"/prefetch/{key}"
    return {row["code"] for row in rows if row["source"] == place or row["source"].startswith(place + "/")}


def _not_assessed(answer):
    return [card for card in answer["cards"] if card["source"]["topic"]["code"] == "notAssessed"]


def _untold(answer):
    """Rules that could not tell because data did not come; outside the scope nothing is asked."""
    rows = [] if "outside" in _review(answer) else _review(answer)["notAssessed"]
    return [row["ruleId"] for row in rows if {gap["reason"] for gap in row["missing"]} & {"not-sent"}]


def _assert_nothing_is_silent(answer):
    counts = _review(answer)["counts"]
    assert counts["errored"] == 0
    assert counts["rules"] == counts["matched"] + counts["notMatched"] + counts["unknown"]
    assert len(_not_assessed(answer)) == bool(_untold(answer)), "one card says it, or there is nothing to say"
    for card in _not_assessed(answer):
        assert card == answer["cards"][-1]
        assert card["indicator"] == "info"
        assert "not fully assessed" in card["summary"] and "not available" in card["summary"]
        assert "suggestions" not in card


def _expected(key, state, sent, before):
    """Return what the kinds fed by a key may be in a state, as a set for each."""
    name = key.partition("-")[0]
    has_data = bool(sent)
    allowed = KIND_STATES.get(state, {"incomplete"} if has_data and name != "patient" else None)
    if state == "missing" and name in OPTIONAL:
        allowed = None
    return {kind: {before[kind]} if allowed is None else allowed for kind in FEEDS[name]}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("hook", SERVICES)
def test_CALL_7_to_13_every_key_in_every_state(client, hook, state):
    call = _call(hook)
    base = client.post(f"/cds-services/twitch-{hook}", json=call).get_json()
    assert not _untold(base)
    for key in call["prefetch"]:
        changed = copy.deepcopy(call)
        _in_state(changed, key, state)
        response = client.post(f"/cds-services/twitch-{hook}", json=changed)
        assert response.status_code == 200, (key, response.text)
        answer = response.get_json()
        _assert_nothing_is_silent(answer)
        kinds = _kinds(answer)
        for kind, allowed in _expected(key, state, call["prefetch"][key], _kinds(base)).items():
            if (hook, key) == ("problem-list-item-create", "problems") and allowed == {"failed"}:
                allowed = {"failed", "incomplete"}  # the added problem came
            known = state in ("null", "empty") and kind in ("lab", "vital", "survey", "symptom", "report")
            assert kinds[kind] in (KNOWN if known else allowed), (key, kind)
        if state in CODES:
            codes = _review(answer)["dataConsidered"]["setAside"] if state == "outcome" else None
            assert CODES[state] in (_asides(answer, key) if codes is None else {row["code"] for row in codes})
        elif state == "other-patient" and call["prefetch"][key]:
            assert "F014" in {row["code"] for row in _review(answer)["dataConsidered"]["setAside"]}
        else:
            assert _asides(answer, key) == _asides(base, key)
        if state in ("given", "extra"):
            assert answer["cards"] == base["cards"]


@pytest.mark.parametrize(
    "state", ["null", "empty", "missing", "outcome", "html", "wrong-type", "other-patient"]
)
def test_without_a_patient_what_needs_an_age_is_not_assessed_and_the_rest_is(client, state):
    call = _call("patient-view")
    _in_state(call, "patient", state)
    answer = client.post("/cds-services/twitch-patient-view", json=call).get_json()
    assert "K 2.9 mmol/L" in answer["cards"][0]["summary"]
    (card,) = _not_assessed(answer)
    assert "age not available" in card["summary"]


@pytest.mark.parametrize("state", ["missing", "outcome", "html", "wrong-type", "other-patient"])
@pytest.mark.parametrize("hook", ["patient-view", "encounter-start", "encounter-discharge"])
def test_CALL_14_only_where_nothing_at_all_is_known_the_answer_is_412(client, hook, state):
    call = _call(hook)
    for key in list(call["prefetch"]):
        _in_state(call, key, state)
        if state == "other-patient" and not call["prefetch"][key]:
            del call["prefetch"][key]
    path = f"/cds-services/twitch-{hook}"
    response = client.post(path, json=call)
    assert response.status_code == 412, response.text
    (issue,) = response.get_json()["issue"]
    assert issue["code"] == "incomplete"
    assert ("Not sent: " if state == "missing" else "Not usable: ") in issue["details"]["text"]
    assert "medicationRequests" in issue["details"]["text"]
    for key in ("labs", "problems", "medicationRequests"):
        known = copy.deepcopy(call)
        known["prefetch"][key] = _call(hook)["prefetch"][key]
        answer = client.post(path, json=known)
        assert answer.status_code == (412 if known["prefetch"][key] is None and key == "labs" else 200), key
        if answer.status_code == 200:
            _assert_nothing_is_silent(answer.get_json())
            assert _not_assessed(answer.get_json()) or "outside" in _review(answer.get_json())


@pytest.mark.parametrize(
    "hook", ["order-select", "order-sign", "medication-refill", "problem-list-item-create"]
)
def test_what_the_context_brings_is_looked_at_without_any_prefetch(client, hook):
    call = _call(hook)
    del call["prefetch"]
    response = client.post(f"/cds-services/twitch-{hook}", json=call)
    assert response.status_code == 200
    _assert_nothing_is_silent(response.get_json())
    assert len(_not_assessed(response.get_json())) == 1


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_several_keys_bad_at_once_are_never_silent(client, data):
    hook = data.draw(st.sampled_from(sorted(SERVICES)))
    call = _call(hook)
    keys = sorted(call["prefetch"])
    for key, state in data.draw(
        st.dictionaries(st.sampled_from(keys), st.sampled_from(sorted(STATES)), min_size=2)
    ).items():
        _in_state(call, key, state)
    response = client.post(f"/cds-services/twitch-{hook}", json=call)
    assert response.status_code in (200, 412), response.text
    if response.status_code == 200:
        _assert_nothing_is_silent(response.get_json())
        if not response.get_json()["cards"]:
            assert not _untold(response.get_json())


# --- the same cards by prefetch and by fetch


def _fetching(knowledge, tmp_path, server):
    given = {"fhir_servers": (server.base,), "fhir_networks": ("127.0.0.0/8",), "fhir_deadline_ms": 10_000}
    url = f"sqlite:///{tmp_path / 'feedback.sqlite3'}"
    return create_app(
        Settings(store_url=url, allow_as_of=True, log_level="error", **given), knowledge
    ).test_client()


def _with_token(call, server):
    token = {"access_token": "t", "token_type": "Bearer", "expires_in": 300, "subject": "s"}
    bare = {name: value for name, value in call.items() if name != "prefetch"}
    return bare | {"fhirServer": server.base, "fhirAuthorization": token | {"scope": "patient/*.rs"}}


def _same_by_both_ways(client, server, path, call):
    sent = client.post(path, json=call | {"fhirServer": server.base})
    fetched = client.post(path, json=_with_token(call, server))
    assert sent.status_code == 200, sent.text
    assert fetched.data == sent.data


@pytest.mark.parametrize("name", PATIENTS)
def test_CALL_16_every_bundled_patient_gets_the_same_answer_by_prefetch_and_by_fetch(
    knowledge, tmp_path, name
):
    call = json.loads((FIXTURES / "patients" / name / "request.json").read_text(encoding="utf-8"))
    with FaultServer(story(name)) as server:
        client = _fetching(knowledge, tmp_path, server)
        _same_by_both_ways(client, server, "/cds-services/twitch-patient-view", call)


@pytest.mark.parametrize("hook", [hook for hook in SERVICES if hook != "patient-view"])
def test_CALL_16_every_service_gives_the_same_answer_by_prefetch_and_by_fetch(knowledge, tmp_path, hook):
    call = _call(hook)
    values = [value for value in call["prefetch"].values() if value]
    resources = [row["resource"] for value in values for row in value.get("entry", ({"resource": value},))]
    with FaultServer(resources) as server:
        client = _fetching(knowledge, tmp_path, server)
        _same_by_both_ways(client, server, f"/cds-services/twitch-{hook}", call)
