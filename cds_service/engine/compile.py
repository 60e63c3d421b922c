"""Turn criteria into nodes: look every name up once and refuse what the terminology does not know."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from decimal import Decimal

from cds_service.engine.context import Knowhow
from cds_service.engine.drugs import DrugLeaf
from cds_service.engine.events import EventLeaf
from cds_service.engine.nodes import AgeLeaf, IrritabilityLeaf, Leaf, MeetsLeaf, Node, SexLeaf
from cds_service.engine.numbers import NumberLeaf
from cds_service.engine.twitching import TwitchLeaf
from cds_service.engine.windows import AnchorDates
from cds_service.errors import Issue, UnitError
from cds_service.rules import criteria as c
from cds_service.rules.tree import bare
from cds_service.schema import nearest
from cds_service.terminology import DrugSet, Terminology
from cds_service.terminology.model import DrugSetPart

#: ``draft: any`` matches every draft order.
ANY = "any"
#: How much work an answer is: a name is looked up, results are compared, or numbers are calculated first.
_LOOKED_UP, _COMPARED, _WORKED_OUT = range(3)
_SETTINGS = ("outpatient", "inpatient", "emergency")


@dataclass
class Compiler:
    """Builds nodes against one terminology and one set of definitions; collects every fault.

    ``keys`` gives equal criteria the same key, wherever they stand and whatever they are called.
    """

    knowhow: Knowhow
    issues: list[Issue] = field(default_factory=list)
    keys: dict[c.Criterion, int] = field(default_factory=dict)
    path: str = ""

    def node(self, criterion: c.Criterion) -> Node:
        """Return the node of a criterion; faults are noted in ``issues``."""
        key = self.keys.setdefault(bare(criterion), len(self.keys))
        if isinstance(criterion, c.Combination):
            parts = tuple(self.node(part) for part in criterion.parts)
            cost = max((part.cost for part in parts), default=_LOOKED_UP)
            return Node(criterion, key, op=criterion.op, parts=parts, needed=criterion.at_least, cost=cost)
        return Node(criterion, key, leaf=self._leaf(criterion), cost=self._cost(criterion))

    def _cost(self, criterion: c.Criterion) -> int:
        """Return how much work a leaf is, about."""
        if isinstance(criterion, c.MeetsCriterion):
            nodes = [self.knowhow.criteria.get(name) for name in criterion.names]
            return max(_WORKED_OUT if node is None else node.cost for node in nodes)
        if isinstance(criterion, c.NumberCriterion):
            return _WORKED_OUT if criterion.name in self.knowhow.definitions else _COMPARED
        return _COMPARED if isinstance(criterion, c.IrritabilityCriterion) else _LOOKED_UP

    def check_number(self, definition: c.Definition, number: c.DerivedNumber) -> None:
        """Note every name and unit of a derived number that the terminology does not know."""
        place = c.Criterion(line=definition.line)
        names = [name for term in number.terms for name in (term.lab, term.not_older_than) if name]
        names += [number.range_of] if number.range_of else []
        self._known(place, names, [*self.knowhow.terminology.analytes, *self._numbers()], "number")
        only_if = number.only_if
        if isinstance(only_if, c.NumberCriterion) and only_if.name in names:
            self._limits(only_if)
        elif only_if is not None:
            self._fault(
                place,
                "R112",
                "says only_if of something that is none of its members.",
                "Name one of the members: its very result is judged.",
            )

    def _numbers(self) -> list[str]:
        return [d.id for d in self.knowhow.definitions.values() if d.number is not None]

    def _leaf(self, criterion: c.Criterion) -> Leaf:
        if isinstance(criterion, c.NumberCriterion):
            return self._number(criterion)
        if isinstance(criterion, c.DrugCriterion):
            return self._drug(criterion)
        if isinstance(criterion, c.EventCriterion):
            return self._event(criterion)
        if isinstance(criterion, c.TwitchCriterion):
            return TwitchLeaf(criterion, self._anchor(criterion.window))
        if isinstance(criterion, c.MeetsCriterion):
            self._known(criterion, criterion.names, self._definitions(), "definition")
            return MeetsLeaf(criterion)
        if isinstance(criterion, c.AgeCriterion):
            return AgeLeaf(criterion)
        if isinstance(criterion, c.SexCriterion):
            return SexLeaf(criterion)
        if isinstance(criterion, c.IrritabilityCriterion):
            return IrritabilityLeaf(criterion)
        raise TypeError(f"no judge for {type(criterion).__name__}")

    def _anchor(self, window: c.Window) -> AnchorDates | None:
        if not isinstance(window.anchor, c.Criterion):
            return None
        node = self.node(window.anchor)
        return node.dates

    def _number(self, criterion: c.NumberCriterion) -> Leaf:
        terminology = self.knowhow.terminology
        known = [name for name, a in terminology.analytes.items() if a.kind == criterion.kind]
        self._known(criterion, (criterion.name,), [*known, *self._numbers()], criterion.kind)
        criterion = self._in_printed_units(criterion)
        self._limits(criterion)
        return NumberLeaf(criterion, self._anchor(criterion.window))

    def _in_printed_units(self, criterion: c.NumberCriterion) -> c.NumberCriterion:
        """Return the criterion with every unit as the terminology prints it (``umol/L`` as ``µmol/L``)."""
        limits = tuple(replace(limit, unit=self._printed(limit.unit)) for limit in criterion.limits)
        change = criterion.change
        return replace(
            criterion,
            limits=limits,
            change=None if change is None else replace(change, unit=self._printed(change.unit)),
        )

    def _printed(self, unit: str) -> str:
        units = self.knowhow.terminology.units
        return units.parse(unit) if unit and units.knows(unit) else unit

    def _limits(self, criterion: c.NumberCriterion) -> None:
        definition = self.knowhow.definitions.get(criterion.name)
        number = None if definition is None else definition.number
        analyte = self.knowhow.terminology.analytes.get(criterion.name)
        units = [limit.unit for limit in criterion.limits if not limit.of_range]
        if criterion.change is not None and criterion.change.unit != "%":
            units.append(criterion.change.unit)
        if number is not None and number.range_only and (units or criterion.change):
            self._fault(
                criterion,
                "R110",
                f"compares a number of {criterion.name}, whose members have different scales.",
                "Ask for low, normal or high, or name the member.",
            )
        for unit in units:
            if not self._converts(criterion.name, unit):
                accepted = (
                    ", ".join(sorted(analyte.factors)) if analyte else number.unit if number else "none"
                )
                self._fault(
                    criterion,
                    "R111",
                    f"gives {criterion.name} in {unit!r}, which does not convert.",
                    f"Write one of: {accepted}.",
                )

    def _converts(self, name: str, unit: str) -> bool:
        definition = self.knowhow.definitions.get(name)
        if definition is not None and definition.number is not None:
            number = definition.number
            if number.form == "first_of":
                return all(self._converts(term.lab, unit) for term in number.terms)
            return unit == number.unit or bool(number.range_of and self._converts(number.range_of, unit))
        analyte = self.knowhow.terminology.analytes.get(name)
        if analyte is None:
            return True  # the unknown name is reported elsewhere
        try:
            analyte.to_canonical(Decimal(1), unit)
        except UnitError:
            return False
        return True

    def _drug(self, criterion: c.DrugCriterion) -> Leaf:
        terminology = self.knowhow.terminology
        orders = list(terminology.orders) if criterion.word == "draft" else []
        known = [*terminology.drug_sets, *terminology.ingredients, *orders]
        names = tuple(name for name in criterion.names if name != ANY)
        self._known(criterion, names, known, "drug")
        reasons = list(terminology.value_sets.get("reason", {}))
        self._known(criterion, (*criterion.reasons, *criterion.excluded_reasons), reasons, "reason")
        if criterion.dose_as_if:
            self._known(
                criterion, (criterion.dose_as_if,), list(terminology.equivalents), "equivalence table"
            )
        found = [name for name in names if name in known] + ([ANY] if ANY in criterion.names else [])
        sets = tuple(drug_set_of(name, terminology) for name in found)
        return DrugLeaf(criterion, sets, self._anchor(criterion.window))

    def _event(self, criterion: c.EventCriterion) -> Leaf:
        kinds = {"family": ("condition",), "allergy": ("condition", "drug")}.get(
            criterion.kind, (criterion.kind,)
        )
        for name in criterion.names:
            if criterion.kind == "encounter" and name in _SETTINGS:
                continue
            if not any(self.knowhow.terminology.exists(kind, name) for kind in kinds):
                meant = self._meant(name, kinds)
                self._fault(
                    criterion,
                    "R101",
                    f"names the {criterion.kind} {name!r}, which terminology/ does not hold.{meant}",
                    "Add the value set, or correct the name.",
                )
        return EventLeaf(criterion, self._anchor(criterion.window))

    def _meant(self, name: str, kinds: Iterable[str]) -> str:
        if name in self._definitions():
            return f" It is a definition: write {{meets: {name}}}."
        sets = self.knowhow.terminology.value_sets
        if other := next((kind for kind in sets if kind != "reason" and name in sets[kind]), ""):
            return f" It is a {other}: write {{{other}: {name}}}."
        known = {word for kind in kinds for word in sets.get(kind, {})}
        close = nearest(name, known)
        return f" {close}" if close else ""

    def _definitions(self) -> list[str]:
        return [d.id for d in self.knowhow.definitions.values() if d.when is not None]

    def _known(self, criterion: c.Criterion, names: Iterable[str], known: list[str], what: str) -> None:
        for name in names:
            if name not in known:
                hint = nearest(name, known) or "Add it, or correct the name."
                self._fault(criterion, "R101", f"names the {what} {name!r}, which does not exist.", hint)

    def _fault(self, criterion: c.Criterion, code: str, what: str, remedy: str) -> None:
        self.issues.append(Issue(f"{self.path}:{criterion.line}", code, what, remedy))


def drug_set_of(name: str, terminology: Terminology) -> DrugSet:
    """Return the named drug set, every drug for ``any``, a drafted test or procedure as a set of itself."""
    if name == ANY:
        every = frozenset(terminology.ingredients)
        return DrugSet(ANY, "any drug", every, (DrugSetPart(every),))
    if name in terminology.orders:
        alone = frozenset((name,))
        return DrugSet(name, terminology.orders[name].title, alone, (DrugSetPart(alone),))
    return terminology.drug_set(name)


def order_by_need(definitions: Iterable[c.Definition]) -> tuple[list[c.Definition], list[Issue]]:
    """Return the definitions with every one after those it needs; a circle is a fault."""
    by_id = {d.id: d for d in definitions}
    done: dict[str, bool] = {}
    ordered: list[c.Definition] = []
    issues: list[Issue] = []

    def visit(definition: c.Definition) -> None:
        state = done.get(definition.id)
        if state is False:
            issues.append(
                Issue(
                    f"{definition.path}:{definition.line}",
                    "R120",
                    f"the definition {definition.id!r} needs itself.",
                    "Break the circle.",
                )
            )
        if state is not None:
            return
        done[definition.id] = False
        for name in sorted(needs(definition)):
            if name in by_id:
                visit(by_id[name])
        done[definition.id] = True
        ordered.append(definition)

    for definition in sorted(by_id.values(), key=lambda d: d.id):
        visit(definition)
    return ordered, issues


def needs(definition: c.Definition) -> set[str]:
    """Return the names of definitions and numbers a definition refers to."""
    found: set[str] = set()
    roots = [definition.when] if definition.when is not None else []
    if definition.number is not None:
        found |= {name for t in definition.number.terms for name in (t.lab, t.not_older_than) if name}
        roots += [definition.number.only_if] if definition.number.only_if is not None else []
    for root in roots:
        for criterion in c.walk(root):
            if isinstance(criterion, c.MeetsCriterion):
                found |= set(criterion.names)
            if isinstance(criterion, c.NumberCriterion):
                found.add(criterion.name)
    return found
