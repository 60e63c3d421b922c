"""Find the places a piece of a criterion means in a document, as a clinician would copy it from the page."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from cds_service.content import Document, Pointer

#: Words that name what a criterion judges; the rest of it says how.
FACT_WORDS = (
    *("lab", "vital", "survey", "drug", "draft", "stopping", "condition", "symptom", "procedure", "report"),
    *("family", "allergy", "encounter", "twitch", "age"),
)
#: Parts of a rule file that judge nothing.
_NO_LOGIC = ("sentinels", "references")
_AMOUNT = re.compile(r"(-?\d{1,12}(?:\.\d{1,12})?)( .+)?")


def places_of(document: Document, address: Mapping[str, Any], parts: tuple[str, ...]) -> list[Pointer]:
    """Return the pointers of every mapping of the document that says all of the address, in file order."""
    return [
        pointer
        for pointer, node in _mappings(document.data, ())
        if _says(node, address) and set(parts) <= _words_of(document, pointer, node)
    ]


def criteria_like(document: Document, address: Mapping[str, Any]) -> list[str]:
    """Return what the document says of the same fact, each with its line: what may have been meant."""
    facts = {key: value for key, value in address.items() if key in FACT_WORDS}
    found = [
        f"{document.path}:{document.line(pointer)} says {in_words(node)}"
        for pointer, node in _mappings(document.data, ())
        if any(key in FACT_WORDS for key in node) and _says(node, facts)
    ]
    return list(dict.fromkeys(found))


def in_words(node: Mapping[str, Any]) -> str:
    """Return the plain words of a criterion as it is written: ``lab: potassium, below: 3.5 mmol/L``."""
    flat = {key: value for key, value in node.items() if not _is_nested(value) and key != "note"}
    return ", ".join(f"{key}: {shown(value)}" for key, value in flat.items())


def shown(value: Any) -> str:
    """Return a value as it is written in YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{key}: {shown(part)}' for key, part in value.items())}}}"
    return str(value)


def fact_of(node: Mapping[str, Any]) -> str:
    """Return what a criterion judges ("lab potassium"), or an empty word for anything else."""
    return next((f"{word} {shown(node[word])}" for word in FACT_WORDS if isinstance(node.get(word), str)), "")


def same(written: Any, given: Any) -> bool:
    """Return whether two values say the same; ``2.5 mmol/L`` and ``2.50 mmol/L`` do."""
    if isinstance(written, Mapping):
        return isinstance(given, Mapping) and _says(written, given)
    if isinstance(written, list):
        return (
            len(written) == len(given) and all(map(same, written, given))
            if isinstance(given, list)
            else (any(same(item, given) for item in written))
        )
    return written is given or _amount(written) == _amount(given)


def _says(node: Mapping[str, Any], address: Mapping[str, Any]) -> bool:
    return all(key in node and same(node[key], value) for key, value in address.items())


def _amount(value: Any) -> tuple[Decimal | None, str]:
    text = " ".join(str(value).split())
    match = _AMOUNT.fullmatch(text)
    return (Decimal(match[1]), match[2] or "") if match else (None, text)


def _mappings(node: Any, at: Pointer) -> Iterator[tuple[Pointer, Mapping[str, Any]]]:
    if isinstance(node, Mapping):
        yield at, node
        for key, value in node.items():
            if key not in _NO_LOGIC:
                yield from _mappings(value, (*at, key))
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from _mappings(value, (*at, index))


def _words_of(document: Document, pointer: Pointer, node: Mapping[str, Any]) -> set[str]:
    """Return the words that lead to a place: keys, and the ids of branches and the like."""
    words = {step for step in pointer if isinstance(step, str)} | set(node)
    inner: Any = document.data
    for step in pointer:
        inner = inner[step]
        if isinstance(inner, Mapping) and isinstance(inner.get("id"), str):
            words.add(inner["id"])
    return words


def _is_nested(value: Any) -> bool:
    return isinstance(value, Mapping) or (isinstance(value, list) and any(map(_is_nested, value)))
