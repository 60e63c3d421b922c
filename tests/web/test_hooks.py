"""CDS Hooks from outside; ids in names are rows of the conformance list (DISC, CALL, ST, CARD ...)."""

import copy
import json
import re
import uuid

import pytest

from tests.protocol import blanks

from .conftest import INSTANCE, ORIGIN, PATH, call_of, story

_TOKEN = re.compile(r"\{\{context\.(patientId|encounterId|userId)\}\}")


def _post(client, body, **headers):
    data = body if isinstance(body, bytes | str) else json.dumps(body)
    return client.post(PATH, data=data, headers={"Content-Type": "application/json", **headers})


def _issue(response):
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    assert "Traceback" not in response.text
    return outcome["issue"][0]


def _code(response):
    return _issue(response)["details"]["coding"][0]["code"]


# --- discovery


@pytest.mark.parametrize("path", ["/cds-services", "/cds-services/"])
def test_disc_1_discovery_answers(client, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.content_type == "application/json"
    assert list(blanks(response.get_json())) == []


def test_disc_5_to_11_every_service_is_described(client):
    services = client.get("/cds-services").get_json()["services"]
    assert [item["id"] for item in services] == [
        "twitch-patient-view",
        "twitch-order-select",
        "twitch-order-sign",
        "twitch-encounter-start",
        "twitch-encounter-discharge",
        "twitch-problem-list-item-create",
        "twitch-medication-refill",
    ]
    for item in services:
        assert {"hook", "id", "title", "description", "prefetch", "version"} <= set(item)
        assert item["id"] == f"twitch-{item['hook']}"
        assert re.fullmatch(r"\d+\.\d+\.\d+", item["version"])


def test_pf_1_to_9_prefetch_templates_are_plain(client):
    for item in client.get("/cds-services").get_json()["services"]:
        for template in item["prefetch"].values():
            bare = _TOKEN.sub("x", template)
            assert re.fullmatch(r"[A-Z]\w+(/x|\?[^{}]*)", bare), template
            names = [part.partition("=")[0] for part in bare.partition("?")[2].split("&")]
            assert len(names) == len(set(names)), f"a sandbox merges repeated parameters: {template}"
            assert not re.search(r"_include|_revinclude|_has|:(?!in\b|//)", bare), template


def test_disc_16_discovery_is_stable(client):
    assert client.get("/cds-services").data == client.get("/cds-services").data


# --- the call


def test_call_1_a_call_is_answered_with_cards_and_the_review(client, call):
    response = _post(client, call)
    assert response.status_code == 200, response.text
    body = response.get_json()
    counts = body["extension"]["org.twitch-cds.review"]["counts"]
    assert counts["rules"] == counts["matched"] + counts["notMatched"] + counts["unknown"] + counts["errored"]
    assert body["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-20T12:00:00")
    assert response.headers["Cache-Control"] == "no-store"


def test_call_1_the_low_potassium_is_told(client, call):
    text = _post(client, call).text
    assert "2.9 mmol/L" in text


def test_a_client_that_lists_with_a_trailing_slash_is_answered(client, call):
    response = client.post(PATH.replace("/twitch", "//twitch"), json=call)
    assert response.status_code == 200


def test_st_2_an_empty_answer_means_that_everything_sent_was_judged(client, service):
    response = _post(client, call_of(story("no-twitching"), service))
    assert response.status_code == 200
    body = response.get_json()
    assert body["cards"] == []
    gaps = body["extension"]["org.twitch-cds.review"]["notAssessed"]
    assert {missing["reason"] for gap in gaps for missing in gap["missing"]}.isdisjoint(
        {"not-sent", "unreadable"}
    )


def test_a_kind_that_was_not_sent_is_told_on_a_card(client, service):
    call = call_of(story("no-twitching"), service)
    del call["prefetch"]["problems"]
    body = _post(client, call).get_json()
    assert body["cards"]


@pytest.mark.parametrize("name", ["hook", "hookInstance", "context"])
def test_call_2_required_members(client, call, name):
    del call[name]
    response = _post(client, call)
    assert (response.status_code, _code(response)) == (400, "H008")
    assert f"/{name}" in _issue(response)["diagnostics"]


@pytest.mark.parametrize("name", ["patientId", "userId"])
def test_call_5_required_context(client, call, name):
    del call["context"][name]
    response = _post(client, call)
    assert (response.status_code, _code(response)) == (400, "H008")
    assert f"/context/{name}" in _issue(response)["diagnostics"]


def test_call_3_another_hook_is_refused(client, call):
    call["hook"] = "order-sign"
    response = _post(client, call)
    assert (response.status_code, _code(response)) == (400, "H006")


@pytest.mark.parametrize(
    ("instance", "status"),
    [
        (INSTANCE, 200),
        (INSTANCE.upper(), 200),
        (f"urn:uuid:{INSTANCE}", 200),
        ("first call", 400),
        (7, 400),
        ("", 400),
    ],
)
def test_call_4_the_hook_instance_is_a_uuid(client, call, instance, status):
    call["hookInstance"] = instance
    assert _post(client, call).status_code == status


def test_call_6_a_token_needs_its_server(client, call):
    call["fhirAuthorization"] = {"access_token": "secret", "token_type": "Bearer"}
    response = _post(client, call)
    assert (response.status_code, _code(response)) == (400, "H011")
    assert "secret" not in response.text


def test_gen_6_unknown_members_are_ignored(client, call):
    plain = _post(client, call).data
    call["vendor"] = {"a": [1]}
    call["context"]["vendor"] = None
    call["prefetch"]["vendorKey"] = None
    call["extension"]["com.example"] = {"x": 1}
    assert _post(client, call).data == plain


def test_gen_7_charset_and_other_scripts(client, call):
    call["prefetch"]["patient"]["name"] = [{"family": "Zażółć", "given": ["例"]}]
    body = json.dumps(call, ensure_ascii=False).encode()
    assert _post(client, body, **{"Content-Type": "application/json; charset=utf-8"}).status_code == 200


def test_call_14_nothing_assessable_is_412_and_says_what_is_missing(client, call):
    del call["prefetch"]
    response = _post(client, call)
    assert response.status_code == 412
    assert "labs" in response.text or "problems" in response.text


@pytest.mark.parametrize(
    "value",
    [
        {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "timeout"}]},
        "<html>Bad gateway</html>",
        17,
        [],
        {
            "resourceType": "Bundle",
            "type": "searchset",
            "link": [{"relation": "next", "url": "https://ehr.example/2"}],
        },
    ],
)
def test_call_10_failed_queries_never_read_as_none_on_record(client, call, value):
    for key in call["prefetch"]:
        if key.startswith("labs"):
            call["prefetch"][key] = value
    response = _post(client, call)
    assert response.status_code == 200
    body = response.get_json()
    assert body["extension"]["org.twitch-cds.review"]["dataConsidered"]["kinds"]["lab"] in (
        "failed",
        "incomplete",
    )
    assert body["cards"], "what could not be judged stands on a card"


@pytest.mark.parametrize("value", [None, {"resourceType": "Bundle", "type": "searchset"}])
def test_call_8_null_and_an_empty_bundle_mean_none_on_record(client, call, value):
    for key in call["prefetch"]:
        if key.startswith("labs"):
            call["prefetch"][key] = value
    kinds = _post(client, call).get_json()["extension"]["org.twitch-cds.review"]["dataConsidered"]["kinds"]
    assert kinds["lab"] == "none-found"


def test_call_18_calls_do_not_mix(client, call, service):
    other = call_of(story("no-twitching"), service)
    first, second = _post(client, call).data, _post(client, other).data
    assert first != second
    assert [_post(client, item).data for item in (call, other, call)] == [first, second, first]


def test_call_19_data_of_another_patient_are_not_used(client, call):
    foreign = copy.deepcopy(call)
    for key, value in foreign["prefetch"].items():
        if key.startswith("labs") and value:
            for entry in value["entry"]:
                entry["resource"]["subject"]["reference"] = "Patient/somebody-else"
    response = _post(client, foreign)
    assert response.status_code == 200
    assert "2.9 mmol/L" not in response.text


def test_resp_3_the_same_call_gives_the_same_bytes(client, call):
    assert _post(client, call).data == _post(client, call).data


def test_card_1_cards_of_two_calls_have_different_uuids(client, call):
    first = {card["uuid"] for card in _post(client, call).get_json()["cards"]}
    call["hookInstance"] = str(uuid.uuid4())
    assert first.isdisjoint(card["uuid"] for card in _post(client, call).get_json()["cards"])


def test_gen_4_cards_hold_nothing_empty(client, call):
    for card in _post(client, call).get_json()["cards"]:
        assert list(blanks(card)) == []


def test_card_invariants(client, call):
    cards = _post(client, call).get_json()["cards"]
    assert cards
    order = ["critical", "warning", "info"]
    assert [card["indicator"] for card in cards] == sorted(
        (card["indicator"] for card in cards), key=order.index
    )
    assert len({card["uuid"] for card in cards}) == len(cards)
    for card in cards:
        assert 1 <= len(card["summary"]) < 140
        assert "\n" not in card["summary"]
        assert card["indicator"] in order
        assert card["source"]["label"]
        assert uuid.UUID(card["uuid"])
        assert ("selectionBehavior" in card) == ("suggestions" in card)
        for link in card.get("links", []):
            assert link["type"] == "absolute"
            assert link["url"].startswith(("http://", "https://"))


def test_the_source_link_of_a_card_leads_to_a_rule_page(client, call):
    cards = _post(client, call).get_json()["cards"]
    urls = [card["source"]["url"] for card in cards if "/rules/" in card["source"].get("url", "")]
    assert urls
    for url in urls:
        assert client.get(url.partition("8000")[2]).status_code == 200


# --- the evaluation date


def test_the_evaluation_date_moves_only_where_it_is_allowed(make_app, call):
    body = _post(make_app(allow_as_of=False).test_client(), call).get_json()
    assert not body["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-20T12:00:00")


@pytest.mark.parametrize("value", ["2026-11-20", "yesterday", "2026-11-20T12:00:00", 3, None])
def test_an_evaluation_date_without_zone_is_refused(client, call, value):
    call["extension"]["org.twitch-cds.asOf"] = value
    response = _post(client, call)
    assert response.status_code == 400
    assert _code(response) in ("H009", "H012")


# --- bad input: each a clear answer, and the service stays up

_DEEP = 100_000


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "H002"),
        (b"not json", 400, "H002"),
        (b"\xff\xfe{}", 400, "H002"),
        (b"\xef\xbb\xbf{}", 400, "H002"),
        (b'{"hook": "patient-view",}', 400, "H002"),
        (b"[]", 400, "H004"),
        (b'"patient-view"', 400, "H004"),
        (b"null", 400, "H004"),
        (b"NaN", 400, "H002"),
        (b'{"hook": NaN}', 400, "H002"),
        (b'{"a": ' + b"[" * _DEEP + b"]" * _DEEP + b"}", 400, "H003"),
        (b"[" * _DEEP, 400, "H003"),
        (b'{"hook": "patient-view", "hook": "order-sign"}', 400, "H005"),
        (b'{"hook": "\\ud800"}', 400, "H002"),
    ],
    ids=range(14),
)
def test_bodies_that_are_no_call(client, call, body, status, code):
    response = _post(client, body)
    assert (response.status_code, _code(response)) == (status, code)
    assert _post(client, call).status_code == 200


def test_a_member_of_the_context_said_twice_is_refused(client, call):
    text = json.dumps(call).replace('"patientId":', '"patientId": "other", "patientId":')
    response = _post(client, text)
    assert (response.status_code, _code(response)) == (400, "H005")


def test_a_prefetch_key_said_twice_is_refused(client, call):
    text = json.dumps(call).replace('"problems":', '"problems": null, "problems":')
    response = _post(client, text)
    assert (response.status_code, _code(response)) == (400, "H005")


@pytest.mark.parametrize("patient_id", ["Patient/1", "a b", "", "x" * 65, None, 7])
def test_a_patient_id_that_is_none_is_refused(client, call, patient_id):
    call["context"]["patientId"] = patient_id
    assert _post(client, call).status_code == 400


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1E+9999999", "-1E-9999999", "9" * 10_000, "1e400"])
def test_numbers_out_of_all_bounds_cost_nothing_but_themselves(client, call, value):
    text = json.dumps(call).replace('"value": 2.9,', f'"value": {value},')
    assert value in text
    response = _post(client, text)
    assert response.status_code in (200, 400, 412)
    if response.status_code == 200:
        body = response.get_json()
        assert body["extension"]["org.twitch-cds.review"]["dataConsidered"]["setAside"]
    assert _post(client, call).status_code == 200


def test_a_cited_resource_with_a_key_twice_is_not_used(client, call):
    text = json.dumps(call).replace('"value": 2.9,', '"value": 4.9, "value": 2.9,', 1)
    response = _post(client, text)
    assert response.status_code == 200
    review = response.get_json()["extension"]["org.twitch-cds.review"]
    assert "F070" in {item["code"] for item in review["dataConsidered"]["setAside"]}
    assert "Potassium 2.9" not in json.dumps(review["findings"])


def test_two_patients_are_refused_or_reported(client, call):
    call["prefetch"]["patient"] = {
        "resourceType": "Bundle",
        "entry": [
            {"resource": call["prefetch"]["patient"]},
            {"resource": {"resourceType": "Patient", "id": "second"}},
        ],
    }
    response = _post(client, call)
    assert response.status_code in (200, 412)
    assert "F007" in response.text or "F008" in response.text or "F014" in response.text


def test_the_wrong_patient_is_refused(client, call):
    call["prefetch"]["patient"]["id"] = "somebody-else"
    response = _post(client, call)
    assert response.status_code in (200, 412)
    assert "F008" in response.text or "F014" in response.text


def test_no_patient_is_told(client, call):
    del call["prefetch"]["patient"]
    response = _post(client, call)
    assert response.status_code in (200, 412)


def test_st_4_a_body_over_the_limit_is_413(make_app):
    client = make_app(max_body_mib=1).test_client()
    response = _post(client, b" " * (1024 * 1024 + 1))
    assert (response.status_code, _code(response)) == (413, "W413")
    assert client.get("/livez").status_code == 200


@pytest.mark.slow
def test_a_body_at_the_limit_of_10_mib_is_read(client, call):
    data = json.dumps(call).encode()
    response = _post(client, data + b" " * (10 * 1024 * 1024 - len(data)))
    assert response.status_code == 200
    assert _post(client, data + b" " * (10 * 1024 * 1024 - len(data) + 1)).status_code == 413


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/xml", "", "application/x-www-form-urlencoded"]
)
def test_st_4_other_media_types_are_415(client, call, media_type):
    response = client.post(PATH, data=json.dumps(call), headers={"Content-Type": media_type})
    assert (response.status_code, _code(response)) == (415, "W415")


def test_st_4_a_compressed_body_is_415(client, call):
    response = _post(client, call, **{"Content-Encoding": "gzip"})
    assert response.status_code == 415


def test_st_4_unknown_services_and_addresses_are_404(client, call):
    for path in (
        "/cds-services/unknown",
        "/cds-services/twitch-order-dispatch",
        "/cds-services/a/b",
        "/nothing",
    ):
        response = client.post(path, json=call)
        assert (response.status_code, _code(response)) == (404, "W404")


def test_st_4_a_wrong_method_is_405_with_allow(client):
    response = client.get(PATH)
    assert (response.status_code, _code(response)) == (405, "W405")
    assert "POST" in response.headers["Allow"]


# --- browsers


def _preflight(client, path, method, origin=ORIGIN):
    return client.options(
        path,
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": "authorization,content-type",
        },
    )


@pytest.mark.parametrize(("path", "method"), [("/cds-services", "GET"), (PATH, "POST")])
def test_cors_1_preflight(client, path, method):
    response = _preflight(client, path, method)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] in (ORIGIN, "*")
    assert method in response.headers["Access-Control-Allow-Methods"]
    assert "authorization" in response.headers["Access-Control-Allow-Headers"]
    assert "content-type" in response.headers["Access-Control-Allow-Headers"]


def test_cors_2_a_foreign_origin_is_not_allowed(client):
    response = _preflight(client, PATH, "POST", "https://evil.example")
    assert "Access-Control-Allow-Origin" not in response.headers
    assert "Origin" in response.headers["Vary"]


def test_cors_3_errors_carry_the_headers_too(client, call):
    del call["prefetch"]
    for body in (b"no json", call):
        response = _post(client, body, Origin=ORIGIN)
        assert response.status_code in (400, 412)
        assert response.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_every_origin_is_allowed_only_where_the_settings_say_so(make_app, call):
    response = _post(make_app(cors_origins=("*",)).test_client(), call, Origin="https://any.example")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
