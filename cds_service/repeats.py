"""Marks by which a caution about a draft order is known again, so that it is not told twice.

A mark is a hash of what the clinician was told and of the draft it was told about; it is the same as
long as rule, words, values and drafts are. Source: content specification 6H (last paragraph) and 7.5.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from cds_service.facts import PatientFacts
from cds_service.findings import Evidence, Finding, Verdict, plain
from cds_service.rules import Rule

_QUIETED = "order-safety"


def marks_of(findings: Iterable[Finding], rules: Mapping[str, Rule], facts: PatientFacts) -> dict[str, str]:
    """Return rule id and mark of every finding that may be told once only.

    Those are matched cautions about a draft order that are not critical and whose rule is not to be
    repeated always. A caution that names no draft has no mark: nothing tells it apart.
    """
    marks: dict[str, str] = {}
    for finding in findings:
        drafts = _drafts(finding, facts)
        if drafts and _may_be_quiet(finding, rules):
            marks[finding.rule_id] = _mark(finding, drafts)
    return marks


def _may_be_quiet(finding: Finding, rules: Mapping[str, Rule]) -> bool:
    rule = rules.get(finding.rule_id)
    return (
        finding.verdict is Verdict.MATCH
        and finding.role == _QUIETED
        and finding.indicator != "critical"
        and rule is not None
        and not rule.repeat_always
    )


def _drafts(finding: Finding, facts: PatientFacts) -> list[str]:
    """Return the drafts a finding is about: their references, or what they order where they have no id."""
    return sorted(
        {
            use.source.reference or f"{name} {use.display} {use.dose} {use.route} {use.planned_days}"
            for name in finding.drugs
            for use in facts.drugs.get(name, ())
            if use.draft
        }
    )


def _mark(finding: Finding, drafts: list[str]) -> str:
    told = [finding.rule_id, finding.branch, finding.indicator, plain(finding.summary)]
    values = sorted(_value(evidence) for evidence in finding.evidence if evidence.kind != "drug")
    return hashlib.sha256(json.dumps([told, values, drafts]).encode()).hexdigest()


def _value(evidence: Evidence) -> tuple[str, str, str, str]:
    return evidence.kind, evidence.name, str(evidence.value), str(evidence.source)
