"""Why a rule fired, did not fire or could not tell: every criterion with its answer, values and gaps.

Works on a finished review. ``explain_patient`` gives JSON-ready data, ``render_text`` a page for the
terminal; record text in the latter is harmless to a terminal too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from cds_service.engine import BranchTrace, RuleTrace, Trace
from cds_service.facts import PatientFacts
from cds_service.findings import Evidence, Finding, Missing, Verdict, plain
from cds_service.knowledge import Knowledge
from cds_service.logic import criterion_in_words, logic_in_words
from cds_service.neutral import neutral
from cds_service.program import program_of
from cds_service.rules import Criterion, Rule
from cds_service.rules.criteria import Combination, MeetsCriterion, NumberCriterion
from cds_service.site import SwitchedOff
from cds_service.site_changes import changes_of_rule
from cds_service.titles import title_of
from cds_service.unread import unread_rows

__all__ = ["Reviewed", "explain_facts", "explain_patient", "logic_in_words", "render_text"]

_MARKS = {"match": "+", "no-match": "-", "unknown": "?", "error": "!", "switched-off": "o"}
_INDENT = "  "


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


def explain_patient(
    review: Reviewed, knowledge: Knowledge, rule_id: str | None = None
) -> list[dict[str, Any]]:
    """Return the explanation of every rule (or of one) for the patient of a review, JSON-ready.

    Fired rules come first in rank order, then those that could not tell, then the rest by id.

    Raises:
        KeyError: ``rule_id`` names no rule.
    """
    return explain_facts(review.facts, review.findings, knowledge, rule_id)


def explain_facts(
    facts: PatientFacts, findings: Sequence[Finding], knowledge: Knowledge, rule_id: str | None = None
) -> list[dict[str, Any]]:
    """Return the explanation for facts and triaged findings. Raises KeyError for an unknown rule."""
    off = knowledge.site.switched_off
    if rule_id is not None and rule_id not in knowledge.rules and rule_id not in off:
        raise KeyError(rule_id)
    program = program_of(knowledge)
    wanted = [f for f in findings if f.rule_id in knowledge.rules and rule_id in (None, f.rule_id)]
    traces = program.traces((finding.rule_id for finding in wanted), facts)
    told = [_rule(traces[finding.rule_id], finding, knowledge) for finding in wanted]
    return told + [_switched_off(off[name], knowledge) for name in off if rule_id in (None, name)]


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
        "ruleId": rule.id,
        "title": rule.title,
        "version": rule.version,
        "answer": "switched-off",
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

    def criterion(self, criterion: Criterion) -> dict[str, Any]:
        """Return text, note, threshold and definition of a criterion; not to be changed."""
        known = self._criteria.get(id(criterion))  # by identity: equality walks the whole tree
        if known is None:
            known = self._criteria[id(criterion)] = (criterion, self._said(criterion))
        return known[1]

    def _said(self, criterion: Criterion) -> dict[str, Any]:
        entry = {
            "text": _words(criterion, self.knowledge),
            "note": criterion.note,
            "threshold": _threshold(criterion),
            "defined": _defined(criterion, self.knowledge),
        }
        return {name: value for name, value in entry.items() if value}


_phrasebook = lru_cache(maxsize=8)(Phrasebook)


def _rule(trace: RuleTrace, finding: Finding, knowledge: Knowledge) -> dict[str, Any]:
    rule = trace.rule
    error = finding.error or trace.error
    answer = "error" if error else finding.verdict.value
    entry: dict[str, Any] = {
        "ruleId": rule.id,
        "title": rule.title,
        "version": rule.version,
        "answer": answer,
        "words": knowledge.frames.say(f"why_answer_{answer}"),
        "logic": _phrasebook(knowledge).logic(rule),
        "branches": [_branch(branch, knowledge) for branch in trace.branches],
    }
    optional: dict[str, Any] = {
        "rank": finding.rank,
        "strength": finding.strength if finding.verdict is Verdict.MATCH else "",
        "indicator": finding.indicator if finding.verdict is Verdict.MATCH else "",
        "branch": finding.branch,
        "summary": plain(finding.summary),
        "foldedInto": finding.folded_into,
        "gaveWayTo": finding.gave_way_to,
        "stale": finding.stale,
        "error": error,
        "raisedBy": list(finding.raised_by),
        "loweredBy": list(finding.lowered_by),
        "wouldChange": deciding(trace.branches, knowledge),
        "site": [change.as_json() for change in changes_of_rule(rule, knowledge)],
    }
    return entry | {name: value for name, value in optional.items() if value}


def deciding(branches: Iterable[BranchTrace], knowledge: Knowledge) -> list[dict[str, str]]:
    """Return the missing facts that could still change the answer of a rule, each once.

    A branch counts if it runs at this hook and is not already settled by gate or criterion.
    """
    gaps: dict[Missing, None] = {}
    for branch in branches:
        open_gate = branch.applies and branch.gate_verdict is not Verdict.NO_MATCH
        if open_gate and branch.when.verdict is Verdict.UNKNOWN:
            gaps.update(dict.fromkeys(branch.when.missing))
    return [_missing(gap, knowledge) for gap in gaps]


def _branch(branch: BranchTrace, knowledge: Knowledge) -> dict[str, Any]:
    entry = {
        "id": branch.branch_id,
        "runsAtThisHook": branch.applies,
        "gate": {"name": branch.gate, "answer": branch.gate_verdict.value},
        "when": _criterion(branch.when, knowledge),
        "unless": [_criterion(item, knowledge) for item in branch.unless],
    }
    return {name: value for name, value in entry.items() if value not in ("", [])}


def _criterion(trace: Trace, knowledge: Knowledge) -> dict[str, Any]:
    entry = {"answer": trace.verdict.value, **_phrasebook(knowledge).criterion(trace.criterion)}
    if trace.children:
        entry["parts"] = [_criterion(child, knowledge) for child in trace.children]
        return entry
    if trace.evidence:
        entry["evidence"] = [_evidence(item) for item in trace.evidence]
    if trace.missing:
        entry["missing"] = [_missing(item, knowledge) for item in trace.missing]
    return entry


def _words(criterion: Criterion, knowledge: Knowledge) -> str:
    if isinstance(criterion, Combination):
        return criterion.op.replace("_", " ")
    return criterion_in_words(criterion, knowledge)


def _threshold(criterion: Criterion) -> list[str]:
    if not isinstance(criterion, NumberCriterion):
        return []
    return [str(limit) for limit in criterion.limits] + list(criterion.states)


def _defined(criterion: Criterion, knowledge: Knowledge) -> list[str]:
    """Return what the definitions behind a criterion ask for, in words."""
    names = criterion.names if isinstance(criterion, MeetsCriterion) else ()
    known = [knowledge.definitions[name] for name in names if name in knowledge.definitions]
    return [criterion_in_words(item.when, knowledge) for item in known if item.when is not None]


def _evidence(evidence: Evidence) -> dict[str, str]:
    moment = "" if evidence.moment is None else evidence.moment.text
    entry = {
        "text": evidence.text,
        "value": "" if evidence.value is None else format(evidence.value, "f"),
        "unit": evidence.unit,
        "reported": evidence.reported,
        "date": moment,
        "range": evidence.reference_range,
        "source": "" if evidence.source is None else str(evidence.source),
    }
    return {name: value for name, value in entry.items() if value}


def _missing(gap: Missing, knowledge: Knowledge) -> dict[str, str]:
    entry = {
        "kind": gap.kind,
        "name": gap.name,
        "title": title_of(gap.kind, gap.name, knowledge),
        "reason": gap.reason,
        "detail": gap.detail,
    }
    return {name: value for name, value in entry.items() if value}


# --- for the terminal


def render_text(explanation: Iterable[dict[str, Any]], site: Mapping[str, Any] | None = None) -> str:
    """Return an explanation as indented lines: ``+`` holds, ``-`` does not, ``?`` could not tell.

    ``site`` is what ``explain_site`` gave, told at the end.
    """
    lines = [line for rule in explanation for line in _rule_lines(rule)]
    return "\n".join([*lines, *_site_lines(site or {})])


def _site_lines(site: Mapping[str, Any]) -> list[str]:
    lines = [f"{site['site']} changes the published knowledge:"] if "changes" in site else []
    for change in site.get("changes", ()):
        subject = next(change[kind] for kind in ("rule", "definition", "file") if kind in change)
        what = f"{change.get('fact', '')} {change['word']}".strip()
        lines.append(
            f"{_INDENT}{subject}: {what} {change['used']} instead of {change['published']}"
            f" ({change['because']})"
        )
    unread = site.get("unreadCodes", [])
    lines += ["Codes of the record that no value set knows:"] if unread else []
    lines += [
        f"{_INDENT}{row['count']} x {row['kind']} {neutral(row['system'])} {neutral(row['code'])}"
        for row in unread
    ]
    return lines


def _rule_lines(rule: dict[str, Any]) -> list[str]:
    facts = [str(rule[name]) for name in ("strength", "indicator") if name in rule]
    facts += [f"#{rule['rank']}"] if "rank" in rule else []
    facts += [f"-> {rule[name]}" for name in ("foldedInto", "gaveWayTo") if name in rule]
    tail = f" ({', '.join(facts)})" if facts else ""
    lines = [f"{_MARKS[rule['answer']]} {rule['ruleId']}: {rule['words']}{tail}"]
    lines += [f"{_INDENT}{neutral(rule['because'])} ({neutral(rule['by'])})"] if "because" in rule else []
    lines += [_INDENT + neutral(rule["summary"])] if "summary" in rule else []
    for branch in rule["branches"]:
        lines += _branch_lines(branch)
    needs = [f"{gap['title']} ({gap['reason']})" for gap in rule.get("wouldChange", [])]
    lines += [f"{_INDENT}? {', '.join(needs)}"] if needs else []
    return [*lines, ""]


def _branch_lines(branch: dict[str, Any]) -> list[str]:
    if not branch["runsAtThisHook"]:
        return []
    gate = branch["gate"]
    name = f"[{branch['id']}] " if "id" in branch else ""
    lines = [f"{_INDENT}{_MARKS[gate['answer']]} {name}{gate['name']}"]
    lines += _criterion_lines(branch["when"], 2)
    for item in branch.get("unless", []):
        lines += [f"{_INDENT * 2}unless:", *_criterion_lines(item, 3)]
    return lines


def _criterion_lines(criterion: dict[str, Any], depth: int) -> list[str]:
    margin = _INDENT * depth
    lines = [f"{margin}{_MARKS[criterion['answer']]} {criterion['text']}"]
    for item in criterion.get("evidence", []):
        source = f" [{neutral(item['source'])}]" if "source" in item else ""
        lines.append(f"{margin}    {neutral(item['text'])}{source}")
    for gap in criterion.get("missing", []):
        lines.append(f"{margin}    {gap['title']}: {gap['reason'].replace('-', ' ')}")
    for part in criterion.get("parts", []):
        lines += _criterion_lines(part, depth + 1)
    return lines
