"""Criteria as propositions: what follows from what, whoever the patient is.

Only what is certain for every patient is stated (a number below 3 is below 4; a low result is not high), so a
contradiction found here is one, while some that need medicine to see stay unseen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import combinations

from cds_service.errors import CdsError
from cds_service.knowledge import Knowledge
from cds_service.rules import Criterion
from cds_service.rules.criteria import (
    SECONDS,
    AgeCriterion,
    Combination,
    DrugCriterion,
    EventCriterion,
    IrritabilityCriterion,
    Limit,
    MeetsCriterion,
    NumberCriterion,
    SexCriterion,
    Window,
)
from cds_service.rules.tree import bare
from cds_service.validate.satisfiable import Solver

#: Named look-back windows, narrow to wide, beside those in seconds.
_NAMED = {"fresh": 0, "usual": 1}
_UPPER = {"below": False, "at_most": True}
_LOWER = {"above": False, "at_least": True}

Group = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _HalfLine:
    """``x < bound`` or ``x <= bound`` (``closed``), or the same upward."""

    upward: bool
    bound: Decimal
    closed: bool

    def within(self, other: _HalfLine) -> bool:
        """Whether every number here is also in the other, which looks the same way."""
        if self.bound == other.bound:
            return other.closed or not self.closed
        return (self.bound > other.bound) if self.upward else (self.bound < other.bound)

    def meets(self, upward: _HalfLine) -> bool:
        """Whether this (downward) and an upward half-line share a number."""
        if self.bound == upward.bound:
            return self.closed and upward.closed
        return self.bound > upward.bound

    def covers(self, upward: _HalfLine) -> bool:
        """Whether this (downward) and an upward half-line hold every number."""
        if self.bound == upward.bound:
            return self.closed or upward.closed
        return self.bound > upward.bound


@dataclass
class Propositions:
    """Gives every criterion a literal and states what is certain between them."""

    knowledge: Knowledge
    solver: Solver = field(default_factory=Solver)
    _atoms: dict[object, int] = field(default_factory=dict)
    _known: dict[Criterion, int] = field(default_factory=dict)
    _lines: dict[Group, dict[_HalfLine, int]] = field(default_factory=dict)
    _states: dict[Group, dict[str, int]] = field(default_factory=dict)
    _opened: set[str] = field(default_factory=set)

    def literal(self, criterion: Criterion) -> int:
        """Return the literal of a criterion."""
        if criterion not in self._known:
            self._known[criterion] = self._new(criterion)
        return self._known[criterion]

    def adult(self) -> int:
        """Return the literal of an age of 18 years or more."""
        return self._bound(("age",), Limit("at_least", Decimal(18), "years"), Decimal(18) * SECONDS["years"])

    def any_of(self, literals: Iterable[int]) -> int:
        """Return a literal that holds when one of these does."""
        parts = tuple(dict.fromkeys(literals))
        if len(parts) == 1:
            return parts[0]
        whole = self._fresh(("any", parts))
        for part in parts:
            self.solver.add((-part, whole))
        self.solver.add((-whole, *parts))
        return whole

    def all_of(self, literals: Iterable[int]) -> int:
        """Return a literal that holds when all of these do."""
        return -self.any_of(-literal for literal in literals)

    def _new(self, criterion: Criterion) -> int:
        makers: tuple[tuple[type[Criterion], Callable[..., int]], ...] = (
            (Combination, self._combination),
            (MeetsCriterion, self._meets),
            (NumberCriterion, self._number),
            (AgeCriterion, self._age),
            (SexCriterion, self._sex),
            (EventCriterion, self._event),
            (DrugCriterion, self._drug),
        )
        for kind, make in makers:
            if isinstance(criterion, kind):
                return make(criterion)
        if isinstance(criterion, IrritabilityCriterion):
            return self.literal(self.knowledge.gates["irritability"])
        return self._fresh(bare(criterion))

    def _fresh(self, key: object) -> int:
        return self._atoms.setdefault(key, len(self._atoms) + 1)

    # --- connectives

    def _combination(self, criterion: Combination) -> int:
        parts = [self.literal(part) for part in criterion.parts]
        if criterion.op == "all":
            return self.all_of(parts)
        if criterion.op == "none":
            return -self.any_of(parts)
        either = self.any_of(parts)
        if criterion.op == "any" or (criterion.op == "some" and criterion.at_least == 1):
            return either
        counted = self._fresh((criterion.op, criterion.at_least, tuple(parts)))
        self.solver.add((-counted, either))
        self.solver.add((counted, -self.all_of(parts)))
        return counted

    def _meets(self, criterion: MeetsCriterion) -> int:
        return self.any_of(self._definition(name) for name in criterion.names)

    def _definition(self, name: str) -> int:
        definition = self.knowledge.definitions.get(name)
        if definition is None or definition.when is None or name in self._opened:
            return self._fresh(("definition", name))
        self._opened.add(name)
        try:
            return self.literal(definition.when)
        finally:
            self._opened.discard(name)

    # --- leaves with several names

    def _event(self, criterion: EventCriterion) -> int:
        if criterion.times > 1:
            return self._fresh(bare(criterion))
        return self.any_of(self._fresh(bare(replace(criterion, names=(name,)))) for name in criterion.names)

    def _drug(self, criterion: DrugCriterion) -> int:
        if criterion.times > 1 or criterion.agents > 1 or criterion.dose_limits or criterion.total_at_least:
            return self._fresh(bare(criterion))
        return self.any_of(self._fresh(bare(replace(criterion, names=(name,)))) for name in criterion.names)

    def _sex(self, criterion: SexCriterion) -> int:
        literal = self._fresh(("sex", criterion.sex))
        others = [self._fresh(("sex", sex)) for sex in ("female", "male") if sex != criterion.sex]
        for other in others:
            self.solver.add((-literal, -other))
        return literal

    # --- numbers

    def _age(self, criterion: AgeCriterion) -> int:
        return self.all_of(
            self._bound(("age",), limit, limit.amount * SECONDS[limit.unit]) for limit in criterion.limits
        )

    def _number(self, criterion: NumberCriterion) -> int:
        if criterion.change is not None or criterion.times > 1 or criterion.doubtful_sample:
            return self._fresh(bare(criterion))
        group: Group = (criterion.kind, criterion.name, criterion.pick, _plain(criterion.window))
        parts = [self._bound(group, limit, self._amount(criterion, limit)) for limit in criterion.limits]
        parts += (
            [self.any_of(self._state(group, state) for state in criterion.states)] if criterion.states else []
        )
        return self.all_of(parts) if parts else -self._state(group, "missing")

    def _amount(self, criterion: NumberCriterion, limit: Limit) -> Decimal | None:
        """Return a limit in the canonical unit; None where it is no plain number."""
        if limit.of_range:
            return None
        analyte = self.knowledge.terminology.analytes.get(criterion.name)
        if analyte is None or limit.unit == analyte.unit:
            return limit.amount
        try:
            return analyte.to_canonical(limit.amount, limit.unit)
        except CdsError:
            return None

    def _bound(self, group: Group, limit: Limit, amount: Decimal | None) -> int:
        if amount is None:
            return self._fresh((group, limit))
        upward = limit.op in _LOWER
        return self._line(group, _HalfLine(upward, amount, (_LOWER if upward else _UPPER)[limit.op]))

    def _line(self, group: Group, line: _HalfLine) -> int:
        self._enter(group)
        known = self._lines[group]
        if line not in known:
            literal = self._fresh((group, line))
            self._order(group, line, literal)
            known[line] = literal
            for wider in self._wider(group):
                self.solver.add((-literal, self._line(wider, line)))
        return known[line]

    def _order(self, group: Group, line: _HalfLine, literal: int) -> None:
        """State how a half-line lies to those of the same number known so far."""
        missing = self._state(group, "missing")
        self.solver.add((-literal, -missing))
        for other, known in self._lines[group].items():
            if other.upward == line.upward:
                if line.within(other):
                    self.solver.add((-literal, known))
                if other.within(line):
                    self.solver.add((-known, literal))
                continue
            down, up = (other, line) if line.upward else (line, other)
            if not down.meets(up):
                self.solver.add((-literal, -known))
            if down.covers(up):
                self.solver.add((literal, known, missing))

    def _state(self, group: Group, state: str) -> int:
        self._enter(group)
        known = self._states[group]
        if state in known:
            return known[state]
        literal = known[state] = self._fresh((group, "is", state))
        exclusive = {"low", "normal", "high", "missing"}
        for one, other in combinations(sorted(exclusive & set(known)), 2):
            self.solver.add((-known[one], -known[other]))
        for wider in self._wider(group) if state != "missing" else ():
            self.solver.add((-literal, self._state(wider, state)))
        return literal

    def _enter(self, group: Group) -> None:
        """Know a number in a window; what holds of its latest in a narrower one holds here."""
        if group in self._lines:
            return
        self._lines[group], self._states[group] = {}, {}
        for other in [known for known in self._lines if _narrower(known, group)]:
            for line, literal in [*self._lines[other].items()]:
                self.solver.add((-literal, self._line(group, line)))
            for state, literal in [*self._states[other].items()]:
                if state != "missing":
                    self.solver.add((-literal, self._state(group, state)))

    def _wider(self, group: Group) -> list[Group]:
        return [other for other in self._lines if _narrower(group, other)]


def _narrower(group: Group, other: Group) -> bool:
    """Whether both ask for the latest of one number up to now, this one in a shorter window."""
    if len(group) != 4 or group[:3] != other[:3] or group[2] != "latest":
        return False
    inner, outer = group[3], other[3]
    if not (isinstance(inner, Window) and isinstance(outer, Window)):
        return False
    if any(w.anchor_word or w.older_than is not None for w in (inner, outer)):
        return False
    a, b = inner.within, outer.within
    if isinstance(a, int) and isinstance(b, int):
        return a < b
    return a in _NAMED and b in _NAMED and _NAMED[str(a)] < _NAMED[str(b)]


def _plain(window: Window) -> Window:
    return replace(window, anchor=bare(window.anchor)) if isinstance(window.anchor, Criterion) else window
