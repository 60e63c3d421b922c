"""The logic of a rule as an outline for the eye: nested lists instead of one long sentence.

Every word comes from ``cards/frames/logic.yaml`` and from the titles of the knowledge.
"""

from __future__ import annotations

from dataclasses import dataclass

from cds_service.catalogue.logic import OPEN_GATES, LogicWords, definition_in_words
from cds_service.knowledge import Knowledge
from cds_service.rules import Branch, Criterion, Rule
from cds_service.rules.criteria import Combination, MeetsCriterion, NumberCriterion


@dataclass(frozen=True, slots=True)
class Clause:
    """One line of an outline.

    ``parts`` are the lines below it; ``defined`` says that they tell what the line is defined as,
    so that a reader may skip them. ``note`` is the rule writer's own remark.
    """

    words: str
    parts: tuple[Clause, ...] = ()
    defined: bool = False
    note: str = ""


def outline_of(rule: Rule, knowledge: Knowledge) -> tuple[Clause, ...]:
    """Return when a rule fires, branch by branch, then what silences it."""
    outline = _Outline(knowledge)
    fires = tuple(outline.branch(branch, alone=len(rule.branches) == 1) for branch in rule.branches)
    silences = dict.fromkeys(c for c in (rule.unless, *(b.unless for b in rule.branches)) if c is not None)
    say = knowledge.frames.say
    return fires + tuple(Clause(say("outline_not_when"), (outline.of(item),)) for item in silences)


class _Outline:
    def __init__(self, knowledge: Knowledge) -> None:
        self.knowledge = knowledge
        self.words = LogicWords(knowledge)
        self.say = knowledge.frames.say

    def branch(self, branch: Branch, *, alone: bool) -> Clause:
        conditions = [] if branch.gate in OPEN_GATES else [Clause(self.say(f"gate_{branch.gate}"))]
        conditions += [] if branch.ages == "all" else [Clause(self.say(f"ages_{branch.ages}"))]
        when = self.of(branch.when)
        joined = isinstance(branch.when, Combination) and branch.when.op == "all" and not when.note
        conditions += when.parts if joined else (when,)
        named = "" if alone or not branch.id else branch.id.replace("-", " ")
        frame = "outline_fires_branch" if named else "outline_fires"
        frame += "_one" if len(conditions) == 1 else ""
        return Clause(self.say(frame, branch=named), tuple(conditions))

    def of(self, criterion: Criterion) -> Clause:
        if isinstance(criterion, Combination):
            words = self.say(f"outline_{criterion.op}", count=criterion.at_least)
            return Clause(words, tuple(self.of(part) for part in criterion.parts), note=criterion.note)
        if isinstance(criterion, MeetsCriterion):
            return self._meets(criterion)
        return Clause(self.words.of(criterion), note=criterion.note or self._remark(criterion))

    def _remark(self, criterion: Criterion) -> str:
        """Return what is remarked on the derived number a criterion asks for, if it is one."""
        name = criterion.name if isinstance(criterion, NumberCriterion) else ""
        if name not in self.knowledge.definitions:
            return ""
        return str(self.knowledge.documents[f"definitions/{name}"].data.get("note", ""))

    def _meets(self, criterion: MeetsCriterion) -> Clause:
        definitions = [self._definition(name) for name in criterion.names]
        if len(definitions) == 1:
            return definitions[0]
        return Clause(self.say("outline_any"), tuple(definitions), note=criterion.note)

    def _definition(self, name: str) -> Clause:
        definition = self.knowledge.definitions.get(name)
        below = () if definition is None or definition.when is None else (self.of(definition.when),)
        return Clause(definition_in_words(name, self.knowledge), below, defined=True)
