"""Make the rules of a knowledge ready to judge, every fault told at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from cds_service.engine.blank import index_of
from cds_service.engine.compile import Compiler, order_by_need
from cds_service.engine.context import Knowhow
from cds_service.engine.grading import Scale, TableNode
from cds_service.engine.nodes import Node
from cds_service.engine.program import BranchNode, Program, RuleNode, WorkupNode
from cds_service.engine.slots import RowNode
from cds_service.errors import ContentError, Issue
from cds_service.rules import Branch, Criterion, Definition, Modifiers, OrderSet, Row, Rule, Table
from cds_service.rules.tree import needed
from cds_service.schema import nearest
from cds_service.terminology import Terminology

#: Gates that ask for nothing beyond what ``when`` itself says: under ``order`` it names the draft.
_OPEN_GATES = frozenset(("sign", "danger", "open", "order"))


def compile_program(
    rules: Iterable[Rule],
    definitions: Mapping[str, Definition],
    gates: Mapping[str, Criterion],
    terminology: Terminology,
    order_sets: Mapping[str, OrderSet],
    modifiers: Modifiers,
) -> Program:
    """Make rules ready to judge.

    Raises:
        ContentError: names that do not exist, units that do not convert, definitions in a circle;
            every fault of every rule at once, with ``file:line``.
    """
    knowhow = Knowhow(terminology, modifiers, definitions)
    compiler = Compiler(knowhow)
    ordered, issues = order_by_need(definitions.values())
    for definition in ordered:
        compiler.path = definition.path
        if definition.when is not None:
            knowhow.criteria[definition.id] = compiler.node(definition.when)
        if definition.number is not None:
            compiler.check_number(definition, definition.number)
    compiler.path = "cards/gates.yaml"
    for name, criterion in gates.items():
        knowhow.gates[name] = compiler.node(criterion)
    builder = _RuleBuilder(compiler, order_sets)
    nodes = {rule.id: builder.build(rule) for rule in sorted(rules, key=lambda r: r.id)}
    issues += compiler.issues
    if issues:
        raise ContentError(*sorted(set(issues)))
    return Program(nodes, knowhow, index_of(compiler.keys, knowhow))


@dataclass(frozen=True, slots=True)
class _RuleBuilder:
    compiler: Compiler
    order_sets: Mapping[str, OrderSet]

    def build(self, rule: Rule) -> RuleNode:
        self.compiler.path = rule.path
        knowhow = self.compiler.knowhow
        return RuleNode(
            rule,
            tuple(self._branch(branch, rule) for branch in rule.branches),
            {name: self._rows(rows) for name, rows in rule.phrases},
            tuple(self._workup(rule)),
            self._rows(rule.advice),
            frozenset(needed(_firing(rule), knowhow.definitions) & knowhow.criteria.keys()),
        )

    def _branch(self, branch: Branch, rule: Rule) -> BranchNode:
        node = self.compiler.node
        unless = tuple(node(c) for c in (branch.unless, rule.unless) if c is not None)
        return BranchNode(
            branch,
            self._gate(branch),
            node(branch.when),
            unless,
            self._scale(branch, rule),
            self._table(branch.indicator or rule.indicator),
            branch.summary or rule.summary,
            self._rows(rule.detail if branch.detail is None else branch.detail),
            self._rows(rule.safety if branch.safety is None else branch.safety),
        )

    def _scale(self, branch: Branch, rule: Rule) -> Scale:
        node = self.compiler.node
        ceiling = branch.ceiling or rule.ceiling
        return Scale(
            self._table(branch.strength or rule.strength),
            None if ceiling is None else self._table(ceiling),
            tuple(node(c) for c in (rule.raises if branch.raises is None else branch.raises)),
            tuple(node(c) for c in (rule.lowers if branch.lowers is None else branch.lowers)),
        )

    def _gate(self, branch: Branch) -> Node | None:
        if branch.gate in _OPEN_GATES:
            return None
        gate = self.compiler.knowhow.gates.get(branch.gate)
        if gate is None:
            self._fault(f"needs the gate {branch.gate!r}, which cards/gates.yaml does not define.")
        return gate

    def _table(self, table: Table) -> TableNode:
        return TableNode(table.otherwise, tuple((level, self.compiler.node(c)) for level, c in table.rows))

    def _rows(self, rows: tuple[Row, ...]) -> tuple[RowNode, ...]:
        return tuple(
            RowNode(r.say, None if r.when is None else self.compiler.node(r.when), r.hooks) for r in rows
        )

    def _workup(self, rule: Rule) -> Iterable[WorkupNode]:
        for row in rule.workup:
            orders = row.orders
            if row.order_set:
                found = self.order_sets.get(row.order_set)
                if found is None:
                    self._fault(
                        f"names the order set {row.order_set!r}, which cards/order-sets/ does not hold."
                    )
                    continue
                orders = found.orders
            for order in orders:
                if not self.compiler.knowhow.terminology.exists("order", order):
                    close = nearest(order, self.compiler.knowhow.terminology.orders)
                    what = f"proposes {order!r}, which terminology/orders/ does not hold. {close}"
                    self._fault(what.rstrip())
            when = None if row.when is None else self.compiler.node(row.when)
            yield WorkupNode(orders, row.why, row.priority, RowNode(rule.summary, when, row.hooks), row.anew)

    def _fault(self, what: str) -> None:
        self.compiler.issues.append(
            Issue(f"{self.compiler.path}:1", "R102", what, "Add it, or correct the name.")
        )


def _firing(rule: Rule) -> list[Criterion]:
    """Return the criteria that decide whether a rule fires, without those of its tables and texts."""
    roots = [rule.unless, *(criterion for b in rule.branches for criterion in (b.when, b.unless))]
    return [root for root in roots if root is not None]
