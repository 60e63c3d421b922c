"""R6, R16: hostile text in what the other hooks bring: draft orders, selections, added problems, encounters."""

import json

import pytest

from ..hostile_text import places, put, rounds
from .hostile_record import (
    ME,
    SENDABLE,
    STEP,
    TURNS,
    bundle,
    clean_answer,
    clean_texts,
    drug,
    post,
    problem,
    rich_call,
    usual_of,
)

pytestmark = pytest.mark.hostile

ORDER_HOOKS = ("order-select", "order-sign", "medication-refill")
HOOKS = (*ORDER_HOOKS, "problem-list-item-create", "encounter-start", "encounter-discharge")


def _test(text, **more):
    return {
        "resourceType": "ServiceRequest",
        "status": "draft",
        "intent": "order",
        "subject": ME,
        "code": {"text": text},
        "reasonCode": [{"text": "twitching"}],
        "note": [{"text": "note"}],
        "patientInstruction": "x",
        **more,
    }


def _drafts():
    """Return drafts of drugs and tests that are known, unknown, repeated and being stopped."""
    draft = {
        "status": "draft",
        "reasonCode": [{"text": "muscle cramps"}],
        "requester": {"display": "Dr. Who"},
    }
    return [
        drug("Succinylcholine", "10154", id="o1", **draft),
        drug("Furosemide 40 MG Oral Tablet", "313988", id="o2", **draft),
        drug("Lithium", "", id="o3", **draft),
        drug("Something of our own", "", id="o4", **draft),
        drug("Albuterol", "", id="o5", **{**draft, "statusReason": {"text": "tremor"}}),
        _test("Magnesium, serum", id="s1"),
        _test("Something local", id="s2"),
        {"resourceType": "NutritionOrder", "id": "n1", "status": "draft", "patient": ME, "oralDiet": {"instruction": "x"}},
    ]  # fmt: skip


def _context(hook):
    if hook == "problem-list-item-create":
        added = [
            problem("Eyelid twitching", id="new1", bodySite=[{"text": "eyelid"}]),
            problem("Cramp", id="new2"),
        ]
        return {"conditions": bundle(*added)}
    if hook.startswith("encounter"):
        return {"encounterId": "e1"}
    context = {"medications" if hook == "medication-refill" else "draftOrders": bundle(*_drafts())}
    if hook == "order-select":
        context["selections"] = [f"{item['resourceType']}/{item['id']}" for item in _drafts()]
    return context


@pytest.fixture(params=HOOKS)
def rich(request, knowledge):
    """A call of each hook with text in every place of its context."""
    hook = request.param
    service = next(item for item in knowledge.services if item.hook == hook)
    call = rich_call(service, **_context(hook))
    encounter = {
        "resourceType": "Encounter",
        "id": "e1",
        "status": "in-progress",
        "class": {"code": "AMB", "display": "ambulatory"},
        "type": [{"text": "visit"}],
        "serviceType": {"text": "neurology"},
        "subject": ME,
        "period": {"start": "2026-11-20T08:00:00Z"},
        "reasonCode": [{"text": "muscle twitching"}],
        "diagnosis": [{"condition": {"reference": "Condition/c1", "display": "twitching"}}],
        "hospitalization": {"dischargeDisposition": {"text": "home"}},
    }
    call["prefetch"]["encounters"] = bundle(encounter)
    return call


def _path(call):
    return f"/cds-services/twitch-{call['hook']}"


@pytest.mark.parametrize("turn", TURNS[::2] if STEP > 1 else TURNS)
def test_r16_hostile_text_in_every_place_of_a_context(quiet, rich, turn):
    where = [at for at, decides in places(rich) if not decides]
    usual = usual_of(quiet, rich, _path(rich))
    body = json.loads(json.dumps(rich))
    for index, at in enumerate(where):
        put(body, at, SENDABLE[(turn + index) % len(SENDABLE)])
    response = post(quiet, body, _path(rich))
    assert response.status_code == 200, response.text
    assert response.get_json()["cards"]
    clean_answer(response.get_json(), usual)


@pytest.mark.parametrize("turn", TURNS[1::3] if STEP > 1 else TURNS)
def test_r16_hostile_text_beside_the_names_of_what_is_ordered(quiet, rich, turn):
    """Names that are still read, with hostile text around them: those are shown on cards."""
    body = json.loads(json.dumps(rich))
    for index, (at, decides) in enumerate(places(rich)):
        if not decides and at[-1] in ("text", "display"):
            hostile, name = SENDABLE[(turn + index) % len(SENDABLE)], _at(rich, at)
            put(body, at, (f"{hostile} {name}", f"{name} {hostile}", f"{name}{hostile}")[index % 3])
    response = post(quiet, body, _path(rich))
    assert response.status_code == 200, response.text
    assert response.get_json()["cards"]
    clean_answer(response.get_json(), usual_of(quiet, rich, _path(rich)))


@pytest.mark.parametrize("turn", TURNS[::2] if STEP > 1 else TURNS)
def test_r16_hostile_text_where_it_decides_what_is_ordered(quiet, rich, turn):
    """Ids, references, codes, status, selections, one of each order at a time: refused or harmless.

    Every third text at the hooks that bring the same drafts as ``order-sign``.
    """
    if STEP == 1 and rich["hook"] in ("order-select", "medication-refill") and turn % 3:
        return
    calls = rounds([at for at, decides in places(rich) if at[0] == "context" and decides])
    usual = usual_of(quiet, rich, _path(rich))
    step = max(1, len(calls) // 2) if STEP > 1 else 1
    for index in range((turn // STEP) % step, len(calls), step):
        body = json.loads(json.dumps(rich))
        for number, at in enumerate(calls[index]):
            put(body, at, SENDABLE[(turn + number * 7 + index) % len(SENDABLE)])
        response = post(quiet, body, _path(rich))
        assert response.status_code in (200, 400, 412), response.text
        if response.status_code == 200:
            clean_answer(response.get_json(), usual)
        else:
            clean_texts(response.get_json())


def _at(document, at):
    for step in at:
        document = document[step]
    return document
