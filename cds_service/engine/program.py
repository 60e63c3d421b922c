"""All rules made ready to judge patients, and the judging of one rule."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cds_service.engine.blank import Blank, Index, Likeness, Settled
from cds_service.engine.context import Context, Knowhow
from cds_service.engine.grading import Scale, TableNode, read_indicator
from cds_service.engine.logic import NOTHING, Answer, Answer3, as_verdict
from cds_service.engine.nodes import Node, Trace, age_answer_of, unique
from cds_service.engine.points import points_of
from cds_service.engine.slots import RowNode, Writer
from cds_service.facts import PatientFacts, Source
from cds_service.findings import INDICATORS, Evidence, Finding, Missing, Proposal, Verdict, sources_of
from cds_service.rules import Branch, Rule, Template

#: How many blank records a program keeps: services see few mixtures of what is known, exports fewer.
_MOST_BLANKS: Final = 64
#: How many findings of rules that cannot tell are kept.
_MOST_UNKNOWN: Final = 8_192
#: Makes what an explanation keeps of one criterion from the fields of a Trace.
Tell = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class WorkupNode:
    """Proposed orders with their condition."""

    orders: tuple[str, ...]
    why: str
    priority: str
    row: RowNode
    anew: bool = False


@dataclass(frozen=True, slots=True)
class BranchNode:
    """One branch ready to judge."""

    branch: Branch
    gate: Node | None
    when: Node
    unless: tuple[Node, ...]
    scale: Scale
    indicator: TableNode
    summary: Template
    detail: tuple[RowNode, ...]
    safety: tuple[RowNode, ...]

    def runs_at(self, hook: str) -> bool:
        """Whether the branch is judged at this hook."""
        return self.branch.hooks is None or hook in self.branch.hooks

    def gate_verdict(self, ctx: Context) -> Answer3:
        """Answer of the gate."""
        return True if self.gate is None else self.gate.verdict(ctx)

    def verdict(self, ctx: Context) -> Answer3:
        """Answer of gate, age, ``when`` and ``unless`` together; only a true ``unless`` silences."""
        gate = self.gate_verdict(ctx)
        if gate is False:
            return False
        age = True if self.branch.ages == "all" else ctx.is_adult
        if age is False:
            return False
        found = self.when.verdict(ctx)
        if found and (gate is None or age is None):
            found = None
        if found is not False and any(node.verdict(ctx) is True for node in self.unless):
            return False
        return found

    def rests_on(self, ctx: Context) -> Iterator[int]:
        """Yield the keys of the criteria that decide it; a gate that is shut decides alone."""
        if not self.runs_at(ctx.facts.hook):
            return
        if self.gate is not None:
            yield self.gate.key
        is_shut = self.gate_verdict(ctx) is False or (self.branch.ages != "all" and ctx.is_adult is False)
        if not is_shut:
            yield from (node.key for node in (self.when, *self.unless))

    def trace(self, ctx: Context, tell: Tell) -> BranchTrace:
        """Return how the branch was judged, criterion by criterion."""
        said = (self.branch.id, self.branch.gate, as_verdict(self.gate_verdict(ctx)))
        if not self.runs_at(ctx.facts.hook):
            return BranchTrace(*said)
        return BranchTrace(
            *said,
            self.when.trace(ctx, tell),
            tuple(node.trace(ctx, tell) for node in self.unless),
            self.missing(ctx) if self.verdict(ctx) is None else (),
            Answer(True) if self.gate is None else self.gate.answer(ctx),
            None if self.branch.ages == "all" else age_answer_of(ctx.is_adult, ctx),
        )

    def missing(self, ctx: Context) -> tuple[Missing, ...]:
        """Return what was not known where it was asked for."""
        gaps = list(self.when.gaps(ctx))
        if self.branch.ages != "all" and ctx.is_adult is None:
            gaps.append(Missing("patient", "age", "not-sent"))
        if self.gate is not None:
            gaps += self.gate.gaps(ctx)
        return unique(gaps)


@dataclass(frozen=True, slots=True)
class BranchTrace:
    """How one branch was judged, for explanations.

    ``when`` and ``unless`` are what ``tell`` made of the fields of a Trace, else Traces; ``when`` is None
    at a hook where the branch is not judged; ``missing`` is what could still change a branch that cannot
    tell. ``gate_seen`` and ``ages_seen`` are the answers of gate and age with the facts they rest on; the
    latter is None where all ages count.
    """

    branch_id: str
    gate: str
    gate_verdict: Verdict
    when: Any = None
    unless: tuple[Any, ...] = ()
    missing: tuple[Missing, ...] = ()
    gate_seen: Answer = NOTHING
    ages_seen: Answer | None = None


@dataclass(frozen=True, slots=True)
class RuleTrace:
    """How one rule was judged, for explanations; ``error`` names what broke inside it, else is empty."""

    rule: Rule
    branches: tuple[BranchTrace, ...]
    error: str = ""


class Traces(NamedTuple):
    """How rules were judged, by id, and every definition they rest on, by name.

    ``failed`` holds the definitions that failed inside, with the kind of the error, instead.
    """

    rules: dict[str, RuleTrace]
    definitions: dict[str, Any]
    failed: dict[str, str]


@dataclass(frozen=True, slots=True)
class RuleNode:
    """One rule ready to judge; ``rests_on`` names the definitions that decide whether it fires."""

    rule: Rule
    branches: tuple[BranchNode, ...]
    phrases: Mapping[str, tuple[RowNode, ...]]
    workup: tuple[WorkupNode, ...]
    advice: tuple[RowNode, ...]
    rests_on: frozenset[str] = frozenset()
    no_match: Finding = field(init=False, compare=False)

    def __post_init__(self) -> None:
        """Make the commonest answer once: it holds nothing of a patient."""
        object.__setattr__(
            self,
            "no_match",
            Finding(self.rule.id, Verdict.NO_MATCH, cause=self.rule.cause, role=self.rule.role),
        )

    def judge(self, ctx: Context) -> Finding:
        """Judge the rule: the first matching branch speaks, the highest indicator counts."""
        matching: list[BranchNode] = []
        unknown: list[BranchNode] = []
        for branch in self.branches:
            verdict = branch.verdict(ctx) if branch.runs_at(ctx.facts.hook) else False
            if verdict is not False:
                (matching if verdict else unknown).append(branch)
        if matching:
            return self._match(matching, ctx)
        if not unknown:
            return self.no_match
        gaps = unique(gap for b in unknown for gap in b.missing(ctx))
        asks = unique(gap.name for b in unknown if b.gate_verdict(ctx) is True for gap in b.when.asks(ctx))
        return _unknown(self.rule.id, self.rule.cause, self.rule.role, gaps, asks)

    def settled(self, ctx: Context) -> Settled | None:
        """Return the answer where it rests on nothing but the criteria; None where the rule matches."""
        finding = self.judge(ctx)
        if finding.verdict is Verdict.MATCH:
            return None
        return Settled(finding, frozenset(key for branch in self.branches for key in branch.rests_on(ctx)))

    def _match(self, matching: list[BranchNode], ctx: Context) -> Finding:
        first = matching[0]
        evidence = first.when.answer(ctx).evidence
        named: dict[str, list[Evidence]] = {}
        first.when.collect(ctx, named)
        strength, steps = first.scale.grade(self.rule, first.when, evidence, ctx)
        indicators = [read_indicator(b.indicator, ctx, self.rule.title) for b in matching]
        indicator, stale = max(indicators, key=lambda pair: INDICATORS.index(pair[0]))
        writer = Writer(ctx, named, self.phrases)
        summary = writer.sentence(first.summary)
        points = points_of(first.when, writer.told, ctx)
        finding = Finding(
            self.rule.id,
            Verdict.MATCH,
            cause=self.rule.cause,
            branch=first.branch.id,
            role=first.branch.role,
            strength=strength,
            indicator=indicator,
            evidence=evidence,
            missing=self._could_change(first, ctx),
            points=(points,),
            summary=summary,
            detail=writer.lines(first.detail),
            safety=writer.lines(first.safety),
            advice=writer.lines(self.advice),
            proposals=self._proposals(ctx),
            stale="" if indicator == "critical" else stale,
            drugs=_drugs(evidence),
            danger=any(b.branch.gate == "danger" for b in matching),
            temporal=steps.temporal,
            raised_by=steps.raised_by,
            lowered_by=steps.lowered_by,
        )
        instead = self._instead(matching, ctx)
        cited = (*sources_of(evidence), *self._deciding(matching, ctx), *writer.cited)
        cited = cited if instead is None else (*cited, *instead.cited)
        return replace(finding, cited=unique(cited), instead=instead)

    def _instead(self, matching: list[BranchNode], ctx: Context) -> Finding | None:
        """Return what the next matching branch says, where branches give way each on its own."""
        on_its_own = any(node.branch.gives_way_to is not None for node in matching)
        return self._match(matching[1:], ctx) if on_its_own and len(matching) > 1 else None

    def _deciding(self, matching: list[BranchNode], ctx: Context) -> list[Source]:
        """Return the resources that decide strength and indicator."""
        tables = [matching[0].scale.strength, *(b.indicator for b in matching)]
        nodes = [node for table in tables for _, node in table.rows]
        nodes += [*matching[0].scale.raises, *matching[0].scale.lowers]
        return [
            s for node in nodes if node.verdict(ctx) is True for s in sources_of(node.answer(ctx).evidence)
        ]

    def _could_change(self, branch: BranchNode, ctx: Context) -> tuple[Missing, ...]:
        """Return what is not known and could still change strength or indicator (I6, I7)."""
        rows = [node for table in (branch.scale.strength, branch.indicator) for _, node in table.rows]
        return unique(gap for node in (*rows, *branch.scale.raises) for gap in node.gaps(ctx))

    def _proposals(self, ctx: Context) -> tuple[Proposal, ...]:
        return tuple(
            Proposal(order, node.why, node.priority, self.rule.id, node.anew)
            for node in self.workup
            if node.row.applies(ctx)
            for order in node.orders
        )

    def trace(self, ctx: Context, tell: Tell) -> RuleTrace:
        """Return how the rule was judged, branch by branch."""
        return RuleTrace(self.rule, tuple(branch.trace(ctx, tell) for branch in self.branches))


def _drugs(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    return unique(e.name for e in evidence if e.kind == "drug")


@dataclass(frozen=True, slots=True)
class Program:
    """Every active rule, ready to judge. Immutable; shared between threads."""

    rules: Mapping[str, RuleNode]
    knowhow: Knowhow
    index: Index
    blank: Callable[[Likeness], Blank] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Keep the blank records that were met last."""
        object.__setattr__(self, "blank", lru_cache(_MOST_BLANKS)(self._judged_blank))

    def context(self, facts: PatientFacts) -> Context:
        """Return the working memory for one patient."""
        return self.blank(Likeness.of(facts)).context(facts, self.index.touched(facts))

    def _judged_blank(self, likeness: Likeness) -> Blank:
        ctx = Context(likeness.record(), self.knowhow)
        found = {rule_id: _guarded_settled(node, ctx) for rule_id, node in self.rules.items()}
        settled = {rule_id: answer for rule_id, answer in found.items() if answer is not None}
        return Blank(ctx, settled, ctx.verdicts.copy())

    def judge(
        self, facts: PatientFacts, only: Iterable[str] | None = None, ctx: Context | None = None
    ) -> tuple[Finding, ...]:
        """Judge all rules (or ``only`` these), in order of id.

        ``ctx`` is a working memory of these facts that later questions shall share. A rule that fails
        inside gives an UNKNOWN finding with ``error`` set: one broken rule never hides the others and is
        never a silent no-match.
        """
        ctx = ctx or self.context(facts)
        wanted = self.rules if only is None else sorted(set(only) & set(self.rules))
        return tuple([_guarded(self.rules[rule_id], ctx) for rule_id in wanted])

    def judge_rule(self, rule_id: str, facts: PatientFacts) -> Finding:
        """Judge one rule; errors inside it are raised. Raises KeyError for an unknown rule."""
        return self.rules[rule_id].judge(self.context(facts))

    def trace(self, rule_id: str, facts: PatientFacts) -> RuleTrace:
        """Return how one rule was judged; see ``traces``. Raises KeyError for an unknown rule."""
        return self.traces([rule_id], facts).rules[rule_id]

    def traces(
        self,
        rule_ids: Iterable[str],
        facts: PatientFacts,
        ctx: Context | None = None,
        tell: Tell = Trace,
    ) -> Traces:
        """Return how these rules, and the definitions they rest on, were judged, sharing the work.

        A rule that fails inside is told without branches, with ``error`` set; such a definition is in
        ``failed``.

        Raises:
            KeyError: an id names no rule.
        """
        ctx = ctx or self.context(facts)
        rules = {rule_id: _guarded_trace(self.rules[rule_id], ctx, tell) for rule_id in rule_ids}
        names = sorted(frozenset[str]().union(*(self.rules[rule_id].rests_on for rule_id in rules)))
        definitions: dict[str, Any] = {}
        failed: dict[str, str] = {}
        for name in names:
            try:
                definitions[name] = self.knowhow.criteria[name].trace(ctx, tell)
            except Exception as error:  # the rules and the other definitions can still be explained
                failed[name] = type(error).__name__
        return Traces(rules, definitions, failed)


@lru_cache(_MOST_UNKNOWN)
def _unknown(
    rule_id: str, cause: str, role: str, missing: tuple[Missing, ...], asks: tuple[str, ...]
) -> Finding:
    """Return the finding of a rule that cannot tell: it holds nothing of a patient."""
    return Finding(rule_id, Verdict.UNKNOWN, cause=cause, role=role, missing=missing, asks=asks)


def _guarded(node: RuleNode, ctx: Context) -> Finding:
    settled = None if ctx.blank is None else ctx.blank.rules.get(node.rule.id)
    if settled is not None and settled.rests_on.isdisjoint(ctx.touched):
        return settled.finding
    try:
        return node.judge(ctx)
    except Exception as error:  # one broken rule must not hide the others
        return _failed(node, error)


def _guarded_settled(node: RuleNode, ctx: Context) -> Settled | None:
    try:
        return node.settled(ctx)
    except Exception:  # told when a patient is judged
        return None


def _guarded_trace(node: RuleNode, ctx: Context, tell: Tell) -> RuleTrace:
    try:
        return node.trace(ctx, tell)
    except Exception as error:  # the others can still be explained
        return RuleTrace(node.rule, (), type(error).__name__)


def _failed(node: RuleNode, error: Exception) -> Finding:
    """Return the finding of a rule that broke; the words of the error may quote the record."""
    return Finding(
        node.rule.id,
        Verdict.UNKNOWN,
        cause=node.rule.cause,
        role=node.rule.role,
        error=type(error).__name__,
    )
