"""Marks by which a caution about an order is known again, so that it is not told twice.

A mark is a hash of what the clinician was told, and about what. One that concerns a draft is the same
as long as rule, words, values and drafts are, and holds for the user it was shown to. One that lasts
(``repeat: 365 days``) holds for everybody, about the same drugs and results of the patient.

Source: content specification 6H (OR-04 and the text under the table) and 7.5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass

from cds_service.facts import DAY, PatientFacts
from cds_service.findings import Evidence, Finding, Verdict, plain
from cds_service.rules import Rule

_QUIETED = "order-safety"


@dataclass(frozen=True, slots=True)
class Mark:
    """What was told, as a hash; it counts for ``seconds`` after that.

    ``for_all``: whoever asks about the patient; else only the user it was shown to.
    """

    text: str
    seconds: int
    for_all: bool = False


@dataclass(frozen=True, slots=True)
class Known:
    """Why a caution is not told again, as a word, and the indicator it had when it was."""

    reason: str
    indicator: str


#: Tells which of some marks are known from an earlier answer.
Recall = Callable[[Collection[Mark]], Collection[Mark]]


def nothing_shown(_marks: Collection[Mark]) -> Collection[Mark]:
    """Return that nothing was told before: what a look without a memory knows."""
    return ()


def marks_of(
    findings: Iterable[Finding], rules: Mapping[str, Rule], facts: PatientFacts, seconds: int
) -> dict[str, Mark]:
    """Return rule id and mark of every finding that may be told once only.

    Those are matched cautions about an order that are not critical and whose rule is not to be repeated
    always. ``seconds`` is how long a mark about a draft counts; 0: no hook asks for one. A caution that
    names no draft has none: nothing tells it apart.
    """
    marks: dict[str, Mark] = {}
    for finding in findings:
        rule = rules.get(finding.rule_id)
        if rule is None or not _may_be_quiet(finding, rule):
            continue
        drafts = drafts_of(finding, facts)
        if rule.repeat_after is not None and finding.indicator == "info":
            marks[finding.rule_id] = Mark(_lasting(finding), rule.repeat_after, for_all=True)
        elif drafts and seconds:
            marks[finding.rule_id] = Mark(_about_drafts(finding, drafts), seconds)
    return marks


def known_again(
    findings: Iterable[Finding], marks: Mapping[str, Mark], recall: Recall, shown_by: str
) -> dict[str, Known]:
    """Return rule id and reason of every finding whose mark is known; ``shown_by`` is the earlier hook."""
    asked = tuple(sorted(marks.values(), key=lambda mark: mark.text))
    shown = recall(asked) if asked else ()
    told = ((finding, marks.get(finding.rule_id)) for finding in findings)
    return {
        finding.rule_id: Known(_reason(mark, shown_by), finding.indicator)
        for finding, mark in told
        if mark is not None and mark in shown
    }


def _reason(mark: Mark, shown_by: str) -> str:
    return f"shown-within-{mark.seconds // DAY}-days" if mark.for_all else f"shown-at-{shown_by}"


def _may_be_quiet(finding: Finding, rule: Rule) -> bool:
    return (
        finding.verdict is Verdict.MATCH
        and finding.role == _QUIETED
        and finding.indicator != "critical"
        and not rule.repeat_always
    )


def drafts_of(finding: Finding, facts: PatientFacts) -> list[str]:
    """Return the drafts a finding is about: who they are and what they order, for a draft may be edited."""
    return sorted(
        {
            f"{use.source.reference or use.display} {name} {use.dose} {use.route} {use.planned_days}"
            for name in finding.drugs
            for use in facts.drugs.get(name, ())
            if use.draft
        }
    )


def _about_drafts(finding: Finding, drafts: list[str]) -> str:
    return _hash([*_head(finding), plain(finding.summary), _values(finding), drafts])


def _lasting(finding: Finding) -> str:
    """The key of 7.5: rule, results and drugs; words hold dates and a draft its own id, so neither counts."""
    return _hash([*_head(finding), _values(finding), sorted(set(finding.drugs))])


def _head(finding: Finding) -> list[object]:
    return [finding.rule_id, finding.branch, finding.indicator]


def _values(finding: Finding) -> list[tuple[str, str, str, str]]:
    return sorted(_value(evidence) for evidence in finding.evidence if evidence.kind != "drug")


def _value(evidence: Evidence) -> tuple[str, str, str, str]:
    return evidence.kind, evidence.name, str(evidence.value), str(evidence.source)


def _hash(told: list[object]) -> str:
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()
