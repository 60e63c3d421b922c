"""Every rule of the bundled knowledge as an outline."""

from decimal import Decimal

import pytest

from cds_service.catalogue.logic import LogicWords
from cds_service.catalogue.outline import Clause, outline_of
from cds_service.knowledge import load_knowledge
from cds_service.rules.criteria import Combination, Limit, MeetsCriterion, walk

KNOWLEDGE = load_knowledge()


def lines(clauses):
    for clause in clauses:
        yield clause
        yield from lines(clause.parts)


@pytest.mark.parametrize("rule_id", sorted(KNOWLEDGE.rules))
def test_every_branch_and_every_definition_of_a_rule_stands_in_its_outline(rule_id):
    rule = KNOWLEDGE.rules[rule_id]
    outline = outline_of(rule, KNOWLEDGE)
    words = [clause.words for clause in lines(outline)]
    assert all(words)
    for branch in rule.branches:
        if len(rule.branches) > 1:
            assert any(branch.id.replace("-", " ") in clause.words for clause in outline)
        for part in walk(branch.when):
            if isinstance(part, MeetsCriterion):
                assert {KNOWLEDGE.definitions[name].title for name in part.names} <= set(words)


def test_what_a_definition_asks_for_stands_below_it():
    told = {
        clause.words: clause
        for rule in KNOWLEDGE.rules.values()
        for clause in lines(outline_of(rule, KNOWLEDGE))
        if clause.defined
    }
    by_title = {definition.title: definition for definition in KNOWLEDGE.definitions.values()}
    assert told
    for words, clause in told.items():
        assert bool(clause.parts) == (by_title[words].when is not None)


def test_joining_words_stand_over_their_parts():
    def joins(rule):
        return any(isinstance(part, Combination) for branch in rule.branches for part in walk(branch.when))

    rule = next(rule for rule in KNOWLEDGE.rules.values() if joins(rule))
    assert all(isinstance(item, Clause) and item.parts for item in outline_of(rule, KNOWLEDGE))


@pytest.mark.parametrize(("unit", "said"), [("score", "at least 5"), ("mmol/L", "at least 5 mmol/L")])
def test_a_score_has_no_unit_to_say(unit, said):
    assert LogicWords(KNOWLEDGE).limits((Limit("at_least", Decimal(5), unit),)) == said
