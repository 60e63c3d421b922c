"""A rule as a typed, immutable object: who it is, when it fires, how sure, how urgent, what it says."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.rules.criteria import Criterion, RuleReference
from cds_service.rules.text import Template


@dataclass(frozen=True, slots=True)
class Table:
    """Levels from the top, each with its criterion, and the usual case ``otherwise``."""

    otherwise: str
    rows: tuple[tuple[str, Criterion], ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One line of text, said when ``when`` holds (always if None) and the hook is among ``hooks``."""

    say: Template
    when: Criterion | None = None
    hooks: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class WorkupRow:
    """Proposed orders: names of ``terminology/orders/``, or one named order set.

    ``anew``: due after what the rule is about, so that no result on record settles it.
    """

    orders: tuple[str, ...] = ()
    order_set: str = ""
    why: str = ""
    priority: str = "routine"
    when: Criterion | None = None
    hooks: frozenset[str] | None = None
    anew: bool = False


@dataclass(frozen=True, slots=True)
class OrderSet:
    """A named list of orders, proposed together; names of ``terminology/orders/``."""

    id: str
    title: str
    orders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One way a rule fires. A rule without branches has one with an empty id.

    ``None`` means "as the rule says". ``hooks`` None means every hook.
    """

    id: str
    gate: str
    when: Criterion
    hooks: frozenset[str] | None = None
    ages: str = "all"
    role: str = "contributor"
    unless: Criterion | None = None
    strength: Table | None = None
    ceiling: Table | None = None
    raises: tuple[Criterion, ...] | None = None
    lowers: tuple[Criterion, ...] | None = None
    indicator: Table | None = None
    folds_into: tuple[str, ...] | None = None
    gives_way_to: tuple[str, ...] | None = None
    summary: Template | None = None
    detail: tuple[Row, ...] | None = None
    safety: tuple[Row, ...] | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule file. ``group`` is its folder; ``path`` is relative to the content root.

    ``repeat_after``: seconds in which an ``info`` of the rule is told once at most; None: no such limit.
    """

    id: str
    title: str
    group: str
    status: str
    version: int
    date: str
    description: str
    cause: str
    category: tuple[str, ...]
    role: str
    ages: str
    branches: tuple[Branch, ...]
    unless: Criterion | None
    strength: Table
    ceiling: Table | None
    raises: tuple[Criterion, ...]
    lowers: tuple[Criterion, ...]
    ignore: frozenset[str]
    indicator: Table
    line: str
    folds_into: tuple[str, ...]
    gives_way_to: tuple[str, ...]
    repeat_always: bool
    repeat_after: int | None
    phrases: tuple[tuple[str, tuple[Row, ...]], ...]
    summary: Template
    detail: tuple[Row, ...]
    safety: tuple[Row, ...]
    workup: tuple[WorkupRow, ...]
    advice: tuple[Row, ...]
    references: tuple[RuleReference, ...]
    articles: tuple[str, ...]
    path: str = ""

    @property
    def hooks(self) -> frozenset[str] | None:
        """Every hook any branch runs at; None means all."""
        found: set[str] = set()
        for branch in self.branches:
            if branch.hooks is None:
                return None
            found |= branch.hooks
        return frozenset(found)
