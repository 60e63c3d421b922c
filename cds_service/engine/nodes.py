"""Criteria made ready to judge: names looked up once, answers remembered per patient.

``verdict`` stops as soon as the answer is certain; ``answer`` looks at every part, so that all
evidence and every gap is there for cards and explanations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, NamedTuple, Protocol, TypeVar

from cds_service.engine.context import Context
from cds_service.engine.facets import age_answer
from cds_service.engine.logic import Answer, Answer3, all_of, any_of, as_verdict, at_least, negate
from cds_service.facts import Moment
from cds_service.findings import Evidence, Missing, Verdict
from cds_service.rules.criteria import (
    AgeCriterion,
    Criterion,
    IrritabilityCriterion,
    MeetsCriterion,
    SexCriterion,
)

T = TypeVar("T")
Judge = Callable[[Context], Answer3]

#: Below this age in years it is told in months, below this one in days in days.
_YEARS_ONLY = 2
_DAYS_ONLY = 60


class Leaf(Protocol):
    """Judges one leaf for one patient.

    ``verdict`` is the hot path and builds no words; ``answer`` gives the same verdict with evidence.
    """

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the leaf."""
        ...

    def answer(self, ctx: Context) -> Answer:
        """Judge the leaf and say on what it rests."""
        ...

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the times of its matches, for anchors, and the verdict."""
        ...


class Trace(NamedTuple):
    """The answer of one criterion and of everything inside it, for explanations.

    What a connective saw and missed stands on its leaves, what a definition did in its own trace.
    """

    criterion: Criterion
    verdict: Verdict
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()
    children: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class Node:
    """A criterion ready to judge: a leaf, or a connective over ``parts``.

    ``key`` is shared by equal leaves of all rules, so that each is judged once a patient.
    ``verdict`` answers as soon as certain; it is built once, because it is the hot path. ``cost`` orders
    the parts of a connective: the cheap ones are judged first.
    """

    criterion: Criterion
    key: int
    leaf: Leaf | None = None
    op: str = ""
    parts: tuple[Node, ...] = ()
    needed: int = 1
    cost: int = 0
    verdict: Judge = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Build the judge."""
        judge = _connective(self) if self.leaf is None else self.leaf.verdict
        object.__setattr__(self, "verdict", _remembered(judge, self.key))

    def answer(self, ctx: Context) -> Answer:
        """Answer with all evidence of what is true and every gap of what is unknown."""
        found = ctx.answers.get(self.key)
        if found is None:
            found = ctx.answers[self.key] = self._answer(ctx)
        return found

    def _answer(self, ctx: Context) -> Answer:
        if (place := ctx.where(self.key)) is not ctx:
            return self.answer(place)
        return self._composed(ctx) if self.leaf is None else self.leaf.answer(ctx)

    def _composed(self, ctx: Context) -> Answer:
        answers = self._part_answers(ctx)
        verdict = _combined(self.op, (a.verdict for a in answers), self.needed)
        # "none" rests on nothing found; its parts are evidence only against it
        shown = (
            ()
            if self.op == "none" and verdict
            else [e for a in answers if a.verdict is True for e in a.evidence]
        )
        gaps = [m for a in answers if a.verdict is None for m in a.missing] if verdict is None else []
        return Answer(verdict, unique(shown), unique(gaps))

    def gaps(self, ctx: Context) -> tuple[Missing, ...]:
        """Return what an unknown answer misses: ``answer(ctx).missing`` without gathering any evidence."""
        found = ctx.gaps.get(self.key)
        if found is None:
            found = ctx.gaps[self.key] = self._gaps(ctx)
        return found

    def _gaps(self, ctx: Context) -> tuple[Missing, ...]:
        if self.verdict(ctx) is not None:
            return ()
        if (place := ctx.where(self.key)) is not ctx:
            return self.gaps(place)
        parts = self._rests_on(ctx)
        if not parts:
            return self.answer(ctx).missing
        return unique([gap for part in parts for gap in part.gaps(ctx)])

    def _rests_on(self, ctx: Context) -> tuple[Node, ...]:
        """Return the nodes whose answers make this one: its parts, the definitions or the gate it names."""
        if isinstance(self.leaf, IrritabilityLeaf):
            return (ctx.knowhow.gates["irritability"],)
        return self.inside(ctx)

    def inside(self, ctx: Context) -> tuple[Node, ...]:
        """Return the members of a connective, or the definitions a reference names; none for other leaves."""
        if isinstance(self.leaf, MeetsLeaf):
            return tuple([ctx.knowhow.criteria[name] for name in self.leaf.criterion.names])
        return self.parts

    def trace(self, ctx: Context, tell: Callable[..., Any] = Trace) -> Any:
        """Return the whole tree with its answers; ``tell`` is given the fields of a Trace, inside out."""
        if self.leaf is not None and not isinstance(self.leaf, MeetsLeaf):
            verdict, evidence, missing = self.answer(ctx)
            return tell(self.criterion, as_verdict(verdict), evidence, missing)
        children = tuple([part.trace(ctx, tell) for part in self.parts])
        return tell(self.criterion, as_verdict(self.verdict(ctx)), (), (), children)

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the times of all matches, for anchors."""
        if self.leaf is not None:
            return self.leaf.dates(ctx)
        found = [part.dates(ctx) for part in self.parts]
        verdict = _combined(self.op, [answer for _, answer in found], self.needed)
        moments = tuple(m for times, answer in found if answer is True for m in times)
        return (moments if verdict is True else ()), verdict

    def collect(self, ctx: Context, into: dict[str, list[Evidence]]) -> None:
        """Gather the evidence of every true ``as`` name, in reading order.

        What is true inside a criterion that is not, matched nothing: it is not named.
        """
        if self.criterion.alias:
            answer = self.answer(ctx)
            if answer.verdict is True:
                known = into.setdefault(self.criterion.alias, [])
                known.extend(e for e in answer.evidence if e not in known)
        if self.parts and self.op != "none" and self.verdict(ctx) is True:
            for part in self.parts:
                part.collect(ctx, into)

    def asks(self, ctx: Context) -> tuple[Missing, ...]:
        """Return the tests that would decide an unknown conjunction some of whose members hold (5.6)."""
        if self.leaf is not None or self.verdict(ctx) is not None:
            return ()
        if self.op == "all" and any(part.verdict(ctx) is True for part in self.parts):
            gaps = [gap for part in self.parts for gap in part.gaps(ctx)]
            return unique([gap for gap in gaps if gap.reason == "not-measured"])
        return unique([m for part in self.parts for m in part.asks(ctx)])

    def _part_answers(self, ctx: Context) -> list[Answer]:
        answers: list[Answer] = []
        for part in self.parts:
            answers.append(part.answer(ctx))
            if self.op == "first_known" and answers[-1].verdict is not None:
                break
        return answers


def _remembered(judge: Judge, key: int) -> Judge:
    """Judge each key once a patient, and once for all patients of whom no fact touches it."""

    def verdict(ctx: Context) -> Answer3:
        known = ctx.verdicts
        if key in known:
            return known[key]
        place = ctx.where(key)
        found = known[key] = judge(ctx) if place is ctx else verdict(place)
        return found

    return verdict


def _connective(node: Node) -> Judge:
    """Return the judge of a connective; cheap members first, because order never changes an answer."""
    if node.op == "first_known":
        ordered = [part.verdict for part in node.parts]
        return lambda ctx: next((found for judge in ordered if (found := judge(ctx)) is not None), None)
    judges = [part.verdict for part in sorted(node.parts, key=attrgetter("cost"))]
    if node.op == "some":
        return lambda ctx: at_least([judge(ctx) for judge in judges], node.needed)
    decisive, negated = node.op != "all", node.op == "none"

    def verdict(ctx: Context) -> Answer3:
        answer: Answer3 = not decisive
        for judge in judges:
            found = judge(ctx)
            if found is decisive:
                return decisive is not negated
            if found is None:
                answer = None
        return None if answer is None else answer is not negated

    return verdict


def _combined(op: str, verdicts: Iterable[Answer3], needed: int) -> Answer3:
    if op == "all":
        return all_of(verdicts)
    if op == "any":
        return any_of(verdicts)
    if op == "none":
        return negate(any_of(verdicts))
    if op == "some":
        return at_least(verdicts, needed)
    return next((verdict for verdict in verdicts if verdict is not None), None)


def unique(items: Iterable[T]) -> tuple[T, ...]:
    """Return the items once each, in order."""
    return tuple(dict.fromkeys(items))


@dataclass(frozen=True, slots=True)
class MeetsLeaf:
    """A reference to named definitions."""

    criterion: MeetsCriterion

    def verdict(self, ctx: Context) -> Answer3:
        """Answer for any of the named definitions."""
        return any_of(ctx.knowhow.criteria[name].verdict(ctx) for name in self.criterion.names)

    def answer(self, ctx: Context) -> Answer:
        """Answer for any of the named definitions, with their evidence."""
        answers = [ctx.knowhow.criteria[name].answer(ctx) for name in self.criterion.names]
        verdict = any_of(a.verdict for a in answers)
        evidence = [e for a in answers if a.verdict is verdict for e in a.evidence]
        gaps = [m for a in answers if a.verdict is None for m in a.missing] if verdict is None else []
        return Answer(verdict, unique(evidence), unique(gaps))

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the times of the definitions' matches."""
        found = [ctx.knowhow.criteria[name].dates(ctx) for name in self.criterion.names]
        return tuple(m for times, _ in found for m in times), any_of(verdict for _, verdict in found)


@dataclass(frozen=True, slots=True)
class AgeLeaf:
    """The age now."""

    criterion: AgeCriterion

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the age; not recorded is unknown."""
        return age_answer(self.criterion.limits, ctx)

    def answer(self, ctx: Context) -> Answer:
        """Judge the age and show it."""
        return age_answer_of(self.verdict(ctx), ctx)

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """An age has no date of its own."""
        return (), self.answer(ctx).verdict


def age_answer_of(verdict: Answer3, ctx: Context) -> Answer:
    """Return an answer about the age with the age it rests on."""
    if verdict is None:
        return Answer(None, missing=(Missing("patient", "age", "not-sent"),))
    return Answer(verdict, (Evidence("patient", "age", _age_text(ctx)),))


def _age_text(ctx: Context) -> str:
    if ctx.years is not None and ctx.days is not None and ctx.years < _YEARS_ONLY:
        count, unit = (ctx.days, "day") if ctx.days < _DAYS_ONLY else (ctx.facts.months, "month")
        return f"Age {count} {unit}{'' if count == 1 else 's'}"
    if ctx.years is not None:
        return f"Age {ctx.years} years"
    youngest, oldest = ctx.facts.age_bounds("years") or (0, 0)
    return f"Age {youngest} to {oldest} years"


@dataclass(frozen=True, slots=True)
class SexLeaf:
    """The administrative sex."""

    criterion: SexCriterion

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the sex; not recorded is unknown."""
        return None if ctx.facts.sex is None else ctx.facts.sex == self.criterion.sex

    def answer(self, ctx: Context) -> Answer:
        """Judge the sex and show it."""
        sex = ctx.facts.sex
        if sex is None:
            return Answer(None, missing=(Missing("patient", "sex", "not-sent"),))
        return Answer(sex == self.criterion.sex, (Evidence("patient", "sex", f"Sex {sex}"),))

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """A sex has no date."""
        return (), self.answer(ctx).verdict


@dataclass(frozen=True, slots=True)
class IrritabilityLeaf:
    """Evidence level 1 or more: the gate of that name."""

    criterion: IrritabilityCriterion

    def verdict(self, ctx: Context) -> Answer3:
        """Answer as the gate does."""
        return ctx.knowhow.gates["irritability"].verdict(ctx)

    def answer(self, ctx: Context) -> Answer:
        """Answer as the gate does, with its evidence."""
        return ctx.knowhow.gates["irritability"].answer(ctx)

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the times of the signs."""
        return ctx.knowhow.gates["irritability"].dates(ctx)
