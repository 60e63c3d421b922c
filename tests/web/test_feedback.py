"""The feedback endpoint from outside; ids in names are rows of the conformance list (FB, OVR, CORS)."""

import copy
import json
import sqlite3
import threading
import uuid
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cds_service.json_log import configure_logging

from .conftest import INSTANCE, ORIGIN, PATH, call_of, story

FEEDBACK = f"{PATH}/feedback"
AT = "2026-11-20T10:05:31Z"
MARK = "Zebrafinch"


def accepted(card=None, **more):
    suggestions = [{"id": str(uuid.UUID(int=7))}]
    item = {"card": card or str(uuid.uuid4()), "outcome": "accepted", "acceptedSuggestions": suggestions}
    return item | {"outcomeTimestamp": AT} | more


def overridden(card=None, **more):
    return {"card": card or str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": AT} | more


def send(client, *items, path=FEEDBACK):
    return client.post(path, json={"feedback": list(items)})


def rows(tmp_path, query="SELECT * FROM card_answers ORDER BY id"):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.row_factory = sqlite3.Row
        return [dict(row) for row in connection.execute(query)]


def codes(response):
    outcome = response.get_json()
    assert outcome["resourceType"] == "OperationOutcome"
    return [issue["details"]["coding"][0]["code"] for issue in outcome["issue"]]


def without(item, *names):
    return {name: value for name, value in item.items() if name not in names}


@pytest.fixture
def cards(client, call):
    return client.post(PATH, json=call).get_json()["cards"]


def test_fb_1_feedback_about_a_card_is_kept_with_its_rules(client, cards, tmp_path, knowledge):
    card = cards[0]
    response = send(client, accepted(card["uuid"]))
    assert response.status_code == 200, response.text
    (row,) = rows(tmp_path)
    assert row["rules"].split() == card["extension"]["org.twitch-cds.card"]["ruleIds"]
    assert (row["indicator"], row["knowledge"]) == (card["indicator"], knowledge.version)
    assert (row["card"], row["outcome"], row["service"]) == (card["uuid"], "accepted", "twitch-patient-view")


@pytest.mark.parametrize("service", ["twitch-order-sign", "twitch-medication-refill"])
def test_fb_1_every_service_takes_feedback(client, service):
    assert send(client, accepted(), path=f"/cds-services/{service}/feedback").status_code == 200
    assert send(client, accepted(), path=f"/cds-services//{service}/feedback").status_code == 200


def test_fb_1_an_unknown_service_takes_none(client):
    assert send(client, accepted(), path="/cds-services/other/feedback").status_code == 404


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"feedback": []}, 200),
        ([], 400),
        ({"feedback": None}, 400),
        ({"feedback": {}}, 400),
        ("x", 400),
    ],
)
def test_fb_2_the_body_is_an_object_with_a_list(client, body, status):
    assert client.post(FEEDBACK, json=body).status_code == status


def test_fb_3_every_missing_member_is_named_at_once(client):
    response = send(client, {}, overridden(), {"card": INSTANCE})
    pointers = [issue["extension"][0]["valueString"] for issue in response.get_json()["issue"]]
    assert (response.status_code, set(codes(response))) == (400, {"H008"})
    assert pointers == [
        *(f"/feedback/0/{name}" for name in ("card", "outcome", "outcomeTimestamp")),
        *(f"/feedback/2/{name}" for name in ("outcome", "outcomeTimestamp")),
    ]


@pytest.mark.parametrize("name", ["card", "outcome", "outcomeTimestamp", "acceptedSuggestions"])
@pytest.mark.parametrize("null", [True, False])
def test_fb_3_to_7_required_members(client, tmp_path, name, null):
    item = accepted() | {name: None} if null else without(accepted(), name)
    response = send(client, overridden(), item)
    assert (response.status_code, codes(response)) == (400, ["H008"])
    assert f"/feedback/1/{name}" in response.text
    assert rows(tmp_path) == []


@pytest.mark.parametrize("outcome", ["ignored", "Accepted", "", 7])
def test_fb_4_other_outcomes_are_refused(client, outcome):
    assert send(client, accepted() | {"outcome": outcome}).status_code == 400


@pytest.mark.parametrize("suggestions", [[], [{}], [{"id": ""}], [{"id": 7}], {}, "x", ["x"]])
def test_fb_5_accepted_suggestions_are_named(client, suggestions):
    assert send(client, accepted(acceptedSuggestions=suggestions)).status_code == 400


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (None, 200),
        ({}, 400),
        ({"userComment": "seen"}, 200),
        ({"userComment": ""}, 400),
        ({"reason": {"code": "already-known", "system": "urn:twitch-cds:override-reason"}}, 200),
        ({"reason": {"code": "x"}, "userComment": "seen"}, 200),
        ({"reason": {"system": "urn:x"}}, 400),
        ({"reason": {"code": "x", "display": "Any words"}}, 200),
        ({"reason": "x"}, 400),
    ],
)
def test_fb_6_reason_of_an_override(client, reason, status):
    assert send(client, overridden(overrideReason=reason)).status_code == status


def test_ovr_2_a_code_we_never_offered_is_kept(client, tmp_path):
    reason = {"code": "local-17", "system": "https://ehr.example/reasons"}
    assert send(client, overridden(overrideReason={"reason": reason})).status_code == 200
    (row,) = rows(tmp_path)
    assert (row["reason_code"], row["reason_system"]) == ("local-17", "https://ehr.example/reasons")


@pytest.mark.parametrize(
    ("at", "status"),
    [
        ("2021-12-11T10:05:31Z", 200),
        ("2021-12-11T10:05:31.123Z", 200),
        ("2021-12-11T10:05:31.123456789Z", 200),
        ("2021-12-11T10:05:31+01:00", 200),
        ("2021-12-11", 400),
        ("2021-12-11T10:05:31", 400),
        ("2021-13-11T10:05:31Z", 400),
        ("0001-01-01T00:00:00+14:00", 400),
        (1639217131, 400),
    ],
)
def test_fb_7_the_time_is_an_instant(client, at, status):
    assert send(client, accepted(outcomeTimestamp=at)).status_code == status


def test_fb_8_a_hundred_items_twice_are_a_hundred_rows(client, tmp_path):
    items = [accepted() if place % 2 else overridden() for place in range(100)]
    assert send(client, *items).get_json() == {"received": 100, "new": 100, "repeated": 0}
    assert send(client, *reversed(items)).get_json() == {"received": 100, "new": 0, "repeated": 100}
    assert len(rows(tmp_path)) == 100


def test_fb_8_a_change_of_mind_is_kept_as_history(client, tmp_path):
    card = str(uuid.uuid4())
    later = overridden(card, outcomeTimestamp="2026-11-20T11:00:00Z")
    assert send(client, accepted(card), later, accepted(card)).get_json()["new"] == 2
    assert [row["outcome"] for row in rows(tmp_path)] == ["accepted", "overridden"]


def test_fb_8_the_same_instant_written_otherwise_is_the_same(client, tmp_path):
    item = accepted()
    send(client, item)
    send(client, item | {"outcomeTimestamp": "2026-11-20T11:05:31.000+01:00", "card": item["card"].upper()})
    assert len(rows(tmp_path)) == 1


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.lists(st.integers(0, 5), max_size=30))
def test_fb_8_any_repetition_in_any_order_keeps_each_once(client, tmp_path, order):
    items = [overridden(str(uuid.UUID(int=place)), outcomeTimestamp=AT) for place in range(6)]
    before = {row["card"] for row in rows(tmp_path)}
    for start in range(0, len(order), 3):
        assert send(client, *(items[place] for place in order[start : start + 3])).status_code == 200
    after = [row["card"] for row in rows(tmp_path)]
    assert sorted(after) == sorted(before | {items[place]["card"] for place in order})


def test_r26_eight_threads_keep_each_message_once(make_app, tmp_path):
    app, items = make_app(), [accepted() for _ in range(10)]
    statuses = []

    def worker(turn):
        for place in range(10):
            statuses.append(send(app.test_client(), items[(place + turn) % 10]).status_code)

    threads = [threading.Thread(target=worker, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 80
    assert sorted(row["card"] for row in rows(tmp_path)) == sorted(item["card"] for item in items)


def test_fb_9_a_card_nobody_knows_is_no_error(client, tmp_path, capsys):
    configure_logging("info")
    assert send(client, overridden()).status_code == 200
    assert rows(tmp_path)[0]["rules"] == ""
    assert '"unmatched": 1' in capsys.readouterr().err


def test_fb_10_a_comment_is_neither_logged_nor_kept(client, tmp_path, capsys):
    configure_logging("debug")
    reason = {"reason": {"code": "x", "display": MARK}, "userComment": f"{MARK} has it already"}
    assert send(client, overridden(overrideReason=reason, vendor=MARK)).status_code == 200
    wrong = overridden(overrideReason=reason) | {"outcome": MARK}
    refused = send(client, wrong)
    assert refused.status_code == 400
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert MARK not in capsys.readouterr().err + refused.text
    assert MARK.encode() not in data
    assert rows(tmp_path)[0]["commented"] == 1


def test_a_comment_is_kept_where_the_installation_asks_for_it(make_app, tmp_path):
    client = make_app(keep_comments=True).test_client()
    assert send(client, overridden(overrideReason={"userComment": "not \0 new"})).status_code == 200
    assert rows(tmp_path)[0]["comment"] == "not  new"


def test_a_wrong_item_keeps_the_whole_batch_out_and_names_every_fault(client, tmp_path):
    response = send(client, accepted(), accepted(card="x"), overridden(outcomeTimestamp="y"))
    assert (response.status_code, codes(response)) == (400, ["H021", "H012"])
    assert rows(tmp_path) == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"feedback": [], "feedback": []}',
        b'{"feedback": [' + b"[" * 100_000,
        b'{"feedback": [{"card": "\\ud800"}]}',
        b'\xff{"feedback": []}',
        json.dumps({"feedback": [overridden(card=str(uuid.UUID(int=n))) for n in range(1001)]}).encode(),
    ],
)
def test_hostile_bodies_are_refused(client, tmp_path, body):
    response = client.post(FEEDBACK, data=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert codes(response)
    assert rows(tmp_path) == []


def test_a_reason_with_control_characters_is_refused(client):
    reason = {"reason": {"code": "a\nb"}}
    assert send(client, overridden(overrideReason=reason)).status_code == 400


def test_cors_1_a_browser_may_send_feedback(client):
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}
    response = client.options(FEEDBACK, headers=headers)
    assert response.status_code == 200
    assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "POST" in response.headers["Access-Control-Allow-Methods"]
    refused = client.post(FEEDBACK, json={}, headers={"Origin": ORIGIN})
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN
    foreign = client.options(FEEDBACK, headers=headers | {"Origin": "https://other.example"})
    assert "Access-Control-Allow-Origin" not in foreign.headers


# --- a store that fails: never a false 200, never a lost card (R27)


def _lock(path):
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN EXCLUSIVE")
    return connection


def _on_every_connection(app, pragma):
    from sqlalchemy import event

    store = app.extensions["twitch-cds"].store
    for engine in (store._engine, store._quick.engine):
        engine.dispose()
        event.listen(engine, "connect", lambda connection, _record: connection.execute(pragma))


@pytest.mark.parametrize("fault", ["read-only", "disk-full", "table-gone"])
def test_r27_a_store_that_cannot_write_answers_503_and_every_card_is_shown(make_app, call, tmp_path, fault):
    app = make_app()
    client = app.test_client()
    healthy = client.post(PATH, json=call).get_json()["cards"]
    if fault == "table-gone":
        with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
            connection.execute("DROP TABLE card_answers")
            connection.execute("DROP TABLE cards_given")
    else:
        _on_every_connection(
            app, {"read-only": "PRAGMA query_only=1", "disk-full": "PRAGMA max_page_count=1"}[fault]
        )
    again = copy.deepcopy(call) | {"hookInstance": str(uuid.uuid4())}
    shown = client.post(PATH, json=again)
    assert shown.status_code == 200
    assert [card["summary"] for card in shown.get_json()["cards"]] == [card["summary"] for card in healthy]
    comment = {"userComment": MARK * 400}
    items = [overridden(overrideReason=comment | {"reason": {"code": "c" * 255}}) for _ in range(1000)]
    response = send(client, *items)
    assert (response.status_code, codes(response)) == (503, ["W507"])
    assert int(response.headers["Retry-After"]) > 0
    if fault != "table-gone":
        assert rows(tmp_path) == []


@pytest.mark.slow
def test_r27_a_locked_store_answers_503_and_every_card_is_shown(client, call, tmp_path):
    lock = _lock(tmp_path / "feedback.sqlite3")
    try:
        assert client.post(PATH, json=call).get_json()["cards"]
        item = overridden()
        response = send(client, item)
        assert (response.status_code, codes(response)) == (503, ["W507"])
    finally:
        lock.close()
    assert send(client, item).get_json() == {"received": 1, "new": 1, "repeated": 0}


# --- explain


def test_e9_explain_answers_the_same_request_for_every_rule(client, call, knowledge):
    response = client.post("/explain/twitch-patient-view", json=call)
    assert response.status_code == 200, response.text
    body = response.get_json()
    assert {rule["ruleId"] for rule in body["rules"]} == set(knowledge.rules)
    cards = client.post(PATH, json=call).get_json()
    assert body["counts"] == cards["extension"]["org.twitch-cds.review"]["counts"]
    assert body["asOf"] == cards["extension"]["org.twitch-cds.review"]["asOf"]
    assert response.headers["Cache-Control"] == "no-store"


def test_e9_explain_of_one_rule(client, call, knowledge):
    rule_id = sorted(knowledge.rules)[0]
    body = client.post(f"/explain/twitch-patient-view?rule={rule_id}", json=call).get_json()
    assert [rule["ruleId"] for rule in body["rules"]] == [rule_id]
    assert client.post("/explain/twitch-patient-view?rule=none", json=call).status_code == 404


def test_explain_has_the_checks_of_the_service(client, call):
    assert client.post("/explain/other", json=call).status_code == 404
    assert client.post("/explain/twitch-patient-view", data=b"{}").status_code == 415
    assert client.post("/explain/twitch-order-sign", json=call).status_code == 400
    del call["context"]["patientId"]
    assert client.post("/explain/twitch-patient-view", json=call).status_code == 400


def test_explain_says_for_every_rule_that_nothing_was_sent(client, call):
    del call["prefetch"]
    assert client.post(PATH, json=call).status_code == 412
    body = client.post("/explain/twitch-patient-view", json=call).get_json()
    assert body["assessable"] is False
    assert body["counts"]["matched"] == 0


def test_looking_is_not_remembered(client, service, tmp_path):
    client.post("/explain/twitch-patient-view", json=call_of(story("lip-twitching-on-furosemide"), service))
    assert rows(tmp_path, "SELECT * FROM cards_given") == []


# --- overload (R8)


def test_r8_who_comes_when_all_places_are_taken_is_told_to_come_back(make_app, call):
    app = make_app(max_waiting=0)
    turns, client = app.extensions["twitch-cds"].turns, app.test_client()
    from contextlib import ExitStack

    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(turns.turn())
        for path in (PATH, "/explain/twitch-patient-view"):
            response = client.post(path, json=call)
            assert (response.status_code, codes(response)) == (503, ["W503"])
            assert response.headers["Retry-After"] == "1"
        assert send(client, accepted()).status_code == 200
        assert client.get("/livez").status_code == 200
    assert client.post(PATH, json=call).status_code == 200


def test_r8_feedback_takes_turns_at_the_database(make_app):
    app = make_app(max_waiting=0)
    from contextlib import ExitStack

    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(app.extensions["twitch-cds"].writes.turn())
        response = send(app.test_client(), accepted())
        assert (response.status_code, codes(response)) == (503, ["W503"])
        assert response.headers["Retry-After"] == "1"
    assert send(app.test_client(), accepted()).status_code == 200
