"""Every text a clinician can read: of the rules, of what the rules share, and of the frames of the cards."""

import re
from functools import cache

from cds_service.content import content_root, iter_documents
from cds_service.validate.survey import texts_of

_SLOT = re.compile(r"\{[^}|]*")
_SHARED = ("cards/definitions", "cards/order-sets", "cards/frames", "terminology/orders")


@cache
def rule_texts() -> dict[str, tuple[str, ...]]:
    """Return the texts of every rule by its id: summary, detail, safety, advice, reasons, notes, phrases."""
    root = content_root()
    documents = iter_documents(root / "cards" / "rules", root)
    return {d.stem: tuple(text for _, _, text in texts_of(d)) for d in documents}


@cache
def shared_texts() -> dict[str, tuple[str, ...]]:
    """Return the texts every rule may show, by the file they stand in."""
    root = content_root()
    found = {}
    for folder in _SHARED:
        for document in iter_documents(root / folder, root):
            found[document.path] = tuple(_strings(document.data))
    return found


def without_slots(text: str) -> str:
    """Return a text of a rule without the names of its slots: nobody reads those."""
    return _SLOT.sub("{", text)


def _strings(node: object) -> list[str]:
    if isinstance(node, dict):
        return [text for part in node.values() for text in _strings(part)]
    if isinstance(node, list):
        return [text for part in node for text in _strings(part)]
    return [node] if isinstance(node, str) else []
