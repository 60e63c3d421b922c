"""Find logic that can never matter: contradictions, tautologies, branches and rows nothing can reach.

A criterion that contradicts itself never fires, one that always holds asks for nothing, and what stands
behind something wider never speaks: each is a mistake of the writer, and none shows in a patient.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cds_service.content import Document
from cds_service.errors import Issue
from cds_service.knowledge import Knowledge
from cds_service.rules import Branch, Criterion, Definition, Rule, Table, walk
from cds_service.rules.criteria import Combination
from cds_service.rules.tree import rule_criteria
from cds_service.validate.propositions import Propositions
from cds_service.validate.survey import Survey


def logic(rule: Rule, document: Document, survey: Survey) -> Iterator[Issue]:
    """Yield a fault for every part of a rule's logic that cannot matter."""
    lint = _Lint(rule, document, survey.knowledge)
    yield from lint.combinations()
    yield from lint.branches()
    yield from lint.tables()
    yield from lint.texts()


def definition_logic(definition: Definition, knowledge: Knowledge) -> Iterator[Issue]:
    """Yield a fault for every part of a definition that contradicts itself or always holds."""
    if definition.when is not None:
        yield from _senseless(_combinations([definition.when]), definition.path, Propositions(knowledge))


class _Lint:
    def __init__(self, rule: Rule, document: Document, knowledge: Knowledge) -> None:
        self.rule = rule
        self.path = document.path
        self.knowledge = knowledge
        self.said = Propositions(knowledge)
        self.fires = [self._fires(branch) for branch in rule.branches]

    def _fires(self, branch: Branch) -> int:
        """Return the literal of "this branch fires"."""
        parts = [self.said.literal(branch.when)]
        if branch.gate in self.knowledge.gates:
            parts.append(self.said.literal(self.knowledge.gates[branch.gate]))
        parts += [self.said.adult()] if branch.ages == "adult" else []
        silences = [c for c in (self.rule.unless, branch.unless) if c is not None]
        return self.said.all_of([*parts, *(-self.said.literal(c) for c in silences)])

    def can(self, *literals: int) -> bool:
        return self.said.solver.can_hold(*literals)

    def combinations(self) -> Iterator[Issue]:
        yield from _senseless(_combinations(rule_criteria(self.rule)), self.path, self.said)

    def branches(self) -> Iterator[Issue]:
        for index, branch in enumerate(self.rule.branches):
            name = f"branch {branch.id}" if branch.id else "the rule"
            if not self.can(self.fires[index]):
                yield self._issue(branch.when, "V126", f"{name} can never fire.")
            elif not self._can_speak(index):
                what = f"{name} never speaks: an earlier branch fires whenever it does."
                yield self._issue(branch.when, "V128", what)

    def _can_speak(self, index: int) -> bool:
        """Whether a branch can fire, at one of its hooks, while no earlier branch does."""
        hooks = self.rule.branches[index].hooks
        earlier = (
            self.fires[i]
            for i, other in enumerate(self.rule.branches[:index])
            if other.hooks is None or (hooks is not None and hooks <= other.hooks)
        )
        return self.can(self.fires[index], *(-literal for literal in earlier))

    def tables(self) -> Iterator[Issue]:
        anywhere = self.said.any_of(self.fires)
        for table in (self.rule.strength, self.rule.ceiling, self.rule.indicator):
            yield from self._table(table, anywhere)
        for index, branch in enumerate(self.rule.branches):
            for table in (branch.strength, branch.ceiling, branch.indicator):
                yield from self._table(table, self.fires[index])

    def _table(self, table: Table | None, fires: int) -> Iterator[Issue]:
        earlier: list[int] = []
        for level, criterion in table.rows if table is not None else ():
            literal = self.said.literal(criterion)
            if not self.can(fires, literal, *(-other for other in earlier)):
                what = f"the row {level!r} is never reached when the rule fires."
                yield self._issue(criterion, "V128", what)
            earlier.append(literal)

    def texts(self) -> Iterator[Issue]:
        anywhere = self.said.any_of(self.fires)
        rows = [*self.rule.detail, *self.rule.safety, *self.rule.advice]
        for when in (*(row.when for row in rows), *(row.when for row in self.rule.workup)):
            if when is not None and not self.can(anywhere, self.said.literal(when)):
                yield self._issue(when, "V128", "a line or order is never shown when the rule fires.")

    def _issue(self, criterion: Criterion, code: str, what: str) -> Issue:
        return Issue(f"{self.path}:{criterion.line}", code, what, "Correct or remove it.")


def _combinations(roots: Iterable[Criterion]) -> list[Combination]:
    return [c for root in roots for c in walk(root) if isinstance(c, Combination)]


def _senseless(parts: Iterable[Combination], path: str, said: Propositions) -> Iterator[Issue]:
    for part in parts:
        literal = said.literal(part)
        if not said.solver.can_hold(literal):
            yield Issue(f"{path}:{part.line}", "V126", f"{part.op!r} contradicts itself.", "Correct it.")
        elif not said.solver.can_hold(-literal):
            yield Issue(f"{path}:{part.line}", "V127", f"{part.op!r} always holds.", "Ask for something.")
