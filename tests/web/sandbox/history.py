"""An invented history of cards and answers, written into a real store: what months of use would leave there."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from cds_service.feedback.items import ACCEPTED, OVERRIDDEN, Answer
from cds_service.feedback.ledger import Given
from cds_service.store import open_store

_SERVICE = "twitch-patient-view"


def write_history(
    url: str, rules: Sequence[str], reasons: Sequence[str], *, until: datetime, days: int
) -> None:
    """Write cards of ``rules`` (the first ones most often) and answers to two of three; always the same ones."""
    chance = random.Random(7)
    weights = [1 / (place + 1.5) for place in range(len(rules))]
    store = open_store(url)
    for back in range(days - 1, -1, -1):
        moment = until - timedelta(days=back, minutes=5)
        quiet = moment.weekday() > 4
        named = chance.choices(rules, weights, k=chance.randint(0, 2) if quiet else chance.randint(2, 7))
        cards = [_card(rule, chance) for rule in named]
        store.ledger.give(cards, now=int(moment.timestamp()))
        answers = [_answer(card, moment, reasons, chance) for card in cards if chance.random() < 0.66]
        store.ledger.record(_SERVICE, answers, received=moment)
    store.close()


def _card(rule: str, chance: random.Random) -> Given:
    name = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    return Given(name, _SERVICE, "2026.11.20", (rule,), "warning")


def _answer(card: Given, moment: datetime, reasons: Sequence[str], chance: random.Random) -> Answer:
    if chance.random() < 0.62:
        return Answer(card.card, ACCEPTED, moment)
    code = chance.choice(reasons) if chance.random() < 0.85 else ""
    return Answer(card.card, OVERRIDDEN, moment, reason_code=code)
