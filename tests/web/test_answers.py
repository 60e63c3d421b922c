"""What goes quiet when a clinician has answered a card: sentence by sentence of specification 7.5, I5 and 6H."""

import json
import uuid
from datetime import UTC, datetime

import pytest

from .conftest import answerer, asker, call_of
from .test_section_9 import (
    KEY,
    TWITCH,
    WASTING,
    condition,
    draft,
    drug,
    encounter,
    held,
    leads,
    potassium,
    result,
    told,
)

CARD = "org.twitch-cds.card"
REVIEW = "org.twitch-cds.review"
HOUR = 1
DAY = 24
CONSOLIDATED = ["patient-view", "encounter-start", "encounter-discharge"]

#: A finding on the consolidated card, on the card of critical values, on that of a red flag, and about an order.
MILD = [encounter(), TWITCH, potassium(3.2), drug("furosemide")]
CRITICAL = [encounter(), TWITCH, potassium(2.4), drug("furosemide")]
FLAG = [encounter(), TWITCH, WASTING]
LITHIUM = [drug("lithium")]


def inpatient(record):
    """The same patient in hospital."""
    ward = {**encounter(), "class": {**encounter()["class"], "code": "IMP"}}
    return [ward, *(item for item in record if item["resourceType"] != "Encounter")]


def today():
    return datetime.now(UTC).date().isoformat()


def quiet(given):
    return {rule for rule, why in held(given).items() if why == "answered"}


def indicators(given):
    return [card["indicator"] for card in given["cards"]]


def text_of(given):
    return "\n".join(card["detail"] for card in given["cards"])


# --- "Same key shown and acknowledged or overridden ... do not return as a separate card"


@pytest.mark.parametrize("outcome", ["overridden", "accepted"])
@pytest.mark.parametrize(("record", "rule"), [(MILD, "hypokalemia-drug"), (CRITICAL, "hypokalemia-drug")])
def test_what_was_answered_has_no_card_of_its_own(ask, answer, record, rule, outcome):
    first = ask("patient-view", record)
    assert rule in told(first) and quiet(first) == set()
    answer(first, outcome=outcome)
    again = ask("patient-view", record)
    assert rule in quiet(again)
    assert indicators(again) == ["info"]


def test_what_was_shown_and_not_answered_is_shown_again(ask):
    first = ask("patient-view", MILD)
    assert leads(ask("patient-view", MILD)) == leads(first)


def test_feedback_about_another_card_quiets_nothing(ask, answer):
    first = ask("patient-view", MILD)
    answer({"cards": [{"uuid": str(uuid.uuid4())}]})
    answer(first, hook="order-sign")  # not the service that gave it
    assert leads(ask("patient-view", MILD)) == leads(first)


# --- "show inside the consolidated card as 'shown on DATE'"; never a silent empty


@pytest.mark.parametrize("hook", CONSOLIDATED)
def test_a_line_tells_what_was_shown_and_when(ask, answer, hook):
    first = ask(hook, CRITICAL)
    answer(first, hook)
    again = ask(hook, CRITICAL)
    assert len(again["cards"]) == 1
    assert f"(shown on {today()})" in text_of(again)
    assert "2.4" in text_of(again)
    rows = [row for row in again["extension"][REVIEW]["findings"] if row.get("held") == "answered"]
    assert rows and all(row["shownOn"] == today() and "rank" not in row for row in rows)


def test_the_line_stands_on_the_consolidated_card_where_something_new_is_shown(ask, answer):
    answer(ask("patient-view", CRITICAL))
    again = ask("patient-view", [*CRITICAL, drug("methylphenidate", authored="2026-11-14")])
    assert "stimulant-decongestant-twitch" in told(again)
    (card,) = [card for card in again["cards"] if "Shown before and answered" in card["detail"]]
    assert "contributors" in card["detail"]
    assert (
        again["extension"][REVIEW]["counts"]
        == ask("patient-view", [*CRITICAL, drug("methylphenidate", authored="2026-11-14")])["extension"][
            REVIEW
        ]["counts"]
    )


def test_nothing_of_the_review_is_lost(ask, answer):
    first = ask("patient-view", CRITICAL)
    answer(first)
    again = ask("patient-view", CRITICAL)
    rules = [{row["ruleId"] for row in given["extension"][REVIEW]["findings"]} for given in (first, again)]
    assert rules[0] == rules[1]
    assert first["extension"][REVIEW]["counts"] == again["extension"][REVIEW]["counts"]


# --- "in the last: 24 h inpatient, 30 days outpatient (critical: 8 h; 24 h)"


@pytest.mark.parametrize(
    ("record", "hours", "is_quiet"),
    [
        (MILD, 29 * DAY, True),
        (MILD, 30 * DAY + HOUR, False),
        (inpatient(MILD), 23 * HOUR, True),
        (inpatient(MILD), 25 * HOUR, False),
        (CRITICAL, 23 * HOUR, True),
        (CRITICAL, 25 * HOUR, False),
        (inpatient(CRITICAL), 7 * HOUR, True),
        (inpatient(CRITICAL), 9 * HOUR, False),
    ],
)
def test_an_answer_counts_for_so_long(ask, answer, record, hours, is_quiet):
    answer(ask("patient-view", record), hours_ago=hours)
    assert ("hypokalemia-drug" in quiet(ask("patient-view", record))) is is_quiet


def test_an_answer_from_the_future_counts_from_now(client, ask, answer, tmp_path):
    answer(ask("patient-view", MILD), hours_ago=-1000 * DAY)
    (latest,) = (
        client.application.extensions["twitch-cds"]
        .store._engine.connect()
        .exec_driver_sql("SELECT max(answered_at) FROM answered_findings")
        .one()
    )
    assert latest <= datetime.now(UTC).timestamp()


def test_the_answer_given_last_counts_whenever_it_comes(ask, answer):
    first = ask("patient-view", MILD)
    answer(first, hours_ago=1)
    answer(first, outcome="accepted", hours_ago=40 * DAY)  # sent late
    assert "hypokalemia-drug" in quiet(ask("patient-view", MILD))


# --- "A worse band, new drug or new symptom creates a new key"; "critical indicator with a new value"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (MILD, [*MILD[:2], potassium(2.9), drug("furosemide")]),
        (MILD, [*MILD[:2], {**potassium(3.2), "id": "newer"}, drug("furosemide")]),
        (MILD, [*MILD, drug("hydrochlorothiazide")]),
        (MILD, [*MILD[:1], condition("another", "R25.3", "Lip twitching"), *MILD[2:]]),
        (MILD, [*MILD, condition("cramp", "R25.2", "Muscle cramps")]),
        (CRITICAL, [*CRITICAL[:2], potassium(2.3), drug("furosemide")]),
        (CRITICAL, [*CRITICAL[:2], {**potassium(2.4), "id": "newer"}, drug("furosemide")]),
    ],
    ids=[
        "a worse value",
        "a new result",
        "a new drug",
        "twitching recorded anew",
        "a new symptom",
        "critical, worse",
        "critical, new result",
    ],
)
def test_anything_new_brings_the_card_back(ask, answer, before, after):
    answer(ask("patient-view", before))
    assert "hypokalemia-drug" in quiet(ask("patient-view", before))
    again = ask("patient-view", after)
    assert "hypokalemia-drug" in told(again) - quiet(again)


def test_what_becomes_critical_is_shown_at_once(ask, answer):
    answer(ask("patient-view", MILD))
    again = ask("patient-view", CRITICAL)
    assert "critical" in indicators(again) and "hypokalemia-drug" not in quiet(again)


# --- "Key = patient + rule id + evidence": nobody else's, no other rule's


def test_a_patient_of_equal_id_on_another_server_is_told(ask, answer):
    answer(ask("patient-view", MILD))
    assert quiet(ask("patient-view", MILD, server="https://other.example.org/fhir")) == set()


def test_whoever_asks_about_the_patient_finds_it_answered(ask, answer):
    answer(ask("patient-view", MILD))
    assert "hypokalemia-drug" in quiet(ask("patient-view", MILD, userId="Practitioner/somebody-else"))
    assert "hypokalemia-drug" in quiet(ask("encounter-start", MILD))


def test_what_a_card_only_mentions_is_not_answered_with_it(ask):
    given = ask("patient-view", [*CRITICAL, WASTING])
    for card in given["cards"]:
        about = card["extension"][CARD]
        assert set(about["answers"]) <= set(about["ruleIds"])
    flag = next(card for card in given["cards"] if card["source"]["topic"]["code"] == "alsRedFlag")
    assert flag["extension"][CARD]["answers"] == ["als-red-flag"]


# --- "Never suppress: red flags (until acknowledged in the encounter)"; I5


@pytest.mark.parametrize("hook", CONSOLIDATED)
def test_a_dismissed_red_flag_is_shown_again(ask, answer, hook):
    first = ask(hook, FLAG)
    assert "als-red-flag" in told(first)
    answer(first, hook)
    assert "als-red-flag" in told(ask(hook, FLAG)) and "als-red-flag" not in quiet(ask(hook, FLAG))


def test_an_accepted_red_flag_is_quiet_in_its_encounter_only(ask, answer):
    answer(ask("patient-view", FLAG, encounterId="e1"), outcome="accepted")
    assert "als-red-flag" in quiet(ask("patient-view", FLAG, encounterId="e1"))
    next_visit = [{**encounter(), "id": "e2"}, *FLAG[1:]]
    assert "als-red-flag" in told(ask("patient-view", next_visit, encounterId="e2"))


def test_a_red_flag_without_an_encounter_is_never_quiet(ask, answer):
    answer(ask("patient-view", FLAG[1:]), outcome="accepted")
    assert "als-red-flag" in told(ask("patient-view", FLAG[1:]))


def test_a_red_flag_that_was_accepted_and_then_dismissed_is_shown(ask, answer):
    first = ask("patient-view", FLAG, encounterId="e1")
    answer(first, outcome="accepted", hours_ago=2)
    answer(first, outcome="overridden", hours_ago=1)
    assert "als-red-flag" not in quiet(ask("patient-view", FLAG, encounterId="e1"))


# --- "... OR-01 and OR-06 at critical"; orders: there is no consolidated card


SEROTONERGIC = ([drug("sertraline")], "linezolid", "order-serotonergic-combination")
SUCCINYLCHOLINE = (
    [result("2823-3", 5.9, "mmol/L", "2026-11-20")],
    "succinylcholine",
    "order-succinylcholine-risk",
)


@pytest.mark.parametrize(("record", "order", "rule"), [SEROTONERGIC, SUCCINYLCHOLINE])
@pytest.mark.parametrize("outcome", ["overridden", "accepted"])
def test_a_critical_caution_about_an_order_is_always_told(ask, answer, record, order, rule, outcome):
    for _ in range(3):
        given = ask("order-sign", record, [draft(order)])
        assert rule in told(given) and "critical" in indicators(given)
        answer(given, "order-sign", outcome)


def test_a_critical_value_is_told_where_no_line_could_tell_it(ask, answer):
    answer(ask("patient-view", CRITICAL))
    assert indicators(ask("order-sign", CRITICAL, [draft("omeprazole")])) == ["critical"]


def test_a_caution_about_the_same_draft_is_quiet_and_about_another_is_told(ask, answer):
    first = ask("order-sign", LITHIUM, [draft("naproxen")])
    answer(first, "order-sign", overrideReason={"reason": {"code": "benefit-outweighs-risk"}})
    again = ask("order-sign", LITHIUM, [draft("naproxen")])
    assert again["cards"] == [] and quiet(again) == {"order-lithium-interaction"}
    other = ask("order-sign", LITHIUM, [draft("naproxen", ident="another")])
    assert told(other) == {"order-lithium-interaction"}


# --- memory: workers, restarts, privacy, switches


def test_another_worker_and_a_restart_with_the_key_remember(make_app, knowledge):
    one = make_app(memory_key=KEY).test_client()
    answerer(one)(asker(one, knowledge)("patient-view", MILD))
    for key, expected in ((KEY, True), ("o" * 32, False)):
        other = asker(make_app(memory_key=key).test_client(), knowledge)
        assert ("hypokalemia-drug" in quiet(other("patient-view", MILD))) is expected


def test_the_same_call_sent_again_gets_the_same_answer(ask, answer):
    instance = str(uuid.uuid4())
    first = ask("patient-view", MILD, instance=instance)
    answer(first)
    assert ask("patient-view", MILD, instance=instance) == first


def test_nothing_of_the_patient_is_kept_but_keyed_hashes(client, ask, answer, tmp_path):
    record = json.loads(json.dumps([*CRITICAL, WASTING]).replace('"Patient/p"', '"Patient/Zebrafinch"'))
    who = {"resourceType": "Patient", "id": "Zebrafinch", "birthDate": "1976-01-01", "gender": "female"}
    call = call_of([who, *record], client.application.extensions["twitch-cds"].service("twitch-patient-view"))
    given = client.post("/cds-services/twitch-patient-view", json=call).get_json()
    assert given["cards"]
    answer(given, overrideReason={"userComment": "Zebrafinch"})
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for word in (b"Zebrafinch", call["hookInstance"].encode(), b"2.4", b"furosemide", b"lab-2823"):
        assert word not in data, word
    assert b"hypokalemia" in data  # ids of rules are


def test_a_site_may_switch_it_off(make_app, knowledge, tmp_path):
    from cds_service.ready import ready_knowledge

    site = tmp_path / "site.yaml"
    site.write_text(
        "site: Example\nswitch_off:\n  - {switch: quiet-after-answer, because: tried out, by: Nobody at all}\n",
        encoding="utf-8",
    )
    from cds_service.settings import Settings
    from cds_service.web import create_app

    settings = Settings(store_url=f"sqlite:///{tmp_path / 'off.sqlite3'}", allow_as_of=True)
    client = create_app(settings, ready_knowledge(None, site)).test_client()
    ask, answer = asker(client, knowledge), answerer(client)
    first = ask("patient-view", MILD)
    answer(first)
    assert leads(ask("patient-view", MILD)) == leads(first)


def test_a_store_that_fails_quiets_nothing(client, ask, answer, tmp_path):
    first = ask("patient-view", MILD)
    answer(first)
    store = client.application.extensions["twitch-cds"].store
    with store._engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE answered_findings")
    assert leads(ask("patient-view", MILD)) == leads(first)
