"""Let findings give way to or fold into others, so that one cause is told once and nothing is lost.

Source: content specification 5.4. A finding that yields names the one it yields to; that one always
stands. What is shown never disappears behind what is not shown, nor a red flag behind anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from cds_service.findings import INDICATORS, Evidence, Finding, Line, Missing, Proposal, plain
from cds_service.rules import Rule

#: The FHIR request priorities, most urgent first.
PRIORITIES = ("stat", "asap", "urgent", "routine")

EVIDENCE_ONLY = "evidence-only"


def give_way(matched: Sequence[Finding], rules: Mapping[str, Rule], hidden: Collection[str]) -> list[Finding]:
    """Return the matched findings with ``gave_way_to`` set.

    ``matched`` comes best first; ``hidden`` are rule ids that will not be shown for other reasons.
    """
    by_id = {finding.rule_id: finding for finding in matched}

    def choose(finding: Finding, fate: Mapping[str, str]) -> Sequence[str]:
        rule = rules.get(finding.rule_id)
        names = _targets(finding, rule.gives_way_to, rules, by_id, hidden) if rule is not None else []
        if not fate:
            return names
        standing = [name for name in names if name in fate and not fate[name]]
        return standing if _covered(finding, [by_id[name] for name in standing]) else []

    fate = _decide(matched, choose)
    return [replace(finding, gave_way_to=fate[finding.rule_id]) for finding in matched]


def fold(findings: Sequence[Finding], rules: Mapping[str, Rule], hidden: Collection[str]) -> list[Finding]:
    """Fold each finding into the most specific one that stands, following chains to their end."""
    here = [finding for finding in findings if not finding.gave_way_to]
    by_id = {finding.rule_id: finding for finding in here}

    def choose(finding: Finding, fate: Mapping[str, str]) -> Sequence[str]:
        rule = rules.get(finding.rule_id)
        return _targets(finding, rule.folds_into, rules, by_id, hidden) if rule is not None else []

    fate = _decide(here, choose)
    roots = {rule_id: _root(rule_id, fate) for rule_id in fate}
    return [_folded(finding, here, roots) for finding in findings]


def _folded(finding: Finding, here: Sequence[Finding], roots: Mapping[str, str]) -> Finding:
    own = finding.rule_id
    if roots.get(own, own) != own:
        return replace(finding, folded_into=roots[own])
    parts = [other for other in here if roots[other.rule_id] == own and other.rule_id != own]
    return absorb(finding, parts) if parts else finding


def _targets(
    finding: Finding,
    names: Sequence[str],
    rules: Mapping[str, Rule],
    matched: Mapping[str, Finding],
    hidden: Collection[str],
) -> list[str]:
    """Return the matched rules ``names`` (rule ids or ``folder/``) stand for and that may absorb this one."""
    found: list[str] = []
    for name in names:
        if name.endswith("/"):
            found += [i for i in matched if i in rules and rules[i].group == name[:-1]]
        elif name in matched:
            found.append(name)
    return [
        rule_id
        for rule_id in dict.fromkeys(found)
        if rule_id != finding.rule_id and _may_absorb(matched[rule_id], finding, hidden)
    ]


def _may_absorb(target: Finding, finding: Finding, hidden: Collection[str]) -> bool:
    if finding.rule_id not in hidden and target.rule_id in hidden:
        return False
    if target.role == EVIDENCE_ONLY and finding.role != EVIDENCE_ONLY:
        return False
    return target.role == "red-flag" or finding.role != "red-flag"


def _covered(finding: Finding, targets: Sequence[Finding]) -> bool:
    """Whether the targets speak of every drug this finding cites (ME-21: "for the same drug")."""
    if not finding.drugs or any(not target.drugs for target in targets):
        return bool(targets)
    return set(finding.drugs) <= {drug for target in targets for drug in target.drugs}


def _decide(
    findings: Sequence[Finding], choose: Callable[[Finding, Mapping[str, str]], Sequence[str]]
) -> dict[str, str]:
    """Return for each rule the one it yields to, or an empty word; targets are decided first.

    Going from the weakest up, a circle of rules always leaves its strongest member standing.
    """
    by_id = {finding.rule_id: finding for finding in findings}
    fate: dict[str, str] = {}

    def settle(rule_id: str, path: frozenset[str]) -> None:
        inside = path | {rule_id}
        names = [name for name in choose(by_id[rule_id], {}) if name not in inside]
        for name in names:
            if name not in fate:
                settle(name, inside)
        decided = {name: fate[name] for name in names}
        standing = choose(by_id[rule_id], decided) if decided else []
        fate[rule_id] = next((name for name in standing if name in decided), "")

    for finding in reversed(findings):
        if finding.rule_id not in fate:
            settle(finding.rule_id, frozenset())
    return fate


def _root(rule_id: str, fate: Mapping[str, str]) -> str:
    while fate[rule_id]:
        rule_id = fate[rule_id]
    return rule_id


def absorb(lead: Finding, parts: Sequence[Finding]) -> Finding:
    """Return the leading finding with evidence, gaps, safety words and proposals of the folded ones.

    The highest indicator survives (5.4); strength and words stay those of the leading rule.
    """
    all_of = (lead, *parts)
    folded = (rule_id for part in parts for rule_id in (part.rule_id, *part.merged_rules))
    return replace(
        lead,
        indicator=highest(f.indicator for f in all_of),
        evidence=unique_evidence(e for f in all_of for e in f.evidence),
        missing=tuple(dict.fromkeys(m for f in all_of for m in f.missing)),
        safety=unique_lines(line for f in all_of for line in f.safety),
        advice=unique_lines(line for f in all_of for line in f.advice),
        proposals=unique_proposals(p for f in all_of for p in f.proposals),
        stale=" ".join(dict.fromkeys(f.stale for f in all_of if f.stale)),
        drugs=tuple(dict.fromkeys(drug for f in all_of for drug in f.drugs)),
        danger=any(f.danger for f in all_of),
        temporal=any(f.temporal for f in all_of),
        merged_rules=tuple(dict.fromkeys(rule_id for rule_id in folded if rule_id != lead.rule_id)),
    )


def highest(indicators: Iterable[str]) -> str:
    """Return the most urgent of the indicators; ``info`` when there is none."""
    return max(indicators, key=INDICATORS.index, default="info")


def unique_evidence(items: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """Return the facts in order, each once: same kind, words and source are one fact."""
    kept: dict[object, Evidence] = {}
    for item in items:
        kept.setdefault((item.kind, item.text, item.source), item)
    return tuple(kept.values())


def unique_lines(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Return the lines in order, each wording once."""
    kept: dict[str, Line] = {}
    for line in lines:
        kept.setdefault(plain(line), line)
    return tuple(kept.values())


def unique_missing(items: Iterable[Missing]) -> tuple[Missing, ...]:
    """Return the gaps in order, each once."""
    return tuple(dict.fromkeys(items))


def unique_proposals(items: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """Return the proposals in order, each order once, at the most urgent priority asked for."""
    kept: dict[str, Proposal] = {}
    for item in items:
        before = kept.setdefault(item.order, item)
        if priority_place(item.priority) < priority_place(before.priority):
            kept[item.order] = replace(before, priority=item.priority, why=item.why or before.why)
    return tuple(kept.values())


def priority_place(priority: str) -> int:
    """Return the place of a request priority, 0 for the most urgent; unknown words count as routine."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES) - 1
