"""The sections of a card's detail: lines, safety, gaps, reasons, sources; each as blocks of Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from cds_service.cards.again import not_again
from cds_service.cards.blocks import DETAILS, EXTRAS, FACTS, FIXED, GAPS, KEEP, LAST, Block, joined
from cds_service.cards.cited import facts_of
from cds_service.cards.proposals import Steps, is_abnormal, proposals_of, steps_in_words
from cds_service.cards.sources import citation_words, citations_of
from cds_service.cards.voice import EVIDENCE_LIMIT, Voice, evidence_of
from cds_service.catalogue.logic import fired_in_words
from cds_service.catalogue.titles import inside, named_inside
from cds_service.engine.text import describe_twitch
from cds_service.facts import SetAside
from cds_service.findings import Evidence, Finding, Missing, Slot
from cds_service.text.neutral import neutral
from cds_service.text.wording import Companion
from cds_service.triage import Entry
from cds_service.triage.folding import unique_lines

_NAMED = 4
_GAPS_A_REASON = 8
_NOTES = 3
_CHECKS = 2
_UNUSABLE = ("not-measured", "no-number", "no-range")

Named = TypeVar("Named", Evidence, Missing, Evidence | Missing)


# --- what was found


def header(voice: Voice) -> Block:
    """Return the twitch as recorded, or that none is recorded."""
    twitch = voice.facts.twitch
    return Block(voice.say("no_twitch") if twitch is None else describe_twitch(twitch) + ".")


def contributor_line(entry: Entry, place: int, values: int, voice: Voice) -> Block:
    """Return one ranked line: strength, name, at most ``values`` facts, timing, what to check (7.3)."""
    lead = entry.lead
    others = [rule_id for rule_id in entry.rule_ids if rule_id != lead.rule_id]
    shared = voice.say("shared", titles=voice.rule_titles(others)) if others else ""
    text = voice.say(
        "contributor",
        strength=voice.say(f"strength_{lead.strength}"),
        shared=shared,
        title=voice.rule_title(lead.rule_id),
        values=values_of(entry, values, voice),
    )
    if any(finding.temporal for finding in entry.findings):
        text += "; " + voice.say("timing")
    checks = proposals_of([entry])[:_CHECKS]
    if checks:
        # Names of tests hold commas themselves.
        orders = "; ".join(inside(voice.title("order", proposal.order)) for proposal in checks)
        text += "; " + voice.say("check", orders=orders)
    return Block(f"{place}. {text}.", KEEP, item=True)


def values_of(entry: Entry, values: int, voice: Voice) -> str:
    """Return the cited facts of an entry, the rest counted."""
    facts = facts_of([entry], values, voice)
    if not facts:
        rests_on_twitch = any(item.name == "twitch" for item in evidence_of([entry]))
        return voice.say("only_twitch" if rests_on_twitch else "no_values")
    return "; ".join(facts)


def finding_line(entry: Entry, values: int, voice: Voice) -> Block:
    """Return one finding of a merged card: its summary and the facts it rests on."""
    facts = values_of(entry, values, voice)
    text = voice.say("finding_with_values", text=voice.text(entry.lead.summary), values=facts)
    return Block(f"- {text}", KEEP, item=True)


def basis(entries: Sequence[Entry], values: int, voice: Voice) -> list[Block]:
    """Return the facts a single finding rests on."""
    facts = facts_of(entries, values, voice)
    return [Block(voice.say("basis", items="; ".join(facts)))] if facts else []


def stale_lines(entries: Iterable[Entry], voice: Voice) -> list[Block]:
    """Return "result is N days old: repeat" of every finding that says so."""
    said = dict.fromkeys(f.stale for entry in entries for f in entry.findings if f.stale)
    return [Block(voice.text((Slot(sentence),), EVIDENCE_LIMIT)) for sentence in said]


def detail_lines(entries: Sequence[Entry], voice: Voice, need: int = DETAILS, said: str = "") -> list[Block]:
    """Return what the rules say about their findings, each line as a paragraph; ``need`` of general ones.

    What ``said``, the text above them, tells already is not told again.
    """
    needs: dict[str, int] = {}
    for line in unique_lines(line for entry in entries for f in entry.findings for line in f.detail):
        is_filled = len(line) > 1
        needs.setdefault(not_again(line, said, voice), min(need, FACTS) if is_filled else need)
    needs.pop("", None)
    urgent = voice.wording.urgent
    return [Block(text.removeprefix(urgent).strip(), needed) for text, needed in needs.items()]


def listed(frame: str, items: Sequence[str], need: int, voice: Voice) -> list[Block]:
    """Return one labeled paragraph of the items, or nothing when there are none."""
    joined = "; ".join(item.rstrip(".") for item in items)
    return [Block(voice.say(frame, items=joined), need)] if items else []


# --- safety


def abbreviations(blocks: Sequence[Block], voice: Voice) -> list[Block]:
    """Return what the abbreviations of these blocks stand for, each expanded once."""
    known = voice.wording.abbreviations
    short = voice.wording.unexpanded(joined(blocks))
    words = [voice.say("abbreviation", short=word, long=known[word]) for word in short]
    return listed("abbreviations", words, KEEP, voice)


def companions(text: str, medication: bool, voice: Voice) -> list[Block]:
    """Return the lines a card lacks beside what it says: the prescriber, and a test's status (I3).

    A companion that names a test is satisfied only by its value or by "not measured", not by its name.
    """
    rows = dict.fromkeys(voice.wording.lacking(text, medication=medication))
    for row in voice.wording.companions:
        if row.said.search(text) and not all(
            _status_shown(name, text, voice) for name in _tests_in(row, voice)
        ):
            rows[row] = None
    return [Block(_companion_line(row, voice)) for row in rows]


def _tests_in(companion: Companion, voice: Voice) -> list[str]:
    return [name for name in voice.knowledge.terminology.analytes if f"{{{name}}}" in companion.add]


def _status_shown(name: str, text: str, voice: Voice) -> bool:
    latest = voice.latest(name)
    if latest is not None:
        return neutral(latest.reported, 40) in text
    absent = voice.say("state_missing")
    title = re.escape(voice.title("lab", name))
    return re.search(rf"{title} {absent}|{absent}[^.\n]*{title}", text, re.IGNORECASE) is not None


def _companion_line(companion: Companion, voice: Voice) -> str:
    text = companion.add
    for name in _tests_in(companion, voice):
        latest = voice.latest(name)
        value = voice.say("state_missing") if latest is None else voice.value(latest)
        text = text.replace(f"{{{name}}}", value)
    return text


# --- gaps


def missing_words(missing: Iterable[Missing], voice: Voice) -> list[str]:
    """Return what was not known, by reason; a kind of data that was not sent is named as a whole."""
    grouped: dict[str, dict[str, None]] = {}
    for gap in _plainest(missing, voice):
        reason, name = _reason_and_name(gap, voice)
        grouped.setdefault(reason, {})[name] = None
    first = list(dict.fromkeys(inside(voice.title("lab", n)) for n in voice.knowledge.triage.basic_tests))
    said: list[str] = []
    for reason in sorted(grouped):
        names = sorted(grouped[reason], key=lambda name: (name not in first, name.casefold(), name))
        said.append(voice.say(f"missing_{reason}", names=", ".join(voice.capped(names, _GAPS_A_REASON))))
    return said


def missing_names(missing: Iterable[Missing], voice: Voice) -> list[str]:
    """Return the data that did not come or could not be read, each named once; nothing else that lacks.

    Where no gap is of that sort, all of them are named.
    """
    gaps = list(missing)
    told = voice.knowledge.triage.tell_always | voice.knowledge.triage.tell_with_twitch
    named = [gap for gap in gaps if gap.reason in told] or gaps
    return sorted(
        {_reason_and_name(gap, voice)[1] for gap in named}, key=lambda name: (name.casefold(), name)
    )


def _plainest(items: Iterable[Named], voice: Voice) -> list[Named]:
    """Return the items without derived numbers of which a member is named as well."""
    listed_items = list(items)
    names = {item.name for item in listed_items}
    return [item for item in listed_items if names.isdisjoint(voice.members(item.name))]


def _reason_and_name(gap: Missing, voice: Voice) -> tuple[str, str]:
    state = voice.facts.states.get(gap.kind)
    if gap.reason == "not-sent" and voice.knowledge.frames.has(f"kind_{gap.kind}"):
        reason = "not-sent" if state is None or state.is_known else state.value
        return reason, voice.say(f"kind_{gap.kind}")
    reason = "not-recent" if gap.reason == "not-measured" and voice.has_result(gap.name) else gap.reason
    return reason, named_inside(gap.kind, gap.name, voice.knowledge)


def quality_words(names: set[str], voice: Voice) -> list[str]:
    """Return what was sent and could not be used, raw values harmless, for tests that matter here."""
    said = [_set_aside(item, voice) for item in voice.facts.set_aside if item.name in names]
    for name in sorted(names):
        latest = voice.latest(name)
        if latest is not None and latest.unit_doubtful:
            said.append(voice.say("doubtful_unit", name=voice.title("lab", name), value=voice.value(latest)))
    return voice.capped(list(dict.fromkeys(said)), _NOTES)


def _set_aside(item: SetAside, voice: Voice) -> str:
    reason = neutral(item.reason.rstrip("."), EVIDENCE_LIMIT)
    name = voice.title(item.kind or "lab", item.name or "")
    return " ".join(voice.say("set_aside", name=name, shown=neutral(item.shown, 40), reason=reason).split())


def gaps(entries: Sequence[Entry], unknown: Iterable[Finding], voice: Voice) -> list[Block]:
    """Return the blocks "not available" and "data quality" of a card."""
    missing = [m for entry in entries for f in entry.findings for m in f.missing]
    missing += [m for f in unknown for m in f.missing if _matters(m, voice)]
    known = {gap.name for gap in missing}
    missing += [gap for gap in _unmeasured(voice) if gap.name not in known]
    names = {m.name for m in missing} | {e.name for e in evidence_of(entries)}
    names |= set(voice.knowledge.triage.basic_tests)
    return [
        *listed("missing", missing_words(missing, voice), GAPS, voice),
        *listed("quality", quality_words(names, voice), GAPS, voice),
    ]


def _matters(gap: Missing, voice: Voice) -> bool:
    """Whether a gap of an undecided rule is told: data that did not come, and the basic tests."""
    settings = voice.knowledge.triage
    if gap.reason in settings.tell_always | settings.tell_with_twitch:
        return True
    return gap.reason in _UNUSABLE and gap.name in (*settings.basic_tests, *settings.also_on_record)


def _unmeasured(voice: Voice) -> list[Missing]:
    """Return the basic tests that have no result in their usual look-back, whatever the rules asked."""
    if not voice.facts.state("lab").is_known:
        return [Missing("lab", name, "not-sent") for name in voice.knowledge.triage.basic_tests[:1]]
    names = [name for name in voice.knowledge.triage.basic_tests if voice.latest(name) is None]
    refused = {item.name for item in voice.facts.set_aside}
    return [Missing("lab", name, "unreadable" if name in refused else "not-measured") for name in names]


def also_abnormal(entries: Iterable[Entry], on_record: Sequence[Finding], voice: Voice) -> list[str]:
    """Return evidence-only findings and abnormal results among the basic tests that no rule uses (7.3)."""
    said = [voice.evidence(e) for f in on_record for e in f.evidence if e.name != "twitch"]
    used: set[object] = {source for e in evidence_of(entries) for source in (e.source, *e.sources)}
    used |= {source for f in on_record for e in f.evidence for source in (e.source, *e.sources)}
    for name in voice.knowledge.triage.also_on_record:
        latest = voice.latest(name)
        if latest is not None and latest.source not in used and is_abnormal(latest, voice):
            said.append(f"{voice.title('lab', name)} {voice.value(latest)}")
    return list(dict.fromkeys(said))


# --- steps, reasons, sources


def step_blocks(steps: Steps, entries: Sequence[Entry], brief: bool, voice: Voice) -> list[Block]:
    """Return the blocks "options to consider" and "advice"; ``brief`` leaves drafts to the suggestions."""
    advice = voice.texts(unique_lines(line for entry in entries for f in entry.findings for line in f.advice))
    return [
        *listed("steps", steps_in_words(steps, brief, voice), GAPS, voice),
        *listed("advice", [line.rstrip(".") for line in advice], DETAILS, voice),
    ]


def change_block(entries: Sequence[Entry], voice: Voice) -> list[Block]:
    """Return what would change the conclusion: newer results, missing facts, corrected records (11.5)."""
    cited = [item for item in evidence_of(entries) if item.name != "twitch" and item.kind != "patient"]
    measured = [e for e in cited if e.kind in ("lab", "vital", "survey") and e.moment is not None]
    absent = [e for e in cited if e.kind in ("lab", "vital", "survey") and e.moment is None]
    gaps = [m for entry in entries for f in entry.findings for m in f.missing]
    tests, lacking = _names(measured, voice), _names([*absent, *gaps], voice)
    said = [voice.say("change_values", names=", ".join(voice.capped(tests, _NAMED)))] if tests else []
    if lacking:
        said.append(voice.say("change_missing", names=", ".join(voice.capped(lacking, _NAMED))))
    said += [voice.say("change_records")] if len(measured) + len(absent) < len(cited) or not said else []
    return listed("change", said, GAPS, voice)


def _names(items: Iterable[Evidence | Missing], voice: Voice) -> list[str]:
    return list(
        dict.fromkeys(named_inside(item.kind, item.name, voice.knowledge) for item in _plainest(items, voice))
    )


def logic_blocks(entries: Sequence[Entry], room: int | None, voice: Voice) -> Iterator[Block]:
    """Yield for each finding why it fired: its branch in words, and the version of its rule (11.2).

    ``room`` is how many characters the words of one may take, whole clauses only; None: as many as needed.
    """
    findings = [finding for entry in entries for finding in entry.findings]
    for place, finding in enumerate(findings):
        rule = voice.knowledge.rules.get(finding.rule_id)
        if rule is None:
            continue
        words = fired_in_words(rule.id, finding.branch, voice.knowledge, room)
        said = voice.say("logic_of", words=words, rule=rule.id, version=rule.version)
        yield Block(voice.say("logic", items=said), LAST if place else GAPS)


def source_blocks(rule_ids: Sequence[str], most: int, voice: Voice) -> list[Block]:
    """Return at most so many citations with their years, the rest counted; the links carry the addresses."""
    cited = [citation_words(use, work, voice) for use, work in citations_of(rule_ids, voice)]
    return listed("sources", voice.capped(list(dict.fromkeys(cited)), most), FIXED, voice)


def foot(rule_ids: Sequence[str], voice: Voice) -> Block:
    """Return for whom the card is, its limits, its maker and its release (section 11)."""
    ages = {voice.knowledge.rules[rule_id].ages for rule_id in rule_ids if rule_id in voice.knowledge.rules}
    population = voice.say("population_adult" if ages == {"adult"} else "population_all")
    product = voice.say("product", version=voice.knowledge.version, released=voice.knowledge.released)
    return Block(voice.say("foot", population=population, product=product), FIXED)


def extras(items: Sequence[str], frame: str, voice: Voice) -> list[Block]:
    """Return a labeled paragraph that may be dropped early."""
    return listed(frame, items, EXTRAS, voice)
