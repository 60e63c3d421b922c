"""The routes of the sandbox: there only where it is on, for this machine only, and what each answers."""

from __future__ import annotations

import json

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.content import content_root
from cds_service.errors import SettingsError
from cds_service.sandbox.records import load_library
from cds_service.web import create_app

from ...auth import forge
from .running import settings_of

STORY = next(story for story in load_library().stories if story.name == "lithium-high-after-ibuprofen")
ME = STORY.patient_id
GET = (
    "",
    "/feedback",
    "/patients.json",
    "/orderables.json",
    "/feedback.json",
    "/fhir/Patient",
    "/static/app.js",
)
POST = ("/prefetch", "/chart", "/forget", "/record", "/fhir/Patient/_search")


@pytest.fixture(scope="module")
def client(knowledge, tmp_path_factory):
    return create_app(settings_of(tmp_path_factory.mktemp("routes")), knowledge).test_client()


def code_of(answer):
    return answer.get_json()["issue"][0]["details"]["coding"][0]["code"]


def test_nothing_of_it_is_there_where_it_is_off(knowledge, tmp_path):
    app = create_app(settings_of(tmp_path, sandbox=False), knowledge)
    client = app.test_client()
    assert {client.get(f"/sandbox{path}").status_code for path in GET} == {404}
    assert {client.post(f"/sandbox{path}", json={}).status_code for path in POST} == {404}
    assert "sandbox" not in client.get("/").get_data(as_text=True)
    assert not [rule for rule in app.url_map.iter_rules() if "sandbox" in rule.rule]


@pytest.mark.parametrize(
    "more",
    [
        {"host": "0.0.0.0"},
        {"host": "192.0.2.1"},
        {"host": "ehr.example"},
        {"clients": Clients((TrustedClient(issuer=forge.ISSUER, jwks_url=forge.JKU),))},
    ],
)
def test_it_is_refused_where_others_could_reach_it(knowledge, tmp_path, more):
    with pytest.raises(SettingsError) as refused:
        create_app(settings_of(tmp_path, **more), knowledge)
    assert refused.value.issues[0].code == "S023"


def test_the_front_page_leads_to_it(client):
    assert 'href="/sandbox/"' in client.get("/").get_data(as_text=True)


def test_the_page_stands_at_an_address_with_a_slash(client):
    moved = client.get("/sandbox")
    assert (moved.status_code, moved.headers["Location"]) == (308, "sandbox/")


def test_the_policy_of_the_page_lets_nothing_in_from_elsewhere(client):
    with client.get("/sandbox/") as page:
        assert page.status_code == 200 and page.mimetype == "text/html"
    policy = dict(part.split(" ", 1) for part in page.headers["Content-Security-Policy"].split("; "))
    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "font-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'self'",
    }
    assert page.headers["X-Frame-Options"] == "SAMEORIGIN"
    for path in ("/sandbox/patients.json", "/sandbox/fhir/Patient", "/sandbox/nothing"):
        answer = client.get(path)
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["Cache-Control"] == "no-store"


def test_the_list_of_patients(client):
    told = client.get("/sandbox/patients.json").get_json()
    assert [row["story"] for row in told["patients"]] == [story.name for story in load_library().stories]
    assert told["canForget"] is True
    assert told["maxBodyMib"] == 10


# ----------------------------------------------------------------------------- prefetch and chart

TWO = [{"resourceType": "Patient", "id": "a"}, {"resourceType": "Patient", "id": "b"}]
VIEW = {"service": "twitch-patient-view", "patientId": ME}
PATIENT_URL = "urn:uuid:6a1f6a0e-6f0b-4c7e-8a53-1d5b8e0f2a11"


def as_never_on_a_server(story):
    """The Bundle of a story with references by ``urn:uuid:``, and without ids."""
    path = content_root() / "fixtures" / "patients" / story.name / "bundle.json"
    text = path.read_text(encoding="utf-8").replace(f'"Patient/{story.patient_id}"', f'"{PATIENT_URL}"')
    bundle = json.loads(text)
    for entry in bundle["entry"]:
        del entry["resource"]["id"]
        entry.pop("fullUrl", None)
        if entry["resource"]["resourceType"] == "Patient":
            entry["fullUrl"] = PATIENT_URL
    return bundle


def test_a_bundle_with_references_to_its_entries_gives_what_the_story_gives(client):
    bundle = as_never_on_a_server(STORY)
    as_of = {"asOf": STORY.as_of.isoformat()}
    own, told = ({"bundle": bundle}, {"patientId": ME})
    nobody = {"ofAnother": 0, "ofNobody": 0, "empty": 0, "sources": []}
    filled, expected = (
        client.post("/sandbox/prefetch", json=VIEW | who).get_json()
        for who in (
            {"patientId": PATIENT_URL.removeprefix("urn:uuid:")} | own,
            told,
        )
    )
    assert filled["strangers"] == expected["strangers"] == nobody
    assert {key: value and len(value.get("entry", "1")) for key, value in filled["prefetch"].items()} == {
        key: value and len(value.get("entry", "1")) for key, value in expected["prefetch"].items()
    }
    shown, wanted = (client.post("/sandbox/chart", json=who | as_of).get_json() for who in (own, told))
    assert shown["strangers"] == nobody
    assert (
        [(lab["analyte"], [p["value"] for p in lab["points"]]) for lab in shown["labs"]]
        == [(lab["analyte"], [p["value"] for p in lab["points"]]) for lab in wanted["labs"]]
        != []
    )


def test_what_is_not_the_patients_is_counted_and_told(client):
    patient = {"resourceType": "Patient", "id": "p"}
    rows = [
        patient,
        {
            "resourceType": "Condition",
            "id": "mine",
            "subject": {"reference": "https://x.example/fhir/Patient/p"},
        },
        {"resourceType": "Condition", "id": "of-b", "subject": {"reference": "Patient/b"}},
        {"resourceType": "Observation", "id": "lost", "subject": {"reference": "urn:uuid:gone"}},
        {"resourceType": "Observation", "id": "bare"},
        {"resourceType": "Organization", "id": "o"},
    ]
    body = {"service": "twitch-patient-view", "bundle": rows, "asOf": "2026-11-20T12:00:00Z"}
    expected = {"ofAnother": 2, "ofNobody": 1, "empty": 0}
    for path in ("prefetch", "chart", "record"):
        told = client.post(f"/sandbox/{path}", json=body).get_json()["strangers"]
        assert told == expected | {"sources": ["Condition/of-b", "Observation/lost", "Observation/bare"]}
    entries = client.post("/sandbox/prefetch", json=body).get_json()["prefetch"]["problems"]["entry"]
    assert [entry["resource"]["id"] for entry in entries] == ["mine"]


def test_a_record_taken_in_is_taken_in_as_it_is(client):
    first = client.post("/sandbox/record", json={"bundle": as_never_on_a_server(STORY)}).get_json()
    again = client.post("/sandbox/record", json={"bundle": first["bundle"]}).get_json()
    assert first == again and first["patientId"] == PATIENT_URL.removeprefix("urn:uuid:")
    assert all(entry["resource"]["id"] for entry in first["bundle"]["entry"])


def test_the_prefetch_of_a_bundled_patient_gives_the_cards_of_its_story(client):
    body = {"service": "twitch-patient-view", "patientId": ME, "context": {"patientId": ME}}
    filled = client.post("/sandbox/prefetch", json=body).get_json()
    call = {
        "hook": "patient-view",
        "hookInstance": "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
        "context": {"patientId": ME, "userId": "Practitioner/example"},
        "prefetch": filled["prefetch"],
        "extension": {"org.twitch-cds.asOf": STORY.as_of.isoformat()},
    }
    answer = client.post("/cds-services/twitch-patient-view", json=call).get_json()
    assert answer["cards"][0]["indicator"] == STORY.findings[0].indicator
    assert filled["queries"]["patient"] == f"Patient/{ME}"


def test_a_record_of_ones_own_is_used_and_not_kept(client):
    patient = {"resourceType": "Patient", "id": "mine"}
    problem = {"resourceType": "Condition", "id": "c", "subject": {"reference": "Patient/mine"}}
    bundle = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": patient}, {"resource": problem}],
    }
    filled = client.post(
        "/sandbox/prefetch", json={"service": "twitch-patient-view", "bundle": bundle}
    ).get_json()
    assert filled["prefetch"]["patient"] == patient
    assert filled["prefetch"]["problems"]["entry"][0]["resource"] == problem
    assert client.get("/sandbox/fhir/Patient/mine").status_code == 404


def test_numbers_of_a_record_come_back_digit_by_digit(client):
    text = '{"resourceType":"Patient","id":"p","x":1.80}'
    body = f'{{"service":"twitch-patient-view","bundle":{text}}}'
    answer = client.post("/sandbox/prefetch", data=body, content_type="application/json")
    assert '"x":1.80' in answer.get_data(as_text=True)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("prefetch", {}, 400, "E020"),
        ("prefetch", [], 400, "E020"),
        ("prefetch", {"service": "none", "patientId": ME}, 404, "W404"),
        ("prefetch", {"service": "twitch-patient-view", "patientId": "nobody"}, 404, "E013"),
        ("prefetch", {"service": "twitch-patient-view", "patientId": 7}, 400, "E020"),
        ("prefetch", {"service": "twitch-patient-view", "bundle": {}}, 400, "E023"),
        ("prefetch", {"service": "twitch-patient-view", "patientId": ME, "context": 7}, 400, "E020"),
        ("prefetch", {"service": "twitch-patient-view", "bundle": TWO}, 400, "E025"),
        ("prefetch", {"service": "twitch-patient-view", "bundle": TWO, "patientId": "c"}, 400, "E025"),
        ("prefetch", {"service": "twitch-patient-view", "bundle": TWO, "patientId": 7}, 400, "E020"),
        ("prefetch", {"service": "twitch-patient-view", "bundle": {"resourceType": "Patient"}}, 400, "E025"),
        ("prefetch", VIEW | {"context": {"patientId": "somebody-else"}}, 400, "E025"),
        ("prefetch", VIEW | {"context": {"patientId": None}}, 400, "E020"),
        ("record", {"bundle": TWO}, 400, "E025"),
        ("record", {"bundle": {}}, 400, "E023"),
        ("chart", {"patientId": ME}, 400, "E020"),
        ("chart", {"patientId": ME, "asOf": "2026-11-20"}, 400, "E024"),
        ("chart", {"patientId": ME, "asOf": "soon"}, 400, "E024"),
        ("chart", {"patientId": ME, "asOf": "0001-01-01T00:00:00+14:00"}, 400, "E024"),
        ("chart", {"bundle": [{"resourceType": "Observation"}], "asOf": "2026-11-20T12:00:00Z"}, 412, None),
    ],
)
def test_what_is_wrong_is_refused_with_its_place(client, path, body, status, code):
    answer = client.post(f"/sandbox/{path}", json=body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    assert code is None or code_of(answer) == code


def test_what_is_no_json_is_refused(client):
    for data in (
        b"",
        b"{",
        b"\xff",
        b"[" * 100 + b"]" * 100,
        b'{"a":' * 70 + b"1" + b"}" * 70,
        b'{"bundle":NaN}',
        b'{"patientId":"\\ud800"}',
    ):
        answer = client.post("/sandbox/chart", data=data, content_type="application/json")
        assert (answer.status_code, code_of(answer)) == (400, "E020")
    for path in POST[:4]:
        answer = client.post(f"/sandbox{path}", data="{}", content_type="text/plain")
        assert (answer.status_code, code_of(answer)) == (415, "W415")


def test_the_chart_of_a_bundled_patient(client):
    told = client.post("/sandbox/chart", json={"patientId": ME, "asOf": "2026-11-20T12:00:00Z"}).get_json()
    lithium = next(row for row in told["labs"] if row["title"] == "Lithium")
    assert lithium["points"][-1]["value"] == "1.8" and lithium["thresholds"]


# ----------------------------------------------------------------------------- orderables, feedback, forgetting


def test_orderables_by_kind(client):
    found = client.get("/sandbox/orderables.json?kind=drug&q=napro").get_json()["matches"]
    assert found[0]["title"] == "Naproxen" and found[0]["resource"]["status"] == "draft"
    assert client.get("/sandbox/orderables.json?kind=test").get_json() == {"matches": []}
    refused = client.get("/sandbox/orderables.json?kind=food&q=a")
    assert (refused.status_code, code_of(refused)) == (400, "E021")


def call_for(instance):
    path = content_root() / "fixtures" / "patients" / STORY.name / "request.json"
    return {**json.loads(path.read_text(encoding="utf-8")), "hookInstance": instance}


def test_what_is_answered_shows_up_in_the_feedback_and_can_be_forgotten(client):
    first, second, third = (f"2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f4{n}" for n in range(3))
    cards = client.post("/cds-services/twitch-patient-view", json=call_for(first)).get_json()["cards"]
    reason = cards[0]["overrideReasons"][0]
    items = [
        {
            "card": card["uuid"],
            "outcome": "overridden",
            "outcomeTimestamp": "2026-11-20T12:00:00Z",
            "overrideReason": {"reason": {"code": reason["code"], "system": reason["system"]}},
        }
        for card in cards
    ]
    kept = client.post("/cds-services/twitch-patient-view/feedback", json={"feedback": items})
    assert kept.status_code == 200
    told = client.get("/sandbox/feedback.json").get_json()
    rule = next(row for row in told["rules"] if row["ruleId"] == STORY.findings[0].rule_id)
    assert (rule["shown"], rule["overridden"], rule["ignored"]) == (1, 1, 0)
    assert rule["reasons"] == [{"code": reason["code"], "display": reason["display"], "count": 1}]
    assert [(row["shown"], row["overridden"]) for row in rule["byDay"]] == [(1, 1)]
    assert rule["byDay"][0]["reasons"] == [{"code": reason["code"], "count": 1}]
    assert told["totals"]["shown"] == sum(row["shown"] for row in told["rules"])

    quiet = client.post("/cds-services/twitch-patient-view", json=call_for(second)).get_json()["cards"]
    assert len(quiet) < len(cards)
    assert client.post("/sandbox/forget", json={}).get_json() == {}
    again = client.post("/cds-services/twitch-patient-view", json=call_for(third)).get_json()["cards"]
    assert [card["summary"] for card in again] == [card["summary"] for card in cards]
    assert (
        client.get("/sandbox/feedback.json").get_json()["totals"]["overridden"]
        == told["totals"]["overridden"]
    )


@pytest.mark.parametrize("days", ["0", "367", "-1", "many", "1e2"])
def test_the_time_of_feedback_is_bounded(client, days):
    refused = client.get(f"/sandbox/feedback.json?days={days}")
    assert (refused.status_code, code_of(refused)) == (400, "E022")


@pytest.mark.parametrize(
    "name", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil", ""]
)
def test_a_name_that_is_not_its_own_is_refused(client, name):
    """A page of the internet whose name leads to this machine is of one origin with it (DNS rebinding)."""
    for path in ("feedback.json", "patients.json"):
        answer = client.get(f"/sandbox/{path}", headers={"Host": name})
        assert answer.status_code == 421 and code_of(answer) == "E026"
    assert client.post("/sandbox/forget", json={}, headers={"Host": name}).status_code == 421


@pytest.mark.parametrize(
    "name", ["localhost", "127.0.0.1:8000", "[::1]:8000", "LOCALHOST:1", "x.localhost:8000"]
)
def test_names_of_this_machine_are_its_own(client, name):
    assert client.get("/sandbox/patients.json", headers={"Host": name}).status_code == 200
