"""Remember, for a while and by keyed hashes only, what was shown to whom, and which cards were given."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from cds_service.feedback import Given
from cds_service.hook_call import Call
from cds_service.json_log import tell
from cds_service.knowledge import Service
from cds_service.repeats import Mark, Recall
from cds_service.review import Review
from cds_service.web.state import State

_CARD = "org.twitch-cds.card"


def recall_of(call: Call, state: State, now: int) -> Recall:
    """Return what tells which cautions were told before, about this patient or to this user."""
    memory = state.store.shown(state.settings.memory_key)

    def recall(marks: Collection[Mark]) -> Collection[Mark]:
        known: set[Mark] = set()
        for scope, group in _by_scope(call, marks):
            found = memory.recall(scope, _seconds(group), now=now, instance=call.hook_instance)
            known.update(mark for mark in group if mark.text in found)
        return known

    return recall


def remember(call: Call, service: Service, review: Review, state: State, now: int) -> bool:
    """Keep which cautions were shown, where somebody will ask, and which cards were given.

    Return whether all could be kept. The cards are shown either way: what is forgotten is told again, and
    feedback about a card nobody knows is kept without its rules.
    """
    memory = state.store.shown(state.settings.memory_key)
    marks = list(_by_scope(call, review.marks))
    kept = [
        memory.keep(scope, _seconds(group), now=now, instance=call.hook_instance) for scope, group in marks
    ]
    given = [
        Given(
            card=card["uuid"],
            service=service.id,
            knowledge=review.knowledge_version,
            rules=tuple(_rules(card)),
            indicator=card["indicator"],
        )
        for card in review.cards
    ]
    kept.append(state.store.ledger.give(given, now=now))
    if not all(kept):
        tell(logging.WARNING, "what was shown could not be remembered; it is told again")
    return all(kept)


def rules_told(review: Review) -> list[str]:
    """Return the rules the cards tell, as often as they do."""
    return [rule for card in review.cards for rule in _rules(card)]


def _rules(card: Mapping[str, Any]) -> Sequence[str]:
    rules: Sequence[str] = card["extension"][_CARD]["ruleIds"]
    return rules


def _by_scope(call: Call, marks: Collection[Mark]) -> Iterator[tuple[str, list[Mark]]]:
    """Yield the marks that hold for the patient, and those that hold for the user too, with their scope."""
    server = call.server.decode(errors="replace")
    for for_all, who in ((True, [server, call.patient_id]), (False, [server, call.user_id, call.patient_id])):
        group = [mark for mark in marks if mark.for_all == for_all]
        if group:
            yield json.dumps(who), group


def _seconds(marks: Collection[Mark]) -> dict[str, int]:
    return {mark.text: mark.seconds for mark in marks}
