"""Findings whose card a clinician has answered: by which marks they are known again, and for how long.

A mark is a hash of rule, weight and what the finding rests on. A new result, drug, dose, symptom or draft, a
change of weight, and another version of the rule make another mark: then the finding has a card of its own
again.

Source: content specification 7.5 (key, times, what is never quieted), I5 (red flags), 6H (critical
cautions about an order are repeated).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cds_service.facts import PatientFacts, Twitch
from cds_service.findings import Evidence, Finding, Verdict
from cds_service.frames import TriageSettings
from cds_service.rules import Rule
from cds_service.triage.folding import EVIDENCE_ONLY
from cds_service.triage.repeats import drafts_of

#: The card on which a finding without a card of its own is still told.
_CONSOLIDATED = "differential"
#: Kinds of evidence that change with the calendar alone.
_NOT_EVIDENCE = ("patient",)


@dataclass(frozen=True, slots=True)
class Telling:
    """What one finding tells, as a hash.

    An answer to it counts for ``seconds`` in the setting of this patient, and for ``longest`` in any.
    ``accepted_only``: to dismiss its card is not to acknowledge it.
    """

    text: str
    seconds: int
    longest: int
    accepted_only: bool = False


#: Tells which of some tellings count as answered, and when each was shown (seconds since 1970 UTC).
RecallAnswers = Callable[[Sequence[Telling]], Mapping[Telling, int]]
#: Tells of findings that would be shown which were answered: rule id and the day they were shown.
Answered = Callable[[Sequence[Finding]], Mapping[str, str]]


def nothing_answered(_findings: Sequence[object]) -> Mapping[str, str]:
    """Return that nothing was answered: what a look without a memory knows."""
    return {}


def no_answers(_tellings: Sequence[Telling]) -> Mapping[Telling, int]:
    """Return that no answer is remembered."""
    return {}


def tellings_of(
    findings: Iterable[Finding],
    rules: Mapping[str, Rule],
    facts: PatientFacts,
    settings: TriageSettings,
    encounter: str,
    lines_stay: bool = True,
) -> dict[str, Telling]:
    """Return rule id and telling of every finding that an answer may quiet.

    ``encounter`` names the current encounter, empty where it is not known: then no red flag is among them.
    ``lines_stay``: every line of a card reaches the clinician; else nothing urgent is among them.
    """
    lines_stay = lines_stay and _CONSOLIDATED in settings.plan(facts.hook).kinds
    told: dict[str, Telling] = {}
    for finding in findings:
        rule = rules.get(finding.rule_id)
        if rule is None or not settings.answered or not _may_be_quiet(finding, rule, facts):
            continue
        is_flag = finding.role == "red-flag"
        if (_is_urgent(finding) and not lines_stay) or (is_flag and not encounter):
            continue
        mark = _mark(finding, rule, facts, encounter if is_flag else "")
        times = [times.seconds(finding.indicator) for times in settings.answered.values()]
        here = settings.answered.get(facts.encounter.setting)
        seconds = min(times) if here is None else here.seconds(finding.indicator)
        told[finding.rule_id] = Telling(mark, seconds, max(times), accepted_only=is_flag)
    return told


def answered_findings(
    recall: RecallAnswers,
    rules: Mapping[str, Rule],
    facts: PatientFacts,
    settings: TriageSettings,
    encounter: str,
    lines_stay: bool = True,
) -> Answered:
    """Return what tells which findings of this patient were answered, by asking ``recall``."""

    def answered(findings: Sequence[Finding]) -> Mapping[str, str]:
        told = tellings_of(findings, rules, facts, settings, encounter, lines_stay)
        shown = recall(list(told.values())) if told else {}
        zone = facts.as_of.tzinfo or UTC
        return {
            rule_id: datetime.fromtimestamp(shown[telling], zone).date().isoformat()
            for rule_id, telling in told.items()
            if telling in shown
        }

    return answered


def _may_be_quiet(finding: Finding, rule: Rule, facts: PatientFacts) -> bool:
    """Whether an answer may take a finding its card anywhere."""
    if finding.verdict is not Verdict.MATCH or finding.role == EVIDENCE_ONLY or rule.repeat_always:
        return False
    return finding.indicator != "critical" or not drafts_of(finding, facts)


def _is_urgent(finding: Finding) -> bool:
    """Whether a finding may be quiet only where a line still tells it."""
    return finding.role == "red-flag" or finding.indicator == "critical" or finding.danger


def _mark(finding: Finding, rule: Rule, facts: PatientFacts, encounter: str) -> str:
    told = [
        "answered",
        encounter,
        finding.rule_id,
        rule.version,
        finding.branch,
        finding.indicator,
        finding.strength,
        finding.danger,
        sorted(finding.raised_by),
        sorted(finding.merged_rules),
        sorted(_facts(item) for item in finding.evidence if item.kind not in _NOT_EVIDENCE),
        sorted(finding.drugs),
        drafts_of(finding, facts),
        *_complaints(facts),
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def _complaints(facts: PatientFacts) -> list[list[str]]:
    """Return what the patient complains of: records, sites and form of the twitching, and other symptoms."""
    twitch = facts.twitch
    records = () if twitch is None else (twitch.source, *twitch.sources)
    symptoms = (event for found in facts.events.get("symptom", {}).values() for event in found)
    present = {f"{e.name} {e.side} {e.course}" for e in symptoms if e.status == "active"}
    return [sorted({source.reference for source in records}), _form(twitch), sorted(present)]


def _form(twitch: Twitch | None) -> list[str]:
    """Return what can become worse in the same record: where the twitching is, and how."""
    if twitch is None:
        return []
    traits = [f"{name} {twitch.traits[name]}" for name in sorted(twitch.traits)]
    return [str(twitch.level), *sorted(twitch.sites), str(twitch.side), str(twitch.course), *traits]


def _facts(evidence: Evidence) -> list[str]:
    """Return what makes a fact the same fact: a drug by name and dose, else record, value and time."""
    value = "" if evidence.value is None else str(evidence.value)
    if evidence.kind == "drug":
        return [evidence.kind, evidence.name, value, evidence.unit]
    moment = "" if evidence.moment is None else evidence.moment.text
    records = sorted({s.reference for s in (evidence.source, *evidence.sources) if s is not None})
    return [evidence.kind, evidence.name, value, evidence.unit, evidence.reported, moment, *records]
