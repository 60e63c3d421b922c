"""Words for the names of the knowledge: value sets, analytes, definitions, drugs and orders."""

from __future__ import annotations

from collections.abc import Iterable

from cds_service.engine.text import inside_sentence as inside
from cds_service.knowledge import Knowledge

__all__ = ["inside", "title_of", "titles_of"]

_TEST_KINDS = ("lab", "vital", "survey")


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


def titles_of(kind: str, names: Iterable[str], knowledge: Knowledge) -> list[str]:
    """Return the titles of several names for the inside of a sentence, each once, in the order given."""
    return list(dict.fromkeys(inside(title_of(kind, name, knowledge)) for name in names))
