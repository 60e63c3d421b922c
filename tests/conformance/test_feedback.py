"""Feedback: rows FB and OVR-2 of the requirements."""

import json
import uuid

import pytest

AT = "2021-12-11T10:05:31Z"


def _item(**members):
    whole = {"card": str(uuid.uuid4()), "outcome": "overridden", "outcomeTimestamp": AT, **members}
    return {name: value for name, value in whole.items() if value is not ...}


@pytest.fixture
def send(viewed):
    def sent(*items, body=None):
        whole = {"feedback": list(items)} if body is None else body
        return viewed.session.post(f"{viewed.path}/feedback", whole)

    return sent


@pytest.fixture
def anew(asked):
    """Each hook in turn, with the cards of a patient nobody else asks about: what is answered may be held back."""
    patient = asked.written["context"]["patientId"]
    call = json.loads(json.dumps(asked.written).replace(patient, f"p-{uuid.uuid4()}"))
    cards = asked.post({**call, "hookInstance": str(uuid.uuid4())}).json()["cards"]
    if not cards:
        pytest.skip("the service gave no card for the bundled patient")
    return asked, cards


def test_FB_1_FB_11_every_service_takes_feedback_about_its_cards(anew):
    asked, (card, *_) = anew
    item = _item(card=card["uuid"], overrideReason={"reason": card["overrideReasons"][0]})
    assert asked.session.post(f"{asked.path}/feedback", {"feedback": [item]}).status == 200


def test_FB_1_a_suggestion_is_accepted(anew):
    asked, cards = anew
    card = next((card for card in cards if card.get("suggestions")), None)
    if card is None:
        pytest.skip("no card with a suggestion")
    taken = [{"id": card["suggestions"][0]["uuid"]}]
    item = _item(card=card["uuid"], outcome="accepted", acceptedSuggestions=taken)
    assert asked.session.post(f"{asked.path}/feedback", {"feedback": [item]}).status == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"feedback": []}, 200), ([], 400), ({"feedback": {}}, 400), ({"feedback": None}, 400)],
)
def test_FB_2_the_body_is_an_object_with_a_list(send, body, status):
    assert send(body=body).status == status


@pytest.mark.parametrize("card", [..., None, "", 7, "first"])
def test_FB_3_the_card_is_named(send, card):
    assert send(_item(card=card)).status == 400


@pytest.mark.parametrize("outcome", [..., "ignored", "", None, 1])
def test_FB_4_the_outcome_is_one_of_two(send, outcome):
    assert send(_item(outcome=outcome)).status == 400


@pytest.mark.parametrize("taken", [..., None, [], [{}], "x"])
def test_FB_5_what_was_accepted_is_named(send, taken):
    assert send(_item(outcome="accepted", acceptedSuggestions=taken)).status == 400


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        (..., 200),
        ({"reason": {"code": "a", "system": "urn:example"}}, 200),
        ({"userComment": "seen"}, 200),
        ({"reason": {"code": "a", "system": "urn:example"}, "userComment": "seen"}, 200),
        ({}, 400),
    ],
)
def test_FB_6_a_reason_may_be_left_out_but_not_empty(send, reason, status):
    assert send(_item(overrideReason=reason)).status == status


@pytest.mark.parametrize(
    ("at", "status"),
    [
        (AT, 200),
        ("2021-12-11T10:05:31.123Z", 200),
        ("2021-12-11T11:05:31+01:00", 200),
        ("2021-12-11", 400),
        ("2021-12-11T10:05:31", 400),
        ("soon", 400),
        (..., 400),
    ],
)
def test_FB_7_the_time_is_an_instant(send, at, status):
    assert send(_item(outcomeTimestamp=at)).status == status


def test_FB_8_feedback_comes_in_batches_and_more_than_once(send):
    card = str(uuid.uuid4())
    taken = _item(card=card, outcome="accepted", acceptedSuggestions=[{"id": str(uuid.uuid4())}])
    dropped = _item(card=card, outcomeTimestamp="2021-12-11T10:06:00Z")
    for items in ([taken], [taken], [dropped, taken], [taken, dropped], [_item() for _ in range(100)]):
        assert send(*items).status == 200


def test_FB_9_a_card_nobody_knows_is_no_error(send):
    assert send(_item()).status == 200


def test_FB_10_no_answer_repeats_a_comment(send):
    kept = send(_item(overrideReason={"userComment": "Qxzcanary"}))
    refused = send(_item(outcome="x", overrideReason={"userComment": "Qxzcanary"}))
    assert (kept.status, refused.status) == (200, 400)
    assert "Qxz" not in kept.text + refused.text


def test_OVR_2_a_code_that_was_never_offered_is_taken(send):
    reason = {"reason": {"code": "house-rule-7", "system": "https://ehr.example/reasons"}}
    assert send(_item(overrideReason=reason)).status == 200


def test_ST_5_a_wrong_item_is_named(send):
    answer = send(_item(), _item(outcome="x"))
    assert answer.status == 400
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert "/feedback/1" in json.dumps(answer.json())
