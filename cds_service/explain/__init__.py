"""Why a rule fired, did not fire or could not tell: every criterion with its answer, values and gaps.

Works on a finished review and gives JSON-ready data; ``explain.text`` makes a page for the terminal of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from cds_service.catalogue.logic import OPEN_GATES, criterion_in_words, logic_in_words
from cds_service.catalogue.titles import title_of
from cds_service.engine import BranchTrace, Context, RuleTrace, as_verdict
from cds_service.facts import PatientFacts
from cds_service.findings import Evidence, Finding, Missing, Verdict, spoken
from cds_service.knowledge import Knowledge
from cds_service.program import program_of
from cds_service.rules import Criterion, Rule
from cds_service.rules.criteria import Combination, MeetsCriterion, NumberCriterion
from cds_service.site import SwitchedOff
from cds_service.site_changes import changes_of_rule
from cds_service.text.neutral import exact, neutral
from cds_service.unread import unread_rows

#: Longest text of one fact.
_LONGEST_TEXT = 400

__all__ = ["Reviewed", "explain_facts", "explain_patient", "explain_site", "logic_in_words"]


class Reviewed(Protocol):
    """What is needed of a review: the facts judged and the findings after triage."""

    @property
    def facts(self) -> PatientFacts:
        """The facts of the patient."""
        ...

    @property
    def findings(self) -> tuple[Finding, ...]:
        """One finding for each rule, after triage."""
        ...

    @property
    def context(self) -> Context | None:
        """The working memory of the judging, or None."""
        ...


def explain_patient(review: Reviewed, knowledge: Knowledge, rule_id: str | None = None) -> dict[str, Any]:
    """Return the explanation of every rule (or of one) for the patient of a review, JSON-ready.

    ``rules`` holds one entry for each rule: fired ones first in rank order, then those that could not tell,
    then the rest by id. ``definitions`` holds, once each and by id, how every definition came out that a
    criterion names in ``meets``; one that fails inside has the answer ``error``. What holds for the whole
    (``explain_site``) stands beside them, unless one rule only is asked for.

    Raises:
        KeyError: ``rule_id`` names no rule.
    """
    return explain_facts(review.facts, review.findings, knowledge, rule_id, review.context)


def explain_facts(
    facts: PatientFacts,
    findings: Sequence[Finding],
    knowledge: Knowledge,
    rule_id: str | None = None,
    context: Context | None = None,
) -> dict[str, Any]:
    """Return the explanation for facts and triaged findings. Raises KeyError for an unknown rule.

    ``context`` is the working memory the findings come from; without it everything is judged again.
    """
    off = knowledge.site.switched_off
    if rule_id is not None and rule_id not in knowledge.rules and rule_id not in off:
        raise KeyError(rule_id)
    wanted = [f for f in findings if f.rule_id in knowledge.rules and rule_id in (None, f.rule_id)]
    teller = _Teller(_phrasebook(knowledge), facts.mapped)
    ids = [finding.rule_id for finding in wanted]
    traces = program_of(knowledge).traces(ids, facts, context, teller.criterion)
    rules = [_told(teller, traces.rules[finding.rule_id], finding) for finding in wanted]
    rules += [_switched_off(off[name], knowledge) for name in off if rule_id in (None, name)]
    failed = {name: _failed(name, kind, knowledge) for name, kind in traces.failed.items()}
    told = {**traces.definitions, **failed}
    definitions = {name: {"title": knowledge.definitions[name].title, **told[name]} for name in sorted(told)}
    around = explain_site(facts, knowledge) if rule_id is None else {}
    return {"rules": rules, "definitions": definitions, **around}


def _told(teller: _Teller, trace: RuleTrace, finding: Finding) -> dict[str, Any]:
    """Return the explanation of a rule; one that fails inside says so and costs no other."""
    try:
        return teller.rule(trace, finding)
    except Exception as error:
        words = teller.book.knowledge.frames.say("why_answer_error")
        kind = type(error).__name__
        return {**_named(trace.rule, "error"), "words": words, "logic": [], "branches": [], "error": kind}


def _named(rule: Rule | SwitchedOff, answer: str) -> dict[str, Any]:
    """Return what the explanation of a rule begins with."""
    return {
        "ruleId": rule.id,
        "title": rule.title,
        "group": rule.group,
        "version": rule.version,
        "answer": answer,
    }


def _failed(name: str, kind: str, knowledge: Knowledge) -> dict[str, Any]:
    """Return the explanation of a definition that fails inside; ``kind`` is that of the error."""
    text = f"{name}: {knowledge.frames.say('why_answer_error')}"
    return {"answer": "error", "text": text, "error": kind}


def explain_site(facts: PatientFacts, knowledge: Knowledge) -> dict[str, Any]:
    """Return what holds for the whole explanation: the changes of the site, and the codes nobody could read.

    Parts that are empty are left out.
    """
    site = knowledge.site
    entry = {
        "site": site.name,
        "changes": [change.as_json() for change in site.changes],
        "switchedOff": [line.name for line in site.switches],
        "unreadCodes": unread_rows(facts.unread_codes),
    }
    return {name: value for name, value in entry.items() if value}


def _switched_off(rule: SwitchedOff, knowledge: Knowledge) -> dict[str, Any]:
    """Return the explanation of a rule that is not judged at this site."""
    return {
        **_named(rule, "switched-off"),
        "words": knowledge.frames.say("why_answer_switched-off"),
        "because": rule.switch.because,
        "by": rule.switch.by,
        "logic": [],
        "branches": [],
    }


class Phrasebook:
    """What is said of rules and criteria whoever the patient is, each made once."""

    def __init__(self, knowledge: Knowledge) -> None:
        """Take the knowledge whose rules are explained."""
        self.knowledge = knowledge
        self._logic: dict[str, list[str]] = {}
        self._criteria: dict[int, tuple[Criterion, dict[str, Any]]] = {}

    def logic(self, rule: Rule) -> list[str]:
        """Return the logic of a rule as sentences."""
        if rule.id not in self._logic:
            self._logic[rule.id] = logic_in_words(rule, self.knowledge)
        return self._logic[rule.id]

    def gate(self, name: str) -> str:
        """Return what a gate asks for, in words; empty where it asks for nothing beside the criterion."""
        return "" if name in OPEN_GATES else self.knowledge.frames.say(f"gate_{name}")

    def criterion(self, criterion: Criterion) -> dict[str, Any]:
        """Return text, note, threshold, count and definitions of a criterion; not to be changed."""
        known = self._criteria.get(id(criterion))  # by identity: equality walks the whole tree
        if known is None:
            known = self._criteria[id(criterion)] = (criterion, self._said(criterion))
        return known[1]

    def _said(self, criterion: Criterion) -> dict[str, Any]:
        entry = {
            "text": self._words(criterion),
            "note": criterion.note,
            "threshold": _threshold(criterion),
            "atLeast": _at_least(criterion),
            "meets": list(criterion.names) if isinstance(criterion, MeetsCriterion) else [],
        }
        return {name: value for name, value in entry.items() if value}

    def _words(self, criterion: Criterion) -> str:
        if isinstance(criterion, Combination):
            return criterion.op.replace("_", " ")
        return criterion_in_words(criterion, self.knowledge)


_phrasebook = lru_cache(maxsize=8)(Phrasebook)


@dataclass(frozen=True, slots=True)
class _Teller:
    """Tells one patient.

    ``mapped`` gives the local code behind a resource; ``shown`` keeps, by identity, what several criteria
    rest on or miss.
    """

    book: Phrasebook
    mapped: Mapping[str, str]
    shown: dict[int, tuple[Evidence | Missing, dict[str, str]]] = field(default_factory=dict)

    def rule(self, trace: RuleTrace, finding: Finding) -> dict[str, Any]:
        rule, knowledge = trace.rule, self.book.knowledge
        error = finding.error or trace.error
        answer = "error" if error else finding.verdict.value
        entry: dict[str, Any] = {
            **_named(rule, answer),
            "words": knowledge.frames.say(f"why_answer_{answer}"),
            "logic": self.book.logic(rule),
            "branches": [self.branch(branch) for branch in trace.branches],
        }
        optional: dict[str, Any] = {
            "rank": finding.rank,
            "strength": finding.strength if finding.verdict is Verdict.MATCH else "",
            "indicator": finding.indicator if finding.verdict is Verdict.MATCH else "",
            "branch": finding.branch,
            "summary": spoken(finding.summary, neutral),
            "foldedInto": finding.folded_into,
            "gaveWayTo": finding.gave_way_to,
            "stale": neutral(finding.stale),
            "error": error,
            "raisedBy": list(finding.raised_by),
            "loweredBy": list(finding.lowered_by),
            "wouldChange": [self.gap(gap) for gap in deciding(trace.branches)],
            "site": [change.as_json() for change in changes_of_rule(rule, knowledge)],
        }
        return entry | {name: value for name, value in optional.items() if value}

    def branch(self, branch: BranchTrace) -> dict[str, Any]:
        entry = {
            "id": branch.branch_id,
            "runsAtThisHook": branch.when is not None,
            "gate": self.gate(branch),
            "ages": self.ages(branch),
            "when": branch.when or "",
            "unless": list(branch.unless),
        }
        return {name: value for name, value in entry.items() if value not in ("", [], {})}

    def gate(self, branch: BranchTrace) -> dict[str, Any]:
        words = self.book.gate(branch.gate)
        said = {"words": words} if words else {}
        _, evidence, missing = branch.gate_seen
        answer = {"name": branch.gate, "answer": branch.gate_verdict.value}
        return {**answer, **said, **self.seen(evidence, missing)}

    def ages(self, branch: BranchTrace) -> dict[str, Any]:
        if branch.ages_seen is None:
            return {}
        verdict, evidence, missing = branch.ages_seen
        words = self.book.knowledge.frames.say("ages_adult")
        return {"answer": as_verdict(verdict).value, "words": words, **self.seen(evidence, missing)}

    def seen(self, evidence: tuple[Evidence, ...], missing: tuple[Missing, ...]) -> dict[str, Any]:
        entry = {
            "evidence": [self.evidence(item) for item in evidence],
            "missing": [self.gap(item) for item in missing],
        }
        return {name: value for name, value in entry.items() if value}

    def criterion(
        self,
        criterion: Criterion,
        verdict: Verdict,
        evidence: tuple[Evidence, ...] = (),
        missing: tuple[Missing, ...] = (),
        children: tuple[dict[str, Any], ...] = (),
    ) -> dict[str, Any]:
        # an enum's own attribute, because reading .value costs a call for each of a thousand criteria
        entry = {"answer": verdict._value_, **self.book.criterion(criterion)}
        if children:
            entry["parts"] = list(children)
        if evidence:
            entry["evidence"] = [self.evidence(item) for item in evidence]
        if missing:
            entry["missing"] = [self.gap(item) for item in missing]
        return entry

    def gap(self, item: Missing) -> dict[str, str]:
        known = self.shown.get(id(item))
        if known is None:
            known = self.shown[id(item)] = (item, _gap(item, self.book.knowledge))
        return known[1]

    def evidence(self, item: Evidence) -> dict[str, str]:
        known = self.shown.get(id(item))
        if known is None:
            known = self.shown[id(item)] = (item, _evidence(item, self.mapped))
        return known[1]


def deciding(branches: Iterable[BranchTrace]) -> list[Missing]:
    """Return the missing facts that could still change the answer of a rule, each once.

    A branch counts if it runs at this hook and is not already settled by gate or criterion.
    """
    gaps: dict[Missing, None] = {}
    for branch in branches:
        if branch.gate_verdict is not Verdict.NO_MATCH:
            gaps.update(dict.fromkeys(branch.missing))
    return list(gaps)


def _at_least(criterion: Criterion) -> int:
    """Return how many parts of ``some`` must hold; 0 for other criteria."""
    return criterion.at_least if isinstance(criterion, Combination) and criterion.op == "some" else 0


def _threshold(criterion: Criterion) -> list[str]:
    if not isinstance(criterion, NumberCriterion):
        return []
    return [str(limit) for limit in criterion.limits] + list(criterion.states)


def _evidence(evidence: Evidence, mapped: Mapping[str, str]) -> dict[str, str]:
    moment = "" if evidence.moment is None else evidence.moment.text
    entry = {
        "text": neutral(evidence.text, _LONGEST_TEXT),
        "value": "" if evidence.value is None else format(evidence.value, "f"),
        "unit": evidence.unit,
        "reported": neutral(evidence.reported),
        "date": moment,
        "range": neutral(evidence.reference_range),
        "source": "" if evidence.source is None else exact(str(evidence.source)),
        "mappedFrom": "" if evidence.source is None else exact(mapped.get(evidence.source.pointer, "")),
    }
    return {name: value for name, value in entry.items() if value}


def _gap(gap: Missing, knowledge: Knowledge) -> dict[str, str]:
    entry = {
        "kind": gap.kind,
        "name": gap.name,
        "title": title_of(gap.kind, gap.name, knowledge),
        "reason": gap.reason,
        "detail": gap.detail,
    }
    return {name: value for name, value in entry.items() if value}
