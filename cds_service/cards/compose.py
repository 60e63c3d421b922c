"""Write the cards of one call: plan them, fill the sections of each, fit them into their limits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cds_service.cards import sections as say
from cds_service.cards.blocks import EXTRAS, FACTS, GAPS, KEEP, LAST, Block, fitted, joined
from cds_service.cards.cautions import cited_drugs, exceptions, safety
from cds_service.cards.gaps import RULES_NAMED, not_assessed_card, told_before, withheld
from cds_service.cards.plan import Draft, plan_cards, unjudged, untold
from cds_service.cards.proposals import suggestions_of
from cds_service.cards.sources import links_of, source_of
from cds_service.cards.summary import summary_of
from cds_service.cards.voice import Voice, rules_of
from cds_service.cards.writing import finished
from cds_service.catalogue.logic import changes_in_words
from cds_service.facts import PatientFacts
from cds_service.knowledge import Knowledge
from cds_service.site_changes import changes_of_rule
from cds_service.triage import Entry, Triaged


@dataclass(frozen=True, slots=True)
class _Size:
    """How much a card says: less where it grows long.

    ``values`` are the facts shown with each line, more where a rule would have none of its own (``cited``);
    ``brief`` leaves drafts to the suggestions; ``logic`` is the room for why a finding is
    shown, in characters, None for all of it; ``works`` are the works cited.
    """

    values: int
    brief: bool
    logic: int | None
    works: int = 3


#: The first of these is taken at which all blocks as needed as this one fit; less needed ones are dropped.
_SIZES = (
    (LAST, _Size(5, False, None)),
    (LAST, _Size(5, False, 240)),
    (LAST, _Size(5, True, 240)),
    (FACTS, _Size(5, False, 240)),
    (FACTS, _Size(5, True, 240)),
    (FACTS, _Size(4, True, 240)),
    (FACTS, _Size(3, True, 240)),
    (GAPS, _Size(3, True, 240)),
    (GAPS, _Size(3, True, 120, 2)),
    (GAPS, _Size(3, True, 0, 1)),
    (GAPS, _Size(2, True, 0, 1)),
    (GAPS, _Size(1, True, 0, 1)),
    (GAPS, _Size(0, True, 0, 1)),
)


def build_cards(
    triaged: Triaged, facts: PatientFacts, knowledge: Knowledge, *, base_url: str, instance: str = ""
) -> tuple[dict[str, Any], ...]:
    """Return the CDS Hooks 2.0 cards of one call, most urgent first, within the caps of its hook.

    ``base_url`` is the address of this service (for rule pages); ``instance`` the hook instance,
    which only makes uuids differ between calls. The same arguments give equal cards. Where data that
    were not sent or a failure kept rules from being judged, one "not assessed" card comes last, beside
    the caps; one tells what was shown before and answered where no other card does. So an empty result
    means that every applicable rule was evaluated.
    """
    voice = Voice(facts, knowledge, base_url)
    drafts = plan_cards(triaged, voice)
    cards = [_card(draft, triaged, voice, instance) for draft in drafts]
    if not drafts or untold(triaged, voice):
        gap = not_assessed_card(
            triaged, facts, knowledge, base_url=base_url, instance=instance, alone=not drafts
        )
        cards += [gap] if gap is not None else []
    return tuple(cards)


def _card(draft: Draft, triaged: Triaged, voice: Voice, instance: str) -> dict[str, Any]:
    rule_ids = rules_of(draft.told)
    more = len(draft.entries) + len(draft.also) - 1 if draft.entries else len(draft.against) - 1
    card = {
        "summary": summary_of(draft.lead, voice, more),
        "indicator": draft.indicator,
        "detail": detail_of(draft, triaged, voice),
        "source": source_of(draft.lead.rule_id, voice),
        "suggestions": suggestions_of(draft.steps, voice),
        "links": links_of(rule_ids, voice),
    }
    lines = draft.lines(voice.knowledge.triage.lines)
    answers = [finding.rule_id for entry in lines for finding in entry.findings]
    return finished(card, rule_ids, voice, instance, answers)


def detail_of(draft: Draft, triaged: Triaged, voice: Voice) -> str:
    """Return the detail in at most the allowed length; safety words are dropped last and never silently."""
    limit = voice.wording.detail_at_most
    blocks_of = _blocks_by_size(draft, triaged, voice)
    for most, size in _SIZES:
        blocks = _completed(blocks_of(size), draft, voice)
        needed = [block for block in blocks if block.need <= most]
        note = [] if len(needed) == len(blocks) else [Block(voice.say("shortened", count=len(blocks)))]
        if len(joined([*needed, *note])) <= limit:
            break
    return fitted(blocks, limit, _shortened(voice)) or _forced(blocks, limit, voice)


def _shortened(voice: Voice) -> Any:
    return lambda count: voice.say("shortened", count=count)


def _forced(blocks: Sequence[Block], limit: int, voice: Voice) -> str:
    """Cut what must stay where even that is too long: items and what comes last first, saying so."""
    kept = [block for block in blocks if block.need <= KEEP]
    dropped = len(blocks) - len(kept)
    while any(block.need == KEEP for block in kept[1:]):
        note = Block(voice.say("shortened", count=dropped))
        text = joined([*kept[:-1], note, kept[-1]])
        if len(text) <= limit:
            return text
        loose = [index for index, block in enumerate(kept) if index and block.need == KEEP]
        del kept[max(loose, key=lambda index: (kept[index].item, index))]
        dropped += 1
    return joined(kept)[:limit]


# --- the blocks of a card


def _completed(blocks: list[Block], draft: Draft, voice: Voice) -> list[Block]:
    """Return all blocks with what wording asks for beside them: companions and abbreviations."""
    text = joined(blocks)
    drugs = bool(cited_drugs(draft.told))
    *blocks, foot = blocks
    blocks += say.companions(text, drugs, voice)
    return [*blocks, *say.abbreviations([*blocks, foot], voice), foot]


def _blocks_by_size(draft: Draft, triaged: Triaged, voice: Voice) -> Callable[[_Size], list[Block]]:
    """Return what gives the blocks of a size; what two sizes have in common is made once."""
    entries = (*draft.entries, *draft.against)
    rule_ids = rules_of(draft.told)
    found = cache(lambda values: list(_found(draft, triaged, values, voice)))
    besides = list(_besides(draft, triaged, voice))
    steps = cache(lambda brief: list(say.step_blocks(draft.steps, entries, brief, voice)))
    after = [*_unproposed(draft, triaged, voice), *say.change_block(entries, voice)]
    logic = cache(lambda room: list(say.logic_blocks(entries, room, voice)))
    values = list(_site_values(rule_ids, voice))
    sources = cache(lambda works: [*say.source_blocks(rule_ids, works, voice), say.foot(rule_ids, voice)])
    return lambda size: [
        *found(size.values),
        *besides,
        *steps(size.brief),
        *after,
        *logic(size.logic),
        *values,
        *sources(size.works),
    ]


def _found(draft: Draft, triaged: Triaged, values: int, voice: Voice) -> Iterator[Block]:
    """Yield what was found, what the rules say about it, and what to beware of."""
    opening = list(_opening(draft, values, voice))
    said = joined(opening)
    yield from opening
    speaking = draft.entries[:1] if draft.kind == "differential" else (*draft.entries, *draft.against)
    yield from say.detail_lines(speaking, voice, said=said)
    yield from safety(draft.told, voice, exceptions(triaged.shown, voice), said)


def _besides(draft: Draft, triaged: Triaged, voice: Voice) -> Iterator[Block]:
    """Yield what else there is, what is not known, and what was kept back."""
    yield from _beside(draft, voice)
    yield from say.gaps((*draft.entries, *draft.against), draft.unknown, voice)
    yield from withheld(triaged, voice)
    yield from told_before(draft.before, voice)
    yield from _unjudged(draft, triaged, voice)


def _opening(draft: Draft, values: int, voice: Voice) -> Iterator[Block]:
    """Yield how urgent it is, the title, the twitch and what was found."""
    if draft.indicator == "critical":
        yield Block(voice.say("urgent"))
    yield Block(f"#### {_title(draft, voice)}")
    yield say.header(voice)
    yield from _findings(draft, values, voice)
    yield from say.stale_lines(draft.told, voice)


def _site_values(rule_ids: Sequence[str], voice: Voice) -> Iterator[Block]:
    """Yield which values of the rules are the site's own: a sentence of a rule may name the published one."""
    knowledge = voice.knowledge
    known = [knowledge.rules[rule_id] for rule_id in rule_ids if rule_id in knowledge.rules]
    changes = [change for rule in known for change in changes_of_rule(rule, knowledge) if change.fact]
    yield from say.listed("site_values", changes_in_words(changes, knowledge), KEEP, voice)


def _title(draft: Draft, voice: Voice) -> str:
    if draft.kind in ("red-flag", "order"):
        return voice.rule_title(draft.lead.rule_id)
    if draft.kind == "differential":
        if not draft.entries:
            return voice.say("title_against")
        return voice.say("title_without_twitch" if voice.facts.twitch is None else "title_differential")
    if draft.kind == "critical" and draft.indicator != "critical":
        return voice.say("title_danger")
    return voice.say(f"title_{draft.kind}")


def _findings(draft: Draft, values: int, voice: Voice) -> Iterator[Block]:
    """Yield the lines of the card: ranked contributors, merged findings, or one finding and its facts."""
    if draft.kind == "differential":
        yield from _ranked(draft, values, voice)
    elif draft.kind == "workup":
        return
    elif draft.kind == "critical" or len(draft.entries) > 1:
        yield from (say.finding_line(entry, values, voice) for entry in draft.entries)
    else:
        yield from say.basis(draft.entries, values + 2, voice)
        others = draft.entries[0].others
        yield from (Block(f"- {voice.text(finding.summary)}", KEEP, item=True) for finding in others)
        yield from _also_fits(draft.entries[0], voice)


def _also_fits(entry: Entry, voice: Voice) -> Iterator[Block]:
    if entry.lead.merged_rules:
        yield Block(voice.say("also_fits", titles=voice.rule_titles(entry.lead.merged_rules)), GAPS)


def _ranked(draft: Draft, values: int, voice: Voice) -> Iterator[Block]:
    """Yield at most the allowed number of contributor lines; a workup line does not count as one."""
    cap = voice.knowledge.triage.lines
    causes = [entry for entry in draft.entries if entry.lead.role != "workup"]
    hidden = causes[cap:]
    for place, entry in enumerate((e for e in draft.entries if e not in hidden), 1):
        if entry.lead.role == "workup":
            yield Block(f"{place}. {voice.text(entry.lead.summary)}", KEEP, item=True)
        else:
            yield say.contributor_line(entry, place, values, voice)
    if hidden:
        titles = voice.rule_titles(entry.lead.rule_id for entry in hidden)
        yield Block(voice.say("more_lines", count=len(hidden), titles=titles))


def _beside(draft: Draft, voice: Voice) -> Iterator[Block]:
    """Yield what stands beside the findings: others present, contrary values, other abnormal results."""
    for entry in draft.also:
        yield Block(voice.say("also_present", text=voice.text(entry.lead.summary)), GAPS)
    if draft.overflow:
        texts = "; ".join(voice.text(entry.lead.summary) for entry in draft.overflow)
        yield Block(voice.say("more_cards", count=len(draft.overflow), texts=texts), KEEP)
    if draft.elsewhere and draft.kind == "differential":
        titles = voice.rule_titles(entry.lead.rule_id for entry in draft.elsewhere)
        yield Block(voice.say("also_own_card", titles=titles), GAPS)
    against = [f"{voice.text(e.lead.summary)} ({say.values_of(e, 2, voice)})" for e in draft.against]
    yield from say.listed("against", against, GAPS, voice)
    if draft.kind in ("differential", "workup"):
        shown = (*draft.told, *draft.elsewhere)
        yield from say.extras(say.also_abnormal(shown, draft.on_record, voice), "on_record", voice)


def _unproposed(draft: Draft, triaged: Triaged, voice: Voice) -> Iterator[Block]:
    """Yield whose draft orders failed: a card without options must not look as if there were none."""
    told = rules_of(draft.told)
    failed = [f.rule_id for f in triaged.findings if f.unproposed and f.rule_id in told]
    yield from say.listed("unproposed", [voice.rule_title(rule_id) for rule_id in failed], KEEP, voice)


def _unjudged(draft: Draft, triaged: Triaged, voice: Voice) -> Iterator[Block]:
    """Yield which rules could not be judged for a reason that must not stay silent."""
    if not draft.unknown:
        return
    open_rules = unjudged(triaged, voice)
    failed = [voice.rule_title(finding.rule_id) for finding in open_rules if finding.error]
    yield from say.listed("unassessed_errors", voice.capped(failed, RULES_NAMED), KEEP, voice)
    rest = [voice.rule_title(finding.rule_id) for finding in open_rules if not finding.error]
    yield from say.listed("unassessed_rules", voice.capped(rest, 6), EXTRAS, voice)
