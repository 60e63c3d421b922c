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
from cds_service.review import Review
from cds_service.triage.answers import RecallAnswers, Telling
from cds_service.triage.repeats import Mark, Recall
from cds_service.web.authentication import current_caller
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


def recall_answers_of(call: Call, state: State, now: int) -> RecallAnswers:
    """Return what tells which findings of this patient were answered, and when they were shown."""
    memory = state.store.answered(state.settings.memory_key)

    def recall(tellings: Sequence[Telling]) -> Mapping[Telling, int]:
        texts = [telling.text for telling in tellings]
        said = memory.recall(_patient(call), texts, now=now, instance=call.hook_instance, answerer=answerer())
        return {
            telling: answer.shown_at
            for telling in tellings
            if (answer := said.get(telling.text)) is not None
            and answer.answered_at >= now - telling.seconds
            and (answer.accepted or not telling.accepted_only)
        }

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
    kept.append(state.store.ledger.give(_given(call, service, review, state), now=now))
    if not all(kept):
        tell(logging.WARNING, "what was shown could not be remembered; it is told again")
    return all(kept)


def _given(call: Call, service: Service, review: Review, state: State) -> list[Given]:
    """Return the cards of an answer as they are kept: without anything of the patient but keyed hashes."""
    memory = state.store.answered(state.settings.memory_key)
    return [
        Given(
            card=card["uuid"],
            service=service.id,
            knowledge=review.knowledge_version,
            rules=tuple(_rules(card)),
            indicator=card["indicator"],
            instance=memory.instance(call.hook_instance),
            marks=memory.marks(_patient(call), _told(card, review)),
        )
        for card in review.cards
    ]


def _told(card: Mapping[str, Any], review: Review) -> dict[str, int]:
    """Return the marks of the findings an answer to the card is about, and how long it may count."""
    about = [review.tellings.get(rule_id) for rule_id in card["extension"][_CARD].get("answers", ())]
    return {telling.text: telling.longest for telling in about if telling is not None}


def rules_told(review: Review) -> list[str]:
    """Return the rules the cards tell, as often as they do."""
    return [rule for card in review.cards for rule in _rules(card)]


def _rules(card: Mapping[str, Any]) -> Sequence[str]:
    rules: Sequence[str] = card["extension"][_CARD]["ruleIds"]
    return rules


def _by_scope(call: Call, marks: Collection[Mark]) -> Iterator[tuple[str, list[Mark]]]:
    """Yield the marks that hold for the patient, and those that hold for the user too, with their scope."""
    server = call.server.decode(errors="replace")
    for for_all, who in (
        (True, _patient(call)),
        (False, json.dumps([*_caller(), server, call.user_id, call.patient_id])),
    ):
        group = [mark for mark in marks if mark.for_all == for_all]
        if group:
            yield who, group


def _patient(call: Call) -> str:
    """Return whom a call is about: patients of equal id differ by client, tenant and FHIR server."""
    return json.dumps([*_caller(), call.server.decode(errors="replace"), call.patient_id])


def answerer() -> str:
    """Return who sends the current request, as one text: whose answers count for whose calls."""
    return json.dumps(_caller()) if any(_caller()) else ""


def _caller() -> tuple[str, str]:
    caller = current_caller()
    return caller.issuer, caller.tenant


def _seconds(marks: Collection[Mark]) -> dict[str, int]:
    return {mark.text: mark.seconds for mark in marks}
