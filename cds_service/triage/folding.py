"""Let findings give way to or fold into others, so that one cause is told once and nothing is lost.

Source: content specification 5.4. A finding that yields names the one it yields to; that one always
stands. What is shown never disappears behind what is not shown, nor a red flag behind anything else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from cds_service.findings import INDICATORS, Evidence, Finding, Line, Proposal, plain
from cds_service.rules import Branch, Rule

#: The FHIR request priorities, most urgent first.
PRIORITIES = ("stat", "asap", "urgent", "routine")

EVIDENCE_ONLY = "evidence-only"


def give_way(matched: Sequence[Finding], rules: Mapping[str, Rule], hidden: Collection[str]) -> list[Finding]:
    """Return the matched findings with ``gave_way_to`` set.

    ``matched`` comes best first; ``hidden`` are rule ids that will not be shown for other reasons. Where
    the branch that speaks gives way and another one that matches does not, that one speaks.
    """
    settled = _given_way(matched, rules, hidden)
    for place in range(len(settled)):
        settled = _spoken_instead(settled[place], settled, rules, hidden)
    return settled


def _spoken_instead(
    finding: Finding, settled: list[Finding], rules: Mapping[str, Rule], hidden: Collection[str]
) -> list[Finding]:
    """Return the findings with the first later branch that stands in place of one that gave way, if any."""
    spare = finding.instead if finding.gave_way_to else None
    while spare is not None:
        tried = _given_way(
            [spare if other.rule_id == spare.rule_id else other for other in settled], rules, hidden
        )
        if not any(other.rule_id == spare.rule_id and other.gave_way_to for other in tried):
            return tried
        spare = spare.instead
    return settled


def _given_way(
    matched: Sequence[Finding], rules: Mapping[str, Rule], hidden: Collection[str]
) -> list[Finding]:
    by_id = {finding.rule_id: finding for finding in matched}
    edges = {f.rule_id: _targets(f, _yields_to(f, rules), rules, by_id, hidden) for f in matched}
    fate: dict[str, str] = {}
    for rule_id, targets in _targets_first(edges):
        standing = [name for name in targets if not fate[name]]
        covered = _covered(by_id[rule_id], [by_id[name] for name in standing])
        fate[rule_id] = standing[0] if covered else ""
    return [replace(finding, gave_way_to=fate[finding.rule_id]) for finding in matched]


def _yields_to(finding: Finding, rules: Mapping[str, Rule]) -> Sequence[str]:
    """Return what the branch that speaks gives way to, or the rule where the branch does not say."""
    rule, branch = _speaking(finding, rules)
    own = None if branch is None else branch.gives_way_to
    return own if own is not None else () if rule is None else rule.gives_way_to


def _folds_into(finding: Finding, rules: Mapping[str, Rule]) -> Sequence[str]:
    """Return what the branch that speaks folds into, or the rule where the branch does not say."""
    rule, branch = _speaking(finding, rules)
    own = None if branch is None else branch.folds_into
    return own if own is not None else () if rule is None else rule.folds_into


def _speaking(finding: Finding, rules: Mapping[str, Rule]) -> tuple[Rule | None, Branch | None]:
    rule = rules.get(finding.rule_id)
    branches = () if rule is None else rule.branches
    return rule, next((branch for branch in branches if branch.id == finding.branch), None)


def fold(findings: Sequence[Finding], rules: Mapping[str, Rule], hidden: Collection[str]) -> list[Finding]:
    """Fold each finding into the most specific one that stands, following chains to their end."""
    here = [finding for finding in findings if not finding.gave_way_to]
    by_id = {finding.rule_id: finding for finding in here}
    edges = {f.rule_id: _targets(f, _folds_into(f, rules), rules, by_id, hidden) for f in here}
    roots: dict[str, str] = {}
    for rule_id, targets in _targets_first(edges):
        roots[rule_id] = roots[targets[0]] if targets else rule_id
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
    """Return the matched rules ``names`` stand for and that may absorb this one.

    A name is a rule id, ``folder/``, or ``rule#branch``: the rule if that branch of it speaks.
    """
    found: list[str] = []
    for name in names:
        if name.endswith("/"):
            found += [i for i in matched if i in rules and rules[i].group == name[:-1]]
            continue
        rule_id, _, branch = name.partition("#")
        if rule_id in matched and branch in ("", matched[rule_id].branch):
            found.append(rule_id)
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


def _targets_first(edges: Mapping[str, Sequence[str]]) -> list[tuple[str, list[str]]]:
    """Return every rule with its targets, targets before those that yield to them.

    ``edges`` lists the rules best first. Inside a circle a better rule never yields to a worse one,
    so that every circle leaves its best member standing.
    """
    place = {rule_id: index for index, rule_id in enumerate(edges)}
    open_edges = {
        rule_id: [t for t in targets if place[t] < place[rule_id] or rule_id not in _reached(t, edges)]
        for rule_id, targets in edges.items()
    }
    done: dict[str, list[str]] = {}

    def visit(rule_id: str) -> None:
        for target in open_edges[rule_id]:
            if target not in done:
                visit(target)
        done.setdefault(rule_id, open_edges[rule_id])

    for rule_id in open_edges:
        visit(rule_id)
    return list(done.items())


def _reached(start: str, edges: Mapping[str, Sequence[str]]) -> set[str]:
    found = {start}
    queue = [start]
    while queue:
        for target in edges[queue.pop()]:
            if target not in found:
                found.add(target)
                queue.append(target)
    return found


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
        points=tuple(points for f in all_of for points in f.points),
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


def unique_proposals(items: Iterable[Proposal]) -> tuple[Proposal, ...]:
    """Return the proposals in order, each order once, at the most urgent priority asked for."""
    kept: dict[str, Proposal] = {}
    for item in items:
        before = kept.setdefault(item.order, item)
        if item.anew and not before.anew:
            before = kept[item.order] = replace(before, anew=True)
        if priority_place(item.priority) < priority_place(before.priority):
            kept[item.order] = replace(before, priority=item.priority, why=item.why or before.why)
    return tuple(kept.values())


def priority_place(priority: str) -> int:
    """Return the place of a request priority, 0 for the most urgent; unknown words count as routine."""
    return PRIORITIES.index(priority) if priority in PRIORITIES else len(PRIORITIES) - 1
