"""Given cards and answers: the same suite on SQLite and on PostgreSQL (R24, R26, R28)."""

import threading
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from cds_service.feedback import Answer, Given
from cds_service.store import open_store

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)
LATER = AT + timedelta(minutes=1)


def card(number):
    return str(uuid.UUID(int=number))


def override(number, at=AT, **more):
    return Answer(card(number), "overridden", at, **more)


def test_what_is_given_is_known_again_and_given_twice_is_one_card(store):
    cards = [Given(card(n), "s", "1", ("rule-b", "rule-a"), "warning") for n in range(3)]
    assert store.ledger.give(cards, now=1000)
    assert store.ledger.give(cards, now=2000)
    assert store.ledger.given() == cards
    assert store.ledger.give([], now=1)


def test_an_answer_carries_what_its_card_was_about(store):
    store.ledger.give([Given(card(1), "s", "7", ("rule-b", "rule-a"), "warning")], now=1000)
    receipt = store.ledger.record("s", [override(1), override(2)], received=LATER)
    assert (receipt.new, receipt.repeated, receipt.unmatched) == (2, 0, 1)
    assert [known.card for known in receipt.cards] == [card(1)]
    assert [answer.card for answer in receipt.kept] == [card(1), card(2)]
    first, second = store.ledger.answers()
    assert (first["rules"], first["indicator"], first["knowledgeVersion"]) == (
        ["rule-b", "rule-a"],
        "warning",
        "7",
    )
    assert (second["rules"], second["indicator"]) == ([], "")
    assert (first["outcomeTimestamp"], first["receivedAt"]) == (
        "2026-11-20T10:00:00.000000Z",
        "2026-11-20T10:01:00.000000Z",
    )


def test_r26_the_same_said_again_is_kept_once_and_another_thing_is_history(store):
    said = [override(1), override(1), override(1, reason_code="x"), override(1, LATER)]
    assert store.ledger.record("s", said, received=LATER).new == 3
    assert store.ledger.record("s", said, received=LATER).repeated == 4
    assert store.ledger.record("t", said[:1], received=LATER).new == 1
    assert len(store.ledger.answers()) == 4


def test_accepted_suggestions_and_foreign_scripts_come_back(store):
    answer = Answer(card(1), "accepted", AT, suggestions=(card(3), card(4)))
    reason = override(2, reason_system="urn:ü", reason_code="例")
    store.ledger.record("s", [answer, reason], received=LATER)
    rows = {row["card"]: row for row in store.ledger.answers()}
    assert rows[card(1)]["acceptedSuggestions"] == [card(3), card(4)]
    assert (rows[card(2)]["reasonSystem"], rows[card(2)]["reasonCode"]) == ("urn:ü", "例")


def test_a_comment_is_kept_only_where_asked_for(store):
    said = [override(1, comment="Jane Doe has it")]
    store.ledger.record("s", said, received=LATER)
    store.ledger.record("s", said, received=LATER, keep_comments=True)
    assert sorted((row["commented"], row["comment"]) for row in store.ledger.answers()) == [
        (True, ""),
        (True, "Jane Doe has it"),
    ]


def test_more_cards_than_one_query_may_name(store):
    cards = [Given(card(n), "s", "1", ("rule-a",), "info") for n in range(1200)]
    store.ledger.give(cards, now=1)
    receipt = store.ledger.record("s", [override(n) for n in range(1200)], received=LATER)
    assert (receipt.new, receipt.unmatched, len(receipt.cards)) == (1200, 0, 1200)


def test_old_cards_are_forgotten_and_answers_never(store):
    store.ledger.give([Given(card(1), "s", "1", (), "info")], now=0)
    store.ledger.record("s", [override(1)], received=LATER)
    other = open_store(store._engine.url.render_as_string(hide_password=False))
    other.ledger.give([Given(card(2), "s", "1", (), "info")], now=367 * 86_400)
    other.close()
    assert [known.card for known in store.ledger.given()] == [card(2)]
    assert len(store.ledger.answers()) == 1


@pytest.mark.slow
def test_r26_eight_threads_and_two_stores_keep_each_answer_once(url):
    stores = [open_store(url), open_store(url)]
    new = []

    def worker(turn):
        for start in range(0, 40, 10):
            said = [override((n + turn * 7) % 40) for n in range(start, start + 10)]
            new.append(stores[turn % 2].ledger.record("s", said, received=LATER).new)

    threads = [threading.Thread(target=worker, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(new) == 32 and sum(new) == 40
    assert len(stores[0].ledger.answers()) == 40
    for store in stores:
        store.close()
