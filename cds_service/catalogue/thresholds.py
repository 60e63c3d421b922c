"""Where the rules cut the values of an analyte: read from the rules themselves, in the canonical unit."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from itertools import groupby
from operator import attrgetter
from types import MappingProxyType
from typing import Any

from cds_service.errors import UnitError
from cds_service.knowledge import Knowledge
from cds_service.rules import Criterion, Rule
from cds_service.rules.criteria import Limit, MeetsCriterion, NumberCriterion, walk
from cds_service.rules.model import Branch, Table
from cds_service.terminology import Terminology

_LOW = ("below", "at_most")


@dataclass(frozen=True, slots=True)
class Cut:
    """A limit that rules ask for: ``op`` is below, at_most, above or at_least.

    ``value`` is in the canonical unit of the analyte. ``rules`` are the ids of the rules that rest on it,
    directly or through a definition.
    """

    op: str
    value: Decimal
    rules: tuple[str, ...]

    @property
    def side(self) -> str:
        """``low`` where what lies below is asked for, ``high`` where what lies above is."""
        return "low" if self.op in _LOW else "high"


@dataclass(frozen=True, slots=True)
class Threshold:
    """A value at which rules answer differently.

    ``side`` is ``low`` where what lies below is asked for, ``high`` where what lies above is, ``both`` where
    some ask for the one and some for the other. ``value`` is in the canonical unit of the analyte. ``rules``
    are the ids of the rules that rest on it, directly or through a definition.
    """

    side: str
    value: Decimal
    rules: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it JSON-ready; the value as a text, so that nothing is lost."""
        return {"side": self.side, "value": format(self.value, "f"), "rules": list(self.rules)}


@lru_cache(maxsize=4)
def analyte_cuts(knowledge: Knowledge) -> Mapping[str, tuple[Cut, ...]]:
    """Return, by analyte, every limit by which a rule cuts it: rising, each once.

    Read are the conditions, strength, urgency and gates of the rules and the definitions they use. A limit on
    a number that is the first usable of several results (calcium by the best method) counts for each of them.
    Left out are multiples of a laboratory's own range, changes over time, calculated numbers, and limits that
    every plausible value meets.
    """
    rules: dict[tuple[str, Decimal, str], set[str]] = defaultdict(set)
    for rule in knowledge.rules.values():
        for criterion in _numbers(_criteria(rule, knowledge), knowledge):
            for name in _measured(criterion.name, knowledge):
                for op, value in _cuts(name, criterion.limits, knowledge.terminology):
                    rules[name, value, op].add(rule.id)
    found: dict[str, list[Cut]] = defaultdict(list)
    for (name, value, op), ids in sorted(rules.items()):
        found[name].append(Cut(op, value, tuple(sorted(ids))))
    return MappingProxyType({name: tuple(cuts) for name, cuts in found.items()})


def analyte_thresholds(knowledge: Knowledge) -> Mapping[str, tuple[Threshold, ...]]:
    """Return, by analyte, every value at which a rule cuts it (``analyte_cuts``): rising, each once."""
    return {
        name: tuple(_threshold(value, tuple(group)) for value, group in groupby(cuts, attrgetter("value")))
        for name, cuts in analyte_cuts(knowledge).items()
    }


def _threshold(value: Decimal, cuts: tuple[Cut, ...]) -> Threshold:
    sides = {cut.side for cut in cuts}
    ids = {rule for cut in cuts for rule in cut.rules}
    return Threshold("both" if len(sides) > 1 else cuts[0].side, value, tuple(sorted(ids)))


def analyte_frames(knowledge: Knowledge) -> dict[str, dict[str, Any]]:
    """Return, by analyte, what a distribution of its values is drawn with (JSON-ready).

    ``title``, ``kind``, ``unit``, the adult default ``range`` (texts, None where there is no such limit) and
    ``thresholds``. Values of ``analytes`` in summary.json are in the same unit.
    """
    cuts = analyte_thresholds(knowledge)
    return {
        name: {
            "title": analyte.title,
            "kind": analyte.kind,
            "unit": analyte.unit,
            "range": [None if limit is None else format(limit, "f") for limit in (analyte.low, analyte.high)],
            "thresholds": [cut.as_json() for cut in cuts.get(name, ())],
        }
        for name, analyte in sorted(knowledge.terminology.analytes.items())
    }


def _cuts(name: str, limits: Iterable[Limit], terminology: Terminology) -> Iterator[tuple[str, Decimal]]:
    analyte, units = terminology.analytes[name], terminology.units
    for limit in limits:
        if limit.of_range:
            continue
        unit = units.parse(limit.unit) if units.knows(limit.unit) else limit.unit
        try:
            value = limit.amount if unit == analyte.unit else analyte.to_canonical(limit.amount, unit)
        except UnitError:
            continue  # ``validate`` tells of it; such a limit judges nothing
        if analyte.is_plausible(value) and value:
            yield limit.op, _plain(value)


def _plain(value: Decimal) -> Decimal:
    """Return the number without trailing zeros and without an exponent."""
    return Decimal(format(value.normalize(), "f"))


def _measured(name: str, knowledge: Knowledge, depth: int = 5) -> Iterator[str]:
    """Yield the analytes whose own values a number of this name may be."""
    definition = knowledge.definitions.get(name)
    if name in knowledge.terminology.analytes:
        yield name
    elif depth and definition is not None and definition.number is not None:
        number = definition.number
        if number.form == "first_of" and not number.range_only:
            for term in number.terms:
                if term.lab and term.times == 1 and not term.plus:
                    yield from _measured(term.lab, knowledge, depth - 1)


def _numbers(criteria: Iterable[Criterion], knowledge: Knowledge) -> Iterator[NumberCriterion]:
    """Yield every judgment on a number inside the criteria and the definitions they use."""
    waiting, seen = list(criteria), set[str]()
    while waiting:
        for part in walk(waiting.pop()):
            if isinstance(part, NumberCriterion):
                yield part
            elif isinstance(part, MeetsCriterion):
                names = [name for name in part.names if name not in seen]
                seen.update(names)
                known = (knowledge.definitions.get(name) for name in names)
                waiting.extend(found.when for found in known if found is not None and found.when is not None)


def _criteria(rule: Rule, knowledge: Knowledge) -> Iterator[Criterion]:
    """Yield what decides whether a rule fires, how sure it is and how urgent."""
    parts: tuple[Rule | Branch, ...] = (rule, *rule.branches)
    for part in parts:
        yield from _of_tables((part.strength, part.ceiling, part.indicator))
        yield from (*(part.raises or ()), *(part.lowers or ()))
        if part.unless is not None:
            yield part.unless
    for branch in rule.branches:
        yield from _of_branch(branch, knowledge)


def _of_branch(branch: Branch, knowledge: Knowledge) -> Iterator[Criterion]:
    yield branch.when
    gate = knowledge.gates.get(branch.gate)
    if gate is not None:
        yield gate


def _of_tables(tables: Iterable[Table | None]) -> Iterator[Criterion]:
    for table in tables:
        if table is not None:
            yield from (criterion for _, criterion in table.rows)
