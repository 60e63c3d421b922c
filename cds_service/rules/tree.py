"""Walk over everything a rule or definition holds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from cds_service.rules.criteria import (
    Combination,
    Criterion,
    Definition,
    MeetsCriterion,
    NumberCriterion,
    Window,
    walk,
)
from cds_service.rules.model import Rule


def rule_criteria(rule: Rule) -> list[Criterion]:
    """Return the root of every criterion a rule holds, in reading order."""
    roots: list[Criterion | None] = [rule.unless, *rule.raises, *rule.lowers]
    for branch in rule.branches:
        roots += [branch.when, branch.unless, *(branch.raises or ()), *(branch.lowers or ())]
        tables = (
            branch.strength,
            branch.ceiling,
            branch.indicator,
            rule.strength,
            rule.ceiling,
            rule.indicator,
        )
        roots += [criterion for table in tables if table is not None for _, criterion in table.rows]
        roots += [row.when for rows in (branch.detail, branch.safety) for row in rows or ()]
    texts = (rule.detail, rule.safety, rule.advice, *(rows for _, rows in rule.phrases))
    roots += [row.when for rows in texts for row in rows]
    roots += [row.when for row in rule.workup]
    return list(dict.fromkeys(root for root in roots if root is not None))


def bare(criterion: Criterion) -> Criterion:
    """Return a criterion without what does not change its answer: line, alias, note, published."""
    changes: dict[str, object] = {"line": 0, "alias": "", "note": "", "published": ""}
    if isinstance(criterion, Combination):
        changes["parts"] = tuple(bare(part) for part in criterion.parts)
    window = getattr(criterion, "window", None)
    if isinstance(window, Window) and isinstance(window.anchor, Criterion):
        changes["window"] = replace(window, anchor=bare(window.anchor))
    return replace(criterion, **changes)  # type: ignore[arg-type]


def needed(roots: Iterable[Criterion], definitions: Mapping[str, Definition]) -> set[str]:
    """Return the names of all definitions some criteria rest on, directly or through others."""
    found: set[str] = set()
    waiting = list(_names(roots))
    while waiting:
        name = waiting.pop()
        if name in definitions and name not in found:
            found.add(name)
            waiting.extend(_names_of(definitions[name]))
    return found


def _names(roots: Iterable[Criterion]) -> Iterator[str]:
    for root in roots:
        for criterion in walk(root):
            if isinstance(criterion, MeetsCriterion):
                yield from criterion.names
            elif isinstance(criterion, NumberCriterion):
                yield criterion.name


def _names_of(definition: Definition) -> Iterator[str]:
    roots = [definition.when] if definition.when else []
    if definition.number is not None:
        yield from (
            name for term in definition.number.terms for name in (term.lab, term.not_older_than) if name
        )
        roots += [definition.number.only_if] if definition.number.only_if else []
    yield from _names(roots)
