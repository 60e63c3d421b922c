"""The "not assessed" card: said when rules could not be judged and no other card tells it."""

from __future__ import annotations

from typing import Any

from cds_service.cards.blocks import GAPS, KEEP, Block, fitted
from cds_service.cards.plan import unjudged
from cds_service.cards.sections import abbreviations, foot, listed, missing_words, quality_words
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


def not_assessed_card(
    triaged: Triaged, facts: PatientFacts, knowledge: Knowledge, *, base_url: str = "", instance: str = ""
) -> dict[str, Any] | None:
    """Return an info card that says which rules could not be judged and why, or None when all could.

    Results that were merely never measured ask for no card (specification 8); data that were not
    sent or failed, and rules that failed inside, do.
    """
    voice = Voice(facts, knowledge, base_url)
    open_rules = unjudged(triaged, voice)
    held = withheld(triaged, voice)
    return _card(open_rules, held, voice, instance) if open_rules or held else None


def withheld(triaged: Triaged, voice: Voice) -> list[Block]:
    """Return the findings whose cards the site has switched off: they are never silent."""
    titles = [voice.rule_title(rule_id) for rule_id, reason in triaged.held if reason == SWITCHED_OFF]
    return listed("withheld", titles, KEEP, voice)


def _card(open_rules: tuple[Finding, ...], held: list[Block], voice: Voice, instance: str) -> dict[str, Any]:
    rule_ids = sorted(finding.rule_id for finding in open_rules)
    what = "unassessed_what_error" if all(f.error for f in open_rules) else "unassessed_what_data"
    blocks = [
        *held,
        *([Block(voice.say("unassessed_lead"))] if open_rules else []),
        *unassessed_blocks(open_rules, voice),
    ]
    last = foot(rule_ids, voice)
    blocks += [*abbreviations([*blocks, last], voice), last]
    limit = voice.wording.detail_at_most
    card = {
        "summary": voice.say("withheld_summary" if held else "unassessed_summary", what=voice.say(what)),
        "indicator": "info",
        "detail": fitted(blocks, limit, lambda count: voice.say("shortened", count=count)) or blocks[0].text,
        "source": {
            "label": voice.say("source_label_service"),
            "topic": {"system": TOPIC_SYSTEM, "code": TOPIC, "display": voice.say("unassessed_title")},
        },
    }
    return finished(card, rule_ids, voice, instance)


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
