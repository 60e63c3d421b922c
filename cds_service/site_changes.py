"""Which changes of the site a rule or a definition rests on: its own, and those of all it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cds_service.content import Pointer
from cds_service.errors import Issue
from cds_service.knowledge import Knowledge
from cds_service.rules import Rule
from cds_service.rules.criteria import MeetsCriterion
from cds_service.rules.tree import needed, rule_criteria
from cds_service.site import Change
from cds_service.site.values import amount_of

#: Parts of a rule file that a clinician reads.
_TEXTS = ("title", "description", "card", "branches", "phrases", "advice", "workup")


def changes_of_definition(name: str, knowledge: Knowledge) -> tuple[Change, ...]:
    """Return the changes a definition rests on, in order of place; empty where all is as published."""
    if not knowledge.site.changes:
        return ()
    return _of_definitions(needed([MeetsCriterion(names=(name,))], knowledge.definitions), knowledge)


def changes_of_rule(rule: Rule, knowledge: Knowledge) -> tuple[Change, ...]:
    """Return every change a rule rests on: its own, those of its definitions, and those of files.

    A changed file (gates, look-backs, ranges of a test, order of cards) may matter to any rule.
    """
    if not knowledge.site.changes:
        return ()
    names = needed(rule_criteria(rule), knowledge.definitions)
    files = tuple(change for change in knowledge.site.changes if change.kind == "file")
    return (*knowledge.site.changes_of("rule", rule.id), *_of_definitions(names, knowledge), *files)


def is_as_published(rule: Rule, knowledge: Knowledge) -> bool:
    """Whether no change of the site can have changed the answer of a rule."""
    return not changes_of_rule(rule, knowledge)


def _of_definitions(names: set[str], knowledge: Knowledge) -> tuple[Change, ...]:
    return tuple(c for c in knowledge.site.changes if c.kind == "definition" and c.subject in names)


def stale_texts(knowledge: Knowledge) -> list[Issue]:
    """Return the texts of rules that still name a published value the site has changed, by place.

    A sentence of a card cannot be changed by a site: it should know what the clinician will read.
    """
    found: list[Issue] = []
    for rule in knowledge.rules.values():
        document = knowledge.documents[f"rules/{rule.id}"]
        for change in changes_of_rule(rule, knowledge):
            if amount_of(change.published) is None or change.kind == "file":
                continue
            for at, text in _texts(document.data, ()):
                if change.published in text:
                    found.append(
                        Issue(
                            document.where(at),
                            "S120",
                            f"a text of {rule.id} names {change.published}, the site uses {change.used}.",
                            "Tell your clinicians, or keep the published value.",
                        )
                    )
    return sorted(set(found))


def _texts(node: Any, at: Pointer) -> Iterator[tuple[Pointer, str]]:
    """Yield the sentences of a rule file: title, description, card, advice; not its logic."""
    if isinstance(node, str):
        if at[0] in _TEXTS:
            yield at, node
    elif isinstance(node, Mapping):
        for key, value in node.items():
            if key not in ("when", "unless", "strength", "ceiling", "indicator", "raises", "lowers"):
                yield from _texts(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _texts(value, (*at, index))
