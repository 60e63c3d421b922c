"""The one way through: a FHIR record goes in, ranked findings and cards come out.

Web, command line, batch and tests all call ``review_patient``. It reads no clock and no file; the
evaluation date is handed in, so the same record gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec

from cds_service.cards import build_cards, topic_code
from cds_service.cards.limits import NO_LIMITS, CardLimits, limited
from cds_service.engine import Context, Program
from cds_service.errors import Issue, PatientDataError
from cds_service.facts import DataState, PatientFacts, SetAside, Source
from cds_service.fhir import Record, extract_facts, first_alike, read_bundle, second_look
from cds_service.findings import Evidence, Finding, Missing, Verdict, spoken
from cds_service.knowledge import Knowledge
from cds_service.program import program_of
from cds_service.salvage import written
from cds_service.text.neutral import exact, neutral
from cds_service.triage import Triaged, triage
from cds_service.triage.answers import RecallAnswers, Telling, answered_findings, no_answers, tellings_of
from cds_service.triage.repeats import Mark, Recall, known_again, marks_of, nothing_shown

#: Extension of the answer with everything the cards rest on (docs/integrate.md).
EXTENSION = "org.twitch-cds.review"
DEFAULT_BASE_URL = "http://127.0.0.1:8000"

_Written = tuple[Triaged, tuple[dict[str, Any], ...], tuple[Mark, ...], dict[str, Telling]]
#: Longest text of one fact in the review; a card says less.
_LONGEST_TEXT = 400

#: After so many rounds in which something cited failed the strict second look, everything is looked at.
_CITED_ROUNDS = 5
#: A record in which even then something new keeps failing is refused: no card may rest on it.
_MOST_ROUNDS = 20


@dataclass(frozen=True, slots=True)
class Review:
    """What one look at one patient gave.

    ``findings`` holds one finding per rule: ranked ones first. ``cards`` are CDS Hooks cards.
    ``marks`` are those of the cautions that got a card of their own and are not told again for a while.
    ``tellings`` are what findings with a card told, by rule: what an answer to the card is about.
    ``switched_off`` are the rules the site does not have judged. ``context`` is the working memory of
    the judging, so that an explanation need not judge again.
    """

    facts: PatientFacts
    triaged: Triaged
    cards: tuple[dict[str, Any], ...]
    knowledge_version: str
    marks: tuple[Mark, ...] = ()
    tellings: Mapping[str, Telling] = field(default_factory=dict)
    switched_off: tuple[str, ...] = ()
    context: Context | None = field(default=None, compare=False, repr=False)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Every rule's finding, best first."""
        return self.triaged.findings

    @property
    def assessable(self) -> bool:
        """Whether anything at all could be judged; if not, the answer is an error and not "no cards".

        There was something to judge where a rule matched, where one of the main kinds of data is known
        (if only as none on record), or where one fact was read, however incomplete its kind is.
        """
        facts = self.facts
        if any(finding.verdict is Verdict.MATCH for finding in self.findings):
            return True
        if facts.numbers or facts.drugs or facts.events or facts.twitch is not None:
            return True
        return any(facts.state(kind).is_known for kind in ("lab", "drug", "condition", "symptom"))

    @property
    def counts(self) -> dict[str, int]:
        """Rules by answer; the parts always add up to ``rules``."""
        errored = [f for f in self.findings if f.error]
        judged = [f.verdict for f in self.findings if not f.error]
        return {
            "rules": len(self.findings) + len(self.switched_off),
            "matched": judged.count(Verdict.MATCH),
            "notMatched": judged.count(Verdict.NO_MATCH),
            "unknown": judged.count(Verdict.UNKNOWN),
            "errored": len(errored),
            **({"switchedOff": len(self.switched_off)} if self.switched_off else {}),
        }

    def response(self) -> dict[str, Any]:
        """Return the CDS Hooks response: the cards, and the review as an extension (design 2.3)."""
        return {"cards": list(self.cards), "extension": {EXTENSION: self.extension()}}

    def told_findings(self) -> list[dict[str, Any]]:
        """Return the matched findings in rank order, as design 2.3 names their fields."""
        matched = [f for f in self.findings if f.verdict is Verdict.MATCH]
        ranks = {f.rule_id: f.rank for f in matched if f.rank}
        held = dict(self.triaged.held)
        before = {finding.rule_id: day for finding, day in self.triaged.before}
        return [
            _finding_json(f, ranks, held.get(f.rule_id, ""), before.get(f.rule_id, ""), self.facts.mapped)
            for f in matched
        ]

    def extension(self) -> dict[str, Any]:
        """Return counts, matched findings in rank order, what was considered and what was not assessed."""
        outside = {"outside": self.triaged.outside} if self.triaged.outside else {}
        return {
            "knowledgeVersion": self.knowledge_version,
            "asOf": self.facts.as_of.isoformat(timespec="seconds"),
            "counts": self.counts,
            **outside,
            "findings": self.told_findings(),
            "dataConsidered": _data_considered(self.facts),
            "notAssessed": _not_assessed(self.findings),
            **({"switchedOff": list(self.switched_off)} if self.switched_off else {}),
        }


def review_patient(
    record: Record | bytes | Mapping[str, Any],
    knowledge: Knowledge,
    *,
    as_of: datetime,
    hook: str = "patient-view",
    patient_id: str | None = None,
    encounter_id: str | None = None,
    only: Collection[str] | None = None,
    base_url: str = DEFAULT_BASE_URL,
    instance: str = "",
    recall: Recall = nothing_shown,
    recall_answers: RecallAnswers = no_answers,
    limits: CardLimits = NO_LIMITS,
    with_cards: bool = True,
) -> Review:
    """Judge every rule for one patient and write the cards.

    Args:
        record: What ``cds_service.fhir`` read, a Bundle or a prefetch; or a Bundle itself, as JSON or as the
            mapping some other library made of it.
        knowledge: All content.
        as_of: The evaluation date, with zone.
        hook: Which hook is being answered; rules of other hooks are not judged.
        patient_id: Logical id of the patient, where the caller knows it.
        encounter_id: Logical id of the current encounter, where the caller knows it.
        only: Ids of the rules to judge; None judges all.
        base_url: Address of this service, for links to rule pages.
        instance: The ``hookInstance`` of a call, so that two calls give cards of different uuid;
            without it the same record gives the same bytes.
        recall: What was told before; asked about the cautions that are told once only.
        recall_answers: What clinicians answered to cards; asked about what would be shown.
        limits: What the client can show of cards.
        with_cards: False ranks the findings and writes no card: for batches, where nobody reads cards.

    Raises:
        NotFhir: A Bundle that is no Bundle.
        PatientDataError: The data cannot be used at all: no patient, two patients, or resource after
            resource that fails the strict reading.
    """
    if not isinstance(record, Record):
        record = read_bundle(record if isinstance(record, bytes) else msgspec.json.encode(record))
    program = program_of(knowledge)
    context, findings = _judged(record, knowledge, program, as_of, hook, patient_id, encounter_id, only)
    facts, plan, rules = context.facts, knowledge.triage.plan(hook), knowledge.rules
    encounter = encounter_id or ("" if facts.encounter.source is None else facts.encounter.source.reference)
    lines_stay = not (limits.cards or limits.detail)
    answered = answered_findings(recall_answers, rules, facts, knowledge.triage, encounter, lines_stay)

    def write(found: tuple[Finding, ...]) -> _Written:
        asked = marks_of(found, rules, facts, plan.shown_within)
        quiet = known_again(found, asked, recall, plan.shown_by)
        triaged = triage(found, rules, knowledge.triage, facts, quiet, answered)
        if not with_cards:
            return triaged, (), (), {}
        composed = build_cards(triaged, facts, knowledge, base_url=base_url, instance=instance)
        cards = limited(composed, limits, knowledge.frames)
        told = _told_alone(triaged, cards)
        kept = marks_of(
            (f for f in found if f.rule_id in told), rules, facts, knowledge.triage.remembers(hook)
        )
        shown = (finding for entry in triaged.shown for finding in entry.findings)
        tellings = tellings_of(shown, rules, facts, knowledge.triage, encounter, lines_stay)
        return triaged, cards, tuple(sorted(kept.values(), key=lambda mark: mark.text)), tellings

    triaged, cards, own, tellings = written(findings, write)
    off = tuple(rule_id for rule_id in knowledge.site.switched_off if only is None or rule_id in only)
    return Review(facts, triaged, cards, knowledge.version, own, tellings, off, context)


def _told_alone(triaged: Triaged, cards: Collection[Mapping[str, Any]]) -> frozenset[str]:
    """Return the rules of those order cautions that lead or share a card: not what merely overflowed."""
    leads = {card["source"]["topic"]["code"] for card in cards if "topic" in card["source"]}
    entries = [entry for entry in triaged.orders if topic_code(entry.lead.rule_id) in leads]
    return frozenset(finding.rule_id for entry in entries for finding in entry.findings)


def _judged(
    record: Record,
    knowledge: Knowledge,
    program: Program,
    as_of: datetime,
    hook: str,
    patient_id: str | None,
    encounter_id: str | None,
    only: Collection[str] | None,
) -> tuple[Context, tuple[Finding, ...]]:
    """Judge, look strictly at what was cited, and judge again without what failed, until nothing fails."""
    refused: dict[str, SetAside] = {}
    for turn in range(_MOST_ROUNDS):
        facts = extract_facts(
            record,
            knowledge.terminology,
            knowledge.narrative,
            as_of=as_of,
            hook=hook,
            patient_id=patient_id,
            encounter_id=encounter_id,
            without=frozenset(refused),
            refused=tuple(refused.values()),
        )
        context = program.context(facts)
        findings = program.judge(facts, only, context)
        sources = _cited(findings, facts) if turn < _CITED_ROUNDS else _every_source(facts)
        failed = second_look(record, sources)
        new = {aside.source.pointer: aside for aside in failed if aside.source.pointer not in refused}
        if not new:
            return context, findings
        refused.update(new)
    raise PatientDataError(
        Issue(
            "record",
            "F076",
            "holds so many resources that fail the strict reading that nothing can rest on it.",
            "Correct what F070 to F075 say of them.",
        )
    )


def _cited(findings: tuple[Finding, ...], facts: PatientFacts) -> tuple[Source, ...]:
    """Return the sources every matched finding rests on or prints, each once, in a fixed order."""
    sources = [source for finding in findings for source in finding.cited]
    if sources and facts.twitch is not None:
        sources += [facts.twitch.source, *facts.twitch.sources]
    return tuple(dict.fromkeys(sources))


def _every_source(facts: PatientFacts) -> tuple[Source, ...]:
    """Return the sources of all facts, each once, in a fixed order."""
    events = (event for names in facts.events.values() for found in names.values() for event in found)
    twitch = () if facts.twitch is None else (facts.twitch.source, *facts.twitch.sources)
    found = (
        *(m.source for results in facts.numbers.values() for m in results),
        *(use.source for uses in facts.drugs.values() for use in uses),
        *(event.source for event in events),
        *twitch,
    )
    return tuple(dict.fromkeys(found))


# --- JSON


def _finding_json(
    finding: Finding, ranks: Mapping[str, int], held: str, shown_on: str, mapped: Mapping[str, str]
) -> dict[str, Any]:
    """Return a matched finding; one that was folded has the rank of its lead, one that is not shown none.

    ``held`` is the word why it stands on no card; empty where it does; ``shown_on`` the day of the card that
    was answered. ``mapped`` gives the local code
    of a resource that only the site's map made understood.
    """
    entry: dict[str, Any] = {
        "ruleId": finding.rule_id,
        "cause": finding.cause,
        "rank": ranks.get(finding.folded_into or finding.rule_id, 0),
        "role": finding.role,
        "strength": finding.strength,
        "indicator": finding.indicator,
        "summary": spoken(finding.summary, neutral),
        "evidence": [_evidence_json(e, mapped) for e in finding.evidence],
        "missing": [missing_json(m) for m in finding.missing],
    }
    optional = {
        "branch": finding.branch,
        "foldedInto": finding.folded_into,
        "gaveWayTo": finding.gave_way_to,
        "held": held,
        "shownOn": shown_on,
        "stale": neutral(finding.stale),
        "unproposed": finding.unproposed,
    }
    if not entry["rank"]:
        del entry["rank"]
    entry.update({key: value for key, value in optional.items() if value})
    return entry


def _evidence_json(evidence: Evidence, mapped: Mapping[str, str]) -> dict[str, Any]:
    entry: dict[str, Any] = {"text": neutral(evidence.text, _LONGEST_TEXT)}
    if evidence.source is not None:
        entry["source"] = exact(str(evidence.source))
        if local := mapped.get(evidence.source.pointer):
            entry["mappedFrom"] = exact(local)
    if evidence.value is not None:
        entry["value"] = evidence.value
        if evidence.unit:
            entry["unit"] = evidence.unit
    if evidence.moment is not None:
        entry["effective"] = evidence.moment.text
    return entry


def missing_json(missing: Missing) -> dict[str, str]:
    """Return one thing that was not known, JSON-ready (design 2.3)."""
    entry = {"kind": missing.kind, "name": missing.name, "reason": missing.reason}
    return entry | ({"detail": missing.detail} if missing.detail else {})


def _data_considered(facts: PatientFacts) -> dict[str, Any]:
    states: Mapping[str, DataState] = facts.states
    return {
        "kinds": {kind: states[kind].value for kind in sorted(states)},
        "setAside": [
            {
                "source": exact(str(a.source)),
                "code": a.code,
                "reason": neutral(a.reason),
                **({"name": a.name} if a.name else {}),
            }
            for a in first_alike(facts.set_aside)
        ],
        "unreadCodes": [
            {"kind": kind, "system": exact(system), "code": exact(code), "count": count}
            for (kind, system, code), count in sorted(facts.unread_codes.items())
        ],
        **({"outsideScope": facts.outside} if facts.outside else {}),
    }


def _not_assessed(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    return [
        {
            "ruleId": f.rule_id,
            "missing": [missing_json(m) for m in f.missing],
            **({"error": f.error} if f.error else {}),
        }
        for f in sorted(findings, key=lambda f: f.rule_id)
        if f.verdict is Verdict.UNKNOWN
    ]
