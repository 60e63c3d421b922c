"""How sure and how urgent: strength with its steps and ceiling, indicator with its freshness."""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.engine.context import Context
from cds_service.engine.derived import series_of
from cds_service.engine.judging import admits_normal
from cds_service.engine.nodes import Node
from cds_service.engine.numbers import NumberLeaf
from cds_service.engine.spec import spec_of
from cds_service.engine.twitching import is_isolated_eyelid
from cds_service.engine.windows import days_ago
from cds_service.facts import Moment
from cds_service.findings import INDICATORS, STRENGTHS, Evidence
from cds_service.rules import Modifiers, Rule


@dataclass(frozen=True, slots=True)
class TableNode:
    """A strength or indicator table ready to read: rows from the top, then ``otherwise``."""

    otherwise: str
    rows: tuple[tuple[str, Node], ...] = ()

    def read(self, ctx: Context) -> str:
        """Return the level of the first row that is true; unknown rows are skipped."""
        return next((level for level, node in self.rows if node.verdict(ctx) is True), self.otherwise)


@dataclass(frozen=True, slots=True)
class Steps:
    """What moved the strength: words for the explanation."""

    raised_by: tuple[str, ...]
    lowered_by: tuple[str, ...]
    temporal: bool


def read_indicator(table: TableNode, ctx: Context, title: str) -> tuple[str, str]:
    """Return the indicator and, where a critical value is too old for it, the sentence that says so.

    Critical is only raised on fresh results (specification 2 and 5.1): a critical row that holds
    only with ``fresh`` read as ``usual`` gives warning.
    """
    level = table.read(ctx)
    critical = next((node for row, node in table.rows if row == "critical"), None)
    if critical is None:
        return level, ""
    if level == "critical":
        return (level if _is_certain(critical, ctx) else "warning"), ""
    if critical.verdict(ctx.widened) is not True:
        return level, ""
    evidence = critical.answer(ctx.widened).evidence
    dated = [(_age_days(e.moment, ctx), e) for e in evidence if e.value is not None]
    days, oldest = max(dated, key=lambda row: row[0], default=(0, None))
    name = title if oldest is None else _name_of(oldest, title, ctx)
    sentence = ctx.knowhow.modifiers.stale.format(name=name, days=days)
    return max(level, "warning", key=INDICATORS.index), sentence


def _name_of(evidence: Evidence, title: str, ctx: Context) -> str:
    """Return the title of a measured thing; that of the rule for what is calculated or no result."""
    analyte = ctx.knowhow.terminology.analytes.get(evidence.name)
    return title if analyte is None else analyte.title


def _is_certain(node: Node, ctx: Context) -> bool:
    """Whether a criterion holds by something else than results in a doubtful unit (specification 3.1)."""
    if node.op == "none" or node.verdict(ctx) is not True:
        return node.verdict(ctx) is True
    inner = node.inside(ctx)
    if not inner:
        return not any(e.unit_doubtful for e in node.answer(ctx).evidence)
    certain = [_is_certain(part, ctx) for part in inner]
    return all(certain) if node.op == "all" else sum(certain) >= node.needed


@dataclass(frozen=True, slots=True)
class Scale:
    """How sure one branch is: its strength table, what moves it, and how far up it may go."""

    strength: TableNode
    ceiling: TableNode | None
    raises: tuple[Node, ...]
    lowers: tuple[Node, ...]

    def grade(
        self, rule: Rule, when: Node, evidence: tuple[Evidence, ...], ctx: Context
    ) -> tuple[str, Steps]:
        """Return the strength after all steps, limited by the ends and the ceiling (5.3)."""
        settings = ctx.knowhow.modifiers
        raised = sum(node.verdict(ctx) is True for node in self.raises)
        temporal = "temporal" not in rule.ignore and _is_temporal(evidence, ctx)
        up = ["two or more supporting findings"] if raised >= settings.raises_needed else []
        up += ["close in time to the onset"] if temporal else []
        lowered = any(node.verdict(ctx) is True for node in self.lowers)
        down = ["a finding that lowers it"] if lowered else []
        down += _generic_lowers(rule, settings, when, evidence, ctx)
        return self._moved(len(up) - len(down), ctx), Steps(tuple(up), tuple(down), temporal)

    def _moved(self, steps: int, ctx: Context) -> str:
        base = self.strength.read(ctx)
        if base not in STRENGTHS:
            return base
        ceiling = STRENGTHS[-1] if self.ceiling is None else self.ceiling.read(ctx)
        top = STRENGTHS.index(ceiling) if ceiling in STRENGTHS else len(STRENGTHS) - 1
        return STRENGTHS[min(max(STRENGTHS.index(base) + steps, 0), top)]


def _generic_lowers(
    rule: Rule, settings: Modifiers, when: Node, evidence: tuple[Evidence, ...], ctx: Context
) -> list[str]:
    down = []
    if "long-standing" not in rule.ignore and _is_long_standing(when, ctx):
        down.append("the abnormality is older than the twitching")
    eyelid = rule.group not in settings.no_eyelid_step and "isolated-eyelid" not in rule.ignore
    if eyelid and is_isolated_eyelid(ctx.facts.twitch):
        down.append("isolated eyelid twitch")
    numbers = [e for e in evidence if e.kind == "lab"]
    if "old-data" not in rule.ignore and numbers and all(_is_old(e, ctx) for e in numbers):
        down.append("old data")
    if _is_direction_only(numbers):
        down.append("a direction without a number")
    return down


def _is_direction_only(numbers: list[Evidence]) -> bool:
    return any(e.value is None and e.source is not None for e in numbers)


def _is_temporal(evidence: tuple[Evidence, ...], ctx: Context) -> bool:
    twitch = ctx.facts.twitch
    if twitch is None or twitch.onset is None:
        return False
    settings = ctx.knowhow.modifiers
    return any(_close(e, twitch.onset, settings) for e in evidence if e.moment is not None)


def _close(e: Evidence, onset: Moment, settings: Modifiers) -> bool:
    moment = e.moment
    if moment is None:
        return False
    if e.kind == "drug":
        return moment.earliest <= onset.latest and onset.earliest - moment.latest <= settings.temporal_drug
    if e.kind != "lab":
        return False
    gap = max(onset.earliest - moment.latest, moment.earliest - onset.latest, 0)
    return gap <= settings.temporal_result


def _is_long_standing(when: Node, ctx: Context) -> bool:
    """Whether a result judged by the rule was already so long before the onset."""
    twitch = ctx.facts.twitch
    if twitch is None or twitch.onset is None:
        return False
    bound = twitch.onset.earliest - ctx.knowhow.modifiers.long_standing
    return any(_held_before(leaf, bound, ctx) for leaf in _true_number_leaves(when, ctx))


def _held_before(leaf: NumberLeaf, bound: int, ctx: Context) -> bool:
    """Whether the last result before the bound was abnormal as the leaf asks; what is normal too is not."""
    earlier = [m for m in series_of(leaf.criterion.name, ctx) if m.moment.latest <= bound]
    if not earlier or admits_normal(leaf.criterion, earlier[-1], ctx):
        return False
    return leaf.judge(earlier[-1], ctx) is True


def _true_number_leaves(node: Node, ctx: Context) -> list[NumberLeaf]:
    if node.op == "none" or node.verdict(ctx) is not True:
        return []
    leaf = node.leaf
    if isinstance(leaf, NumberLeaf):
        c = leaf.criterion
        return [leaf] if c.kind == "lab" and (c.limits or set(c.states) & {"low", "high"}) else []
    return [leaf for part in node.inside(ctx) for leaf in _true_number_leaves(part, ctx)]


def _is_old(e: Evidence, ctx: Context) -> bool:
    if e.moment is None:
        return False
    return min(e.moment.latest, ctx.now) < ctx.now - spec_of(e.name, ctx).usual(ctx) // 2


def _age_days(moment: Moment | None, ctx: Context) -> int:
    return 0 if moment is None else days_ago(moment, ctx.now)
