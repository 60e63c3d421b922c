"""The options of a card: orders proposed, orders already done, and the draft orders themselves."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import msgspec

from cds_service.cards.voice import Voice
from cds_service.facts import Measurement
from cds_service.fhir.orders import draft_service_request
from cds_service.findings import Evidence, Finding, Proposal
from cds_service.knowledge import Knowledge
from cds_service.terminology import OrderCode
from cds_service.triage import Entry
from cds_service.triage.folding import priority_place, unique_proposals

_NOBODY = "Patient/nobody"


@dataclass(frozen=True, slots=True)
class Steps:
    """The options of one card, in order.

    ``draft`` become suggestions; ``named`` are told in words only (kinds of orders that are not
    drafted); ``done`` were resulted so recently that the value is shown instead; ``shared`` stand
    as suggestions on an earlier card; ``more`` did not fit.
    """

    draft: tuple[Proposal, ...] = ()
    named: tuple[Proposal, ...] = ()
    done: tuple[tuple[Proposal, tuple[Measurement, ...]], ...] = ()
    shared: tuple[Proposal, ...] = ()
    more: tuple[Proposal, ...] = ()

    @property
    def orders(self) -> frozenset[str]:
        """Names of the orders offered as suggestions."""
        return frozenset(proposal.order for proposal in self.draft)


@dataclass
class _Sorting:
    draft: list[Proposal] = field(default_factory=list)
    named: list[Proposal] = field(default_factory=list)
    done: list[tuple[Proposal, tuple[Measurement, ...]]] = field(default_factory=list)
    shared: list[Proposal] = field(default_factory=list)


def proposals_of(entries: Iterable[Entry]) -> tuple[Proposal, ...]:
    """Return the proposals of the entries, each order once; most urgent first, else best cause first."""
    found = unique_proposals(p for entry in entries for f in entry.findings for p in f.proposals)
    return tuple(sorted(found, key=lambda proposal: priority_place(proposal.priority)))


def asked_by(unknown: Iterable[Finding], proposed: Iterable[Proposal], voice: Voice) -> tuple[Proposal, ...]:
    """Return an order for every test an undecided rule asks for although all else it knows holds (5.6).

    A test that one of the ``proposed`` orders brings is not asked for by another order.
    """
    known = voice.knowledge.terminology.orders
    brought = {
        name for proposal in proposed if proposal.order in known for name in known[proposal.order].result_of
    }
    names = {
        name: finding.rule_id for finding in unknown for name in reversed(finding.asks) if name not in brought
    }
    found: list[Proposal] = []
    for name in sorted(names):
        orders = sorted(
            order.name for order in voice.knowledge.terminology.orders.values() if order.result_of == (name,)
        )
        found += [Proposal(orders[0], rule_id=names[name])] if orders else []
    return tuple(found)


def steps_of(
    proposals: Sequence[Proposal], cited: Collection[Evidence], voice: Voice, taken: Collection[str] = ()
) -> Steps:
    """Sort the proposals of one card; ``taken`` are orders suggested on earlier cards.

    A result the card itself cites as abnormal does not make its repetition "done".
    """
    sorting = _Sorting()
    sources = {evidence.source for evidence in cited if evidence.source is not None}
    for proposal in proposals:
        order = voice.knowledge.terminology.orders.get(proposal.order)
        if order is None:
            continue
        results = _results(order, proposal, sources, voice)
        if results:
            sorting.done.append((proposal, results))
        elif order.category not in voice.knowledge.triage.drafted:
            sorting.named.append(proposal)
        elif proposal.order in taken:
            sorting.shared.append(proposal)
        else:
            sorting.draft.append(proposal)
    cap = voice.knowledge.triage.suggestions
    return Steps(
        tuple(sorting.draft[:cap]),
        tuple(sorting.named),
        tuple(sorting.done),
        tuple(sorting.shared),
        tuple(sorting.draft[cap:]),
    )


def _results(
    order: OrderCode, proposal: Proposal, cited: Collection[object], voice: Voice
) -> tuple[Measurement, ...]:
    """Return the recent results that make an order unnecessary now; empty when any of them lacks."""
    found = tuple(m for m in map(voice.latest, order.result_of) if m is not None)
    if not found or len(found) < len(order.result_of):
        return ()
    return found if all(_settles(m, proposal, cited, voice) for m in found) else ()


def _settles(m: Measurement, proposal: Proposal, cited: Collection[object], voice: Voice) -> bool:
    if proposal.anew or m.sample_doubtful or m.unit_doubtful or m.value is None:
        return False
    normal = is_abnormal(m, voice) is False and m.source not in cited
    new = m.moment.earliest >= voice.facts.now - voice.knowledge.triage.done_any
    return normal or (new and proposal.priority == "routine")


def is_abnormal(m: Measurement, voice: Voice) -> bool | None:
    """Return whether a result lies outside its range; None where no range may be applied (I9)."""
    if m.direction is not None:
        return m.direction != "normal"
    analyte = voice.knowledge.terminology.analytes.get(m.name)
    low, high = m.low, m.high
    if voice.facts.is_adult and analyte is not None and not m.unit_doubtful:
        adult = analyte.default_range(voice.facts.sex)
        low, high = (adult[0] if low is None else low), (adult[1] if high is None else high)
    if m.value is None or (low is None and high is None):
        return None
    return (low is not None and m.value < low) or (high is not None and m.value > high)


# --- words and suggestions


def steps_in_words(steps: Steps, brief: bool, voice: Voice) -> list[str]:
    """Return the options as words: offered ones, then what is done, then the rest counted.

    ``brief`` leaves out the drafts, which the client shows as suggestions anyway.
    """
    told = steps.named if brief else (*steps.draft, *steps.shared, *steps.named)
    offered = sorted(told, key=lambda proposal: priority_place(proposal.priority))
    said = [_step(proposal, voice) for proposal in offered]
    for proposal, results in steps.done:
        value = ", ".join(voice.value(m) for m in results)
        said.append(voice.say("step_done", title=voice.title("order", proposal.order), value=value))
    if steps.more:
        if brief and steps.draft and not offered:  # "+2 more" must say more than what
            said.insert(0, voice.say("steps_drafted"))
        said.append(voice.say("more_steps", count=len(steps.more)))
    at_this_hook = f"steps_at_{voice.facts.hook}"
    if (steps.draft or steps.shared) and voice.knowledge.frames.has(at_this_hook):
        said.append(voice.say(at_this_hook))
    return said


def _step(proposal: Proposal, voice: Voice) -> str:
    title = voice.title("order", proposal.order)
    if proposal.priority == "routine":
        return title
    return voice.say("step_priority", title=title, priority=proposal.priority)


def suggestions_of(steps: Steps, voice: Voice) -> list[dict[str, Any]]:
    """Return one CDS Hooks suggestion with one draft ServiceRequest for each draft order."""
    if not voice.facts.patient:
        return []
    return [_suggestion(proposal, voice) for proposal in steps.draft]


def _suggestion(proposal: Proposal, voice: Voice) -> dict[str, Any]:
    order = voice.knowledge.terminology.orders[proposal.order]
    patient = voice.facts.patient if "/" in voice.facts.patient else f"Patient/{voice.facts.patient}"
    resource: dict[str, Any] = msgspec.json.decode(
        _template(voice.knowledge, proposal.order, proposal.priority, proposal.why)
    )
    resource["subject"] = {"reference": patient}
    why = voice.say("suggestion_why", why=proposal.why) if proposal.why else ""
    return {
        "label": voice.say("suggestion", title=order.title),
        "actions": [
            {
                "type": "create",
                "description": voice.say("suggestion_description", title=order.title, why=why),
                "resource": resource,
            }
        ],
    }


@lru_cache(maxsize=1024)
def _template(knowledge: Knowledge, order: str, priority: str, why: str) -> bytes:
    """Return a validated draft for nobody as JSON: the same for every patient, so it is built once."""
    terminology = knowledge.terminology
    draft = draft_service_request(
        terminology.orders[order], terminology, patient=_NOBODY, priority=priority, reason=why
    )
    return msgspec.json.encode(draft)


def numbered(suggestions: list[dict[str, Any]], card_uuid: uuid.UUID) -> list[dict[str, Any]]:
    """Return the suggestions with a uuid each, made from the card's own and the label."""
    return [
        {"uuid": str(uuid.uuid5(card_uuid, f"{place} {item['label']}")), **item}
        for place, item in enumerate(suggestions)
    ]
