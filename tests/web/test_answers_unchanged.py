"""What must not quiet a card: clocks, doses, the form of a twitch, versions, lines nobody could read."""

import time
from dataclasses import replace

import pytest

from cds_service.client_limits import read_client_limits

from .conftest import answerer, asker
from .test_answers import CRITICAL, FLAG, LITHIUM, MILD, quiet
from .test_section_9 import TWITCH, draft, drug, leads, told


def dosed(item, amount):
    dose = {"value": amount, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}
    once = {"repeat": {"frequency": 1, "period": 1, "periodUnit": "d"}}
    return item | {"dosageInstruction": [{"timing": once, "doseAndRate": [{"doseQuantity": dose}]}]}


# --- clocks


def test_an_answer_of_a_clock_that_ran_ahead_quiets_nothing(ask, answer, monkeypatch):
    from cds_service.web import answered, hooks

    ahead = time.time() + 400 * 86_400

    class Clock(answered.datetime):
        @classmethod
        def now(cls, zone=None):
            return cls.fromtimestamp(ahead, zone)

    with monkeypatch.context() as wrong:
        wrong.setattr(answered, "datetime", Clock)
        wrong.setattr(hooks.time, "time", lambda: ahead)
        first = ask("patient-view", MILD)
        answer(first, hours_ago=-400 * 24)
        assert "hypokalemia-drug" in quiet(ask("patient-view", MILD))
    assert leads(ask("patient-view", MILD)) == leads(first)


# --- "a worse band": a higher dose, a twitch that has spread


def test_a_changed_dose_brings_the_card_back(ask, answer):
    low, high = ([*MILD[:-1], dosed(drug("furosemide"), mg)] for mg in (20, 160))
    answer(ask("patient-view", low))
    assert "hypokalemia-drug" in quiet(ask("patient-view", low))
    assert "hypokalemia-drug" not in quiet(ask("patient-view", high))


def test_a_changed_dose_of_the_same_draft_brings_the_card_back(ask, answer):
    low, high = (dosed(draft("naproxen"), mg) for mg in (220, 1000))
    answer(ask("order-sign", LITHIUM, [low]), "order-sign")
    assert quiet(ask("order-sign", LITHIUM, [low])) == {"order-lithium-interaction"}
    assert told(ask("order-sign", LITHIUM, [high])) == {"order-lithium-interaction"}


def test_a_dose_changed_between_selecting_and_signing_is_told_again(ask):
    low, high = (dosed(draft("naproxen"), mg) for mg in (220, 1000))
    assert told(ask("order-select", LITHIUM, [low])) == {"order-lithium-interaction"}
    assert told(ask("order-sign", LITHIUM, [low])) == set()
    assert told(ask("order-sign", LITHIUM, [high])) == {"order-lithium-interaction"}


@pytest.mark.parametrize("words", ["Generalized muscle twitching", "Left eyelid twitching"])
def test_a_twitch_elsewhere_brings_the_card_back(ask, answer, words):
    answer(ask("patient-view", MILD))
    spread = TWITCH | {"code": TWITCH["code"] | {"text": words}}
    again = ask("patient-view", [spread if item is TWITCH else item for item in MILD])
    assert "hypokalemia-drug" not in quiet(again)


# --- another version of the rule


def test_a_rule_of_another_version_is_shown_again(ask, answer, client):
    answer(ask("patient-view", MILD))
    state = client.application.extensions["twitch-cds"]
    old = state.knowledge
    newer = replace(old.rules["hypokalemia-drug"], version=99)
    client.application.extensions["twitch-cds"] = replace(
        state, knowledge=replace(old, rules={**old.rules, "hypokalemia-drug": newer})
    )
    assert "hypokalemia-drug" not in quiet(ask("patient-view", MILD))


# --- cards that were cut to what an EHR shows


def limited(make_app, knowledge, **limits):
    client = make_app(card_limits=read_client_limits([limits])).test_client()
    return asker(client, knowledge), answerer(client)


SEVERAL = [*MILD, drug("methylphenidate", authored="2026-11-14")]


def test_lines_cut_from_a_card_are_not_answered_with_it(make_app, knowledge):
    whole, _ = limited(make_app, knowledge)
    assert len(told(whole("patient-view", SEVERAL))) > 1
    ask, answer = limited(make_app, knowledge, longest_detail=500)
    first = ask("patient-view", SEVERAL)
    answer(first)
    seen = {card["source"]["topic"]["code"] for card in first["cards"]}
    again = ask("patient-view", SEVERAL)
    assert quiet(again) and len(quiet(again)) <= len(seen)


@pytest.mark.parametrize("limits", [{"longest_detail": 500}, {"cards": 1}])
@pytest.mark.parametrize(("record", "outcome"), [(CRITICAL, "overridden"), (FLAG, "accepted")])
def test_what_is_urgent_is_not_quiet_where_its_line_could_be_cut(
    make_app, knowledge, limits, record, outcome
):
    ask, answer = limited(make_app, knowledge, **limits)
    first = ask("patient-view", record, encounterId="e1")
    answer(first, outcome=outcome)
    again = ask("patient-view", record, encounterId="e1")
    assert again["cards"][0]["indicator"] == first["cards"][0]["indicator"]
    assert leads(again)[0] == leads(first)[0]
