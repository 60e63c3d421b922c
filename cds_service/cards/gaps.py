"""The card of what is not shown: rules that could not be judged, findings held back or answered before."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds_service.cards.blocks import GAPS, KEEP, Block, fitted, joined
from cds_service.cards.plan import unjudged
from cds_service.cards.sections import (
    abbreviations,
    companions,
    foot,
    listed,
    missing_names,
    missing_words,
    quality_words,
)
from cds_service.cards.sources import TOPIC_SYSTEM
from cds_service.cards.voice import Voice
from cds_service.cards.writing import finished
from cds_service.facts import PatientFacts
from cds_service.findings import Finding
from cds_service.knowledge import Knowledge
from cds_service.triage import SWITCHED_OFF, Triaged

#: So many rules are named on one card, the rest counted.
RULES_NAMED = 12
#: Stands for the service itself where a card belongs to no rule.
TOPIC = "notAssessed"
_TOPIC_BEFORE = "shownBefore"
_BEFORE_NAMED = 8


def not_assessed_card(
    triaged: Triaged,
    facts: PatientFacts,
    knowledge: Knowledge,
    *,
    base_url: str = "",
    instance: str = "",
    alone: bool = True,
) -> dict[str, Any] | None:
    """Return an info card that says what is not shown and why, or None when there is nothing of it.

    Results that were merely never measured ask for no card (specification 8); data that were not
    sent or failed, and rules that failed inside, do. So does what was answered before, at hooks with a
    consolidated card: where there is no other card (``alone``), it stands on this one (7.5).
    """
    voice = Voice(facts, knowledge, base_url)
    open_rules = unjudged(triaged, voice)
    held = withheld(triaged, voice) if alone else []
    if open_rules or held:
        return _card(open_rules, held, triaged if alone else None, voice, instance)
    if triaged.before and "differential" in knowledge.triage.plan(triaged.hook).kinds:
        return _card_of_before(triaged, voice, instance)
    return None


def told_before(before: Sequence[tuple[Finding, str]], voice: Voice) -> list[Block]:
    """Return what has no card of its own because it was answered, each with the day it was shown (7.5)."""
    said = [
        voice.say("told_before_item", text=voice.text(finding.summary), date=day) for finding, day in before
    ]
    return listed("told_before", voice.capped(said, _BEFORE_NAMED), KEEP, voice)


def _card_of_before(triaged: Triaged, voice: Voice, instance: str) -> dict[str, Any]:
    rule_ids = [finding.rule_id for finding, _ in triaged.before]
    blocks = _before_blocks([], triaged, voice)
    topic = (_TOPIC_BEFORE, "told_before_title")
    return _written(blocks, voice.say("told_before_summary"), topic, rule_ids, voice, instance)


def _before_blocks(above: list[Block], triaged: Triaged, voice: Voice) -> list[Block]:
    """Return what was shown before, with the words that belong beside it."""
    before = told_before(triaged.before, voice)
    drugs = any(finding.drugs for finding, _ in triaged.before)
    return [*before, *companions(joined([*above, *before]), drugs, voice)] if before else []


def withheld(triaged: Triaged, voice: Voice) -> list[Block]:
    """Return the findings whose cards the site has switched off: they are never silent."""
    titles = [voice.rule_title(rule_id) for rule_id, reason in triaged.held if reason == SWITCHED_OFF]
    return listed("withheld", titles, KEEP, voice)


def _card(
    open_rules: tuple[Finding, ...], held: list[Block], alone: Triaged | None, voice: Voice, instance: str
) -> dict[str, Any]:
    rule_ids = sorted(finding.rule_id for finding in open_rules)
    blocks = [
        *held,
        *([Block(voice.say("unassessed_lead"))] if open_rules else []),
        *unassessed_blocks(open_rules, voice),
    ]
    blocks += _before_blocks(blocks, alone, voice) if alone is not None else []
    summary = voice.say("withheld_summary") if held else _summary(open_rules, voice)
    return _written(blocks, summary, (TOPIC, "unassessed_title"), rule_ids, voice, instance)


def _written(
    blocks: list[Block],
    summary: str,
    topic: tuple[str, str],
    rule_ids: list[str],
    voice: Voice,
    instance: str,
) -> dict[str, Any]:
    """Return the info card of these blocks, within its limit; ``topic``: a code and a frame of its title."""
    last = foot(rule_ids, voice)
    blocks = [*blocks, *abbreviations([*blocks, last], voice), last]
    limit = voice.wording.detail_at_most
    code, title = topic
    card = {
        "summary": summary,
        "indicator": "info",
        "detail": fitted(blocks, limit, lambda count: voice.say("shortened", count=count)) or blocks[0].text,
        "source": {
            "label": voice.say("source_label_service"),
            "topic": {"system": TOPIC_SYSTEM, "code": code, "display": voice.say(title)},
        },
    }
    return finished(card, rule_ids, voice, instance)


def _summary(open_rules: tuple[Finding, ...], voice: Voice) -> str:
    """Return what was not assessed and which data lacked, as many of their names as there is room for."""
    if all(finding.error for finding in open_rules):
        return voice.say("unassessed_summary", what=voice.say("unassessed_what_error"))
    names = missing_names((gap for finding in open_rules for gap in finding.missing), voice)
    for count in range(len(names), 0, -1):
        what = voice.say("unassessed_what_data", names=", ".join(voice.capped(names, count)))
        text = voice.say("unassessed_summary", what=what)
        if len(text) < voice.wording.summary_below:
            break
    return text


def unassessed_blocks(open_rules: tuple[Finding, ...], voice: Voice) -> list[Block]:
    """Return which rules were not judged, what lacked, and which failed inside the service."""
    told = voice.knowledge.triage.tell_always | voice.knowledge.triage.tell_with_twitch
    gaps = [gap for finding in open_rules for gap in finding.missing if gap.reason in told]
    judged_not = [voice.rule_title(f.rule_id) for f in open_rules if not f.error]
    failed = [voice.rule_title(f.rule_id) for f in open_rules if f.error]
    return [
        *listed("missing", missing_words(gaps, voice), KEEP, voice),
        *listed("quality", quality_words({gap.name for gap in gaps}, voice), GAPS, voice),
        *listed("unassessed_rules", voice.capped(judged_not, RULES_NAMED), GAPS, voice),
        *listed("unassessed_errors", voice.capped(failed, RULES_NAMED), KEEP, voice),
    ]
