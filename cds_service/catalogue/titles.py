"""Words for the names of the knowledge: value sets, analytes, definitions, drugs and orders."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.engine.text import inside_sentence as inside
from cds_service.knowledge import Knowledge

__all__ = ["inside", "named_inside", "title_of", "titles_of"]

_TEST_KINDS = ("lab", "vital", "survey")
_HEADED = (*_TEST_KINDS, "order", "definition")


def title_of(kind: str, name: str, knowledge: Knowledge) -> str:
    """Return the title of a name as printed on cards; an unknown name is returned as plain words."""
    if knowledge.terminology.exists(kind, name):
        return knowledge.terminology.title(kind, name)
    definition = knowledge.definitions.get(name)
    if definition is not None:
        return definition.title
    for other in _TEST_KINDS:
        if knowledge.terminology.exists(other, name):
            return knowledge.terminology.title(other, name)
    return name.replace("-", " ")


def named_inside(kind: str, name: str, knowledge: Knowledge) -> str:
    """Return the title of a name for the inside of a sentence.

    Value sets and drugs are titled that way already ("tremor", "Bell palsy"); tests, orders and
    definitions are titled as headings.
    """
    title = title_of(kind, name, knowledge)
    return inside(title) if kind in _HEADED or name in knowledge.definitions else title


def titles_of(kind: str, names: Iterable[str], knowledge: Knowledge) -> list[str]:
    """Return the titles of several names for the inside of a sentence, each once, in the order given."""
    return list(dict.fromkeys(named_inside(kind, name, knowledge) for name in names))
