"""What to write instead of an address that means nothing, or several places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.site.addresses import criteria_like, in_words
from cds_service.site.model import Override

_MOST = 6


def not_found(override: Override, document: Document) -> tuple[str, str, str]:
    """Return code, fault and remedy of an address that no place of the document says."""
    found = criteria_like(document, override.address)
    named = "; ".join(found[:_MOST])
    what = f"the {override.kind} {override.subject!r} does not say {in_words(override.address)!r}."
    shared = _definitions(document.data)
    if named:
        return "S109", what, f"Copy one of these: {named}."
    if shared:
        return "S109", what, f"It may stand in a definition the rule meets: {', '.join(shared[:_MOST])}."
    return "S109", what, "Copy the criterion from the page of the rule."


def several_found(override: Override, document: Document, places: Sequence[Pointer]) -> tuple[str, str, str]:
    """Return code, fault and remedy of an address that means another number of places than was said."""
    told = [f"{document.where(place)} ({_part(place)})" for place in places[:_MOST]]
    return (
        "S110",
        f"means {len(places)} places of {override.subject!r}, not {override.places}.",
        f"Say more of the criterion, 'in: [part]', or 'places: {len(places)}' for all: {'; '.join(told)}.",
    )


def _part(place: Pointer) -> str:
    return ".".join(str(step) for step in place) or "the file itself"


def _definitions(node: Any) -> list[str]:
    """Return the definitions a rule meets, sorted."""
    if isinstance(node, list):
        return sorted({name for item in node for name in _definitions(item)})
    if not isinstance(node, dict):
        return []
    own = node.get("meets", [])
    inner = {name for value in node.values() for name in _definitions(value)}
    return sorted(inner | set([own] if isinstance(own, str) else own))
