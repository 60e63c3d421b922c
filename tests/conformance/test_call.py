"""The call of a service and the statuses: rows GEN-6, GEN-7, CALL, ST of the requirements."""

import copy
import json
import re
import uuid
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import ORIGIN, URL, written_call

OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]}
EMPTY = {"resourceType": "Bundle", "type": "searchset", "total": 0}
REQUIRED = {
    "patient-view": ["userId", "patientId"],
    "order-select": ["userId", "patientId", "selections", "draftOrders"],
    "order-sign": ["userId", "patientId", "draftOrders"],
    "encounter-start": ["userId", "patientId", "encounterId"],
    "encounter-discharge": ["userId", "patientId", "encounterId"],
    "medication-refill": ["patientId", "medications"],
    "problem-list-item-create": ["userId", "patientId", "conditions"],
}


def _is_outcome(answer):
    body = answer.json()
    assert body["resourceType"] == "OperationOutcome" and body["issue"]
    for issue in body["issue"]:
        assert issue["severity"] in ("fatal", "error") and issue["code"]
        assert issue["details"]["text"].strip()
    assert "Traceback" not in answer.text
    return body["issue"]


def _with_key(call, key, value):
    """Return a copy of a call with every part of a prefetch key set."""
    changed = copy.deepcopy(call)
    for name in changed["prefetch"]:
        if name.split("-")[0] == key:
            changed["prefetch"][name] = value
    return changed


def _without(body):
    """Return a body with everything taken out that may differ between two equal calls."""
    text = json.dumps(body, sort_keys=True)
    text = re.sub(r'"asOf": "[^"]*"', '"asOf": ""', text)
    for card in body.get("cards", []):
        for item in [card, *card.get("suggestions", [])]:
            text = text.replace(item.get("uuid", "\0"), "-")
    return text


# --- the request


def test_GEN_6_unknown_members_are_tolerated(viewed):
    call = viewed.call
    call["com.example.vendor"] = {"a": [1]}
    call["context"]["vendor"] = "x"
    call["prefetch"]["vendorKey"] = {"resourceType": "Basic"}
    call.setdefault("extension", {})["com.example"] = {"x": 1}
    answer = viewed.post(call)
    assert (answer.status, _without(answer.json())) == (200, _without(viewed.body))


@pytest.mark.parametrize(
    "media_type", ["application/json", "application/json; charset=utf-8", "application/json;charset=UTF-8"]
)
def test_GEN_7_utf_8_with_and_without_charset(viewed, media_type):
    call = viewed.call
    call["prefetch"]["patient"]["name"] = [{"family": "Zażółć", "given": ["例"]}]
    body = json.dumps(call, ensure_ascii=False).encode()
    assert viewed.post(body, Content_type=media_type).status == 200


def test_CALL_1_ST_1_the_service_answers_a_post(asked):
    assert asked.answer.status == 200
    assert isinstance(asked.body["cards"], list)


@pytest.mark.parametrize("name", ["hook", "hookInstance", "context"])
def test_CALL_2_a_required_member_is_missed_by_name(asked, name):
    answer = asked.changed(**{name: ...})
    assert answer.status == 400
    assert name in json.dumps(_is_outcome(answer))


def test_CALL_3_another_hook_is_refused(asked):
    other = "patient-view" if asked.service["hook"] != "patient-view" else "order-sign"
    answer = asked.changed(hook=other)
    assert answer.status == 400
    _is_outcome(answer)


@pytest.mark.parametrize("form", [str, lambda u: str(u).upper(), lambda u: f"urn:uuid:{u}"])
def test_CALL_4_every_form_of_a_uuid_is_taken(viewed, form):
    assert viewed.changed(hookInstance=form(uuid.uuid4())).status == 200


@pytest.mark.parametrize("value", [..., "", 7, None])
def test_CALL_4_no_instance_is_refused(viewed, value):
    answer = viewed.changed(hookInstance=value)
    assert answer.status == 400
    _is_outcome(answer)


def test_CALL_5_every_required_member_of_the_context_is_missed(asked):
    for name in REQUIRED[asked.service["hook"]]:
        call = asked.call
        del call["context"][name]
        answer = asked.post(call)
        assert answer.status == 400, name
        assert name in json.dumps(_is_outcome(answer))


@pytest.mark.parametrize("context", [None, [], "patient", {}])
def test_CALL_5_the_context_is_an_object(asked, context):
    assert asked.changed(context=context).status == 400


def test_CALL_6_a_token_without_its_server_is_refused(asked):
    token = {"access_token": "s3cret", "token_type": "Bearer", "expires_in": 60, "scope": "", "subject": "x"}
    answer = asked.changed(fhirAuthorization=token, fhirServer=...)
    assert answer.status == 400
    assert "s3cret" not in answer.text


def test_CALL_7_prefetch_may_be_absent_partial_or_more_than_asked(asked):
    call = asked.call
    first = dict(list(call["prefetch"].items())[:2])
    for prefetch in (..., None, {}, first, call["prefetch"], {**call["prefetch"], "more": EMPTY}):
        assert asked.changed(prefetch=prefetch).status in (200, 412)


def test_CALL_8_null_is_looked_for_and_none(viewed):
    null, empty = (viewed.post(_with_key(viewed.call, "labs", value)) for value in (None, EMPTY))
    assert null.status == empty.status == 200
    assert _without(null.json()) == _without(empty.json())


def test_CALL_9_CALL_13_a_missing_key_is_told_and_is_not_none(viewed):
    call = viewed.call
    call["prefetch"] = {n: v for n, v in call["prefetch"].items() if n.split("-")[0] != "labs"}
    answer = viewed.post(call)
    none = viewed.post(_with_key(viewed.call, "labs", None))
    assert answer.status in (200, 412)
    assert answer.status == 412 or (answer.json()["cards"] and answer.body != none.body)


@pytest.mark.parametrize(
    "value", [OUTCOME, {**EMPTY, "entry": [{"resource": OUTCOME}]}, "<html>502</html>", 17]
)
def test_CALL_10_a_failed_query_is_not_no_data(viewed, value):
    answer = viewed.post(_with_key(viewed.call, "labs", value))
    none = viewed.post(_with_key(viewed.call, "labs", None))
    assert answer.status in (200, 412)
    assert answer.status == 412 or (answer.json()["cards"] and answer.body != none.body)


@pytest.mark.parametrize("leave_out", [("total",), ("type",), ("total", "type"), ("link", "id")])
@pytest.mark.parametrize("kind", ["searchset", "collection"])
def test_CALL_11_bundles_come_in_many_forms(viewed, leave_out, kind):
    call = viewed.call
    for key, value in call["prefetch"].items():
        if value and value["resourceType"] == "Bundle":
            changed = {**value, "type": kind}
            call["prefetch"][key] = {name: part for name, part in changed.items() if name not in leave_out}
    answer = viewed.post(call)
    assert answer.status == 200
    assert [card["summary"] for card in answer.json()["cards"]] == [card["summary"] for card in viewed.cards]


@pytest.mark.parametrize(
    "bundle", [{"resourceType": "Bundle"}, {"resourceType": "Bundle", "entry": []}, EMPTY]
)
def test_CALL_11_a_bundle_without_entries_is_none(viewed, bundle):
    answer = viewed.post(_with_key(viewed.call, "labs", bundle))
    none = viewed.post(_with_key(viewed.call, "labs", None))
    assert (answer.status, _without(answer.json())) == (200, _without(none.json()))


def test_CALL_12_a_page_that_is_not_the_last_is_incomplete(viewed):
    page = {
        **EMPTY,
        "total": 900,
        "link": [{"relation": "next", "url": "https://fhir.ehr.example/r4?page=2"}],
    }
    answer = viewed.post(_with_key(viewed.call, "labs", page))
    none = viewed.post(_with_key(viewed.call, "labs", None))
    assert answer.status in (200, 412)
    assert answer.status == 412 or (answer.json()["cards"] and answer.body != none.body)


@pytest.mark.parametrize("prefetch", [..., None, {}])
def test_CALL_14_ST_3_without_data_the_answer_is_412(asked, prefetch):
    context = asked.call["context"]
    nothing = {"resourceType": "Bundle", "type": "collection"}
    context |= {name: nothing for name in ("draftOrders", "medications", "conditions") if name in context}
    context |= {"selections": []} if "selections" in context else {}
    answer = asked.changed(prefetch=prefetch, context=context)
    assert answer.status == 412
    _is_outcome(answer)


def test_CALL_17_drafts_need_neither_id_nor_medication(ask):
    for hook in ("order-select", "order-sign"):
        asked = ask(hook)
        call = asked.call
        draft = {
            "resourceType": "MedicationRequest",
            "status": "draft",
            "subject": {"reference": "Patient/x"},
        }
        call["context"]["draftOrders"] = {"resourceType": "Bundle", "entry": [{"resource": draft}]}
        assert asked.post(call).status == 200


def test_CALL_18_parallel_calls_keep_apart(viewed, ask):
    other = ask("encounter-start")
    with ThreadPoolExecutor(8) as pool:
        pairs = [(item, pool.submit(item.post, item.call)) for item in [viewed, other] * 10]
    for item, waiting in pairs:
        assert waiting.result().timeless == item.answer.timeless


def test_CALL_19_data_of_another_patient_are_not_used(viewed):
    call = viewed.call
    for name, value in call["prefetch"].items():
        if name.split("-")[0] == "labs" and value:
            for entry in value.get("entry", []):
                entry["resource"]["subject"] = {"reference": "Patient/somebody-else"}
    answer = viewed.post(call)
    assert answer.status in (200, 412)
    assert "2.9 mmol/L" in viewed.answer.text and "2.9 mmol/L" not in answer.text


# --- statuses


def test_ST_2_no_guidance_is_200_with_no_cards(viewed):
    answer = viewed.post(written_call("patient-view", "no-twitching"))
    assert (answer.status, answer.json()["cards"]) == (200, [])


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("POST", "{svc}", b"{", {}, 400),
        ("POST", "{svc}", b"", {}, 400),
        ("POST", "{svc}", b"[]", {}, 400),
        ("POST", "/cds-services/no-such-service", b"{}", {}, 404),
        ("POST", "/cds-services/no-such-service/feedback", b"{}", {}, 404),
        ("GET", "{svc}", None, {}, 405),
        ("PUT", "{svc}", b"{}", {}, 405),
        ("DELETE", "/cds-services", None, {}, 405),
        ("POST", "/cds-services", b"{}", {}, 405),
        ("POST", "{svc}", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", "{svc}/feedback", b"{}", {"Content-Type": "text/plain"}, 415),
        ("POST", "{svc}", b"{}", {"Content-Encoding": "gzip"}, 415),
    ],
)
def test_ST_4_ST_5_each_refusal_has_its_status_and_an_outcome(viewed, method, path, body, headers, status):
    answer = viewed.session.send(method, path.format(svc=viewed.path), body, **headers)
    assert answer.status == status
    _is_outcome(answer)
    assert status != 405 or method not in answer.headers["allow"].split(", ")


def test_ST_4_ST_5_a_body_over_the_limit_is_413(make_session):
    small = make_session(max_body_mib=1)
    answer = small.post("/cds-services/twitch-patient-view", b" " * (1024 * 1024 + 1))
    assert answer.status == 413
    _is_outcome(answer)


def test_ST_5_no_error_repeats_the_patient(viewed):
    call = viewed.call
    call["prefetch"] = {"patient": {**call["prefetch"]["patient"], "name": [{"family": "Qxzcanary"}]}}
    call["context"]["patientId"] = "another"
    for answer in (
        viewed.post(call),
        viewed.changed(hook="Qxzcanary"),
        viewed.changed(context={"patientId": "Qxz canary"}),
    ):
        assert answer.status in (400, 412)
        assert "Qxz" not in answer.text
        _is_outcome(answer)


# --- browsers


@pytest.mark.parametrize(
    ("path", "method"), [("/cds-services", "GET"), ("{svc}", "POST"), ("{svc}/feedback", "POST")]
)
def test_CORS_1_preflight_of_every_endpoint(viewed, path, method):
    if not ORIGIN:
        pytest.skip("not testable from outside: name an origin the service allows with CONFORMANCE_ORIGIN")
    answer = viewed.session.send(
        "OPTIONS",
        path.format(svc=viewed.path),
        Origin=ORIGIN,
        Access_Control_Request_Method=method,
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert 200 <= answer.status < 300
    assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")
    assert method in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed


def test_CORS_2_a_foreign_origin_is_not_allowed(viewed):
    answer = viewed.post(viewed.call, Origin="https://evil.example")
    assert "access-control-allow-origin" not in answer.headers
    assert "origin" in answer.headers["vary"].lower()
    assert "access-control-allow-credentials" not in answer.headers


def test_CORS_3_refusals_carry_the_headers_too(viewed):
    if not ORIGIN:
        pytest.skip("not testable from outside: name an origin the service allows with CONFORMANCE_ORIGIN")
    for answer in (
        viewed.post(b"{", Origin=ORIGIN),
        viewed.post({**viewed.call, "prefetch": {}}, Origin=ORIGIN),
        viewed.session.post("/cds-services/none", {}, Origin=ORIGIN),
    ):
        assert answer.status in (400, 404, 412)
        assert answer.headers["access-control-allow-origin"] in (ORIGIN, "*")


def test_the_suite_says_which_service_it_asks(session):
    assert session.foreign == bool(URL)
