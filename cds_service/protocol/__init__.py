"""The JSON Schemas (draft 2020-12) of everything that goes in and out over HTTP.

CDS Hooks 2.0.1 in our own words, with the two extensions of this service. They lie beside this module, one
file each; the description of the routes embeds them, and the tests hold every answer against them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, cast

__all__ = ["components", "context_of", "documents"]

Json = dict[str, Any]

_SUFFIX = ".schema.json"


@cache
def documents() -> Mapping[str, Json]:
    """Return every schema file by its name; a ``$ref`` in one names another by its file name."""
    found = (item for item in files(__name__).iterdir() if item.name.endswith(_SUFFIX))
    read = {item.name: json.loads(item.read_text(encoding="utf-8")) for item in found}
    return MappingProxyType(dict(sorted(read.items())))


def components() -> Json:
    """Return every schema and every part of one by its name, with references as OpenAPI writes them.

    ``operation-outcome.schema.json`` becomes ``OperationOutcome``, a part keeps its own name.
    """
    found: Json = {}
    for name, document in documents().items():
        whole = {key: node for key, node in document.items() if key not in ("$schema", "$defs")}
        parts = document.get("$defs", {})
        found |= parts if whole.keys() == {"title"} else {_pascal(name.removesuffix(_SUFFIX)): whole, **parts}
    return {name: cast(Json, _embedded(found[name])) for name in sorted(found)}


def context_of(hook: str) -> str:
    """Return the name of the component that describes the context of a hook."""
    name = f"{_pascal(hook)}Context"
    return name if name in documents()[f"request{_SUFFIX}"]["$defs"] else "Context"


def _pascal(name: str) -> str:
    return "".join(word.capitalize() for word in re.split(r"[-.]", name))


def _embedded(node: Any) -> Any:
    """Return a copy of a schema whose references lead into the components of an OpenAPI document."""
    if isinstance(node, list):
        return [_embedded(part) for part in node]
    if not isinstance(node, dict):
        return node
    return {
        key: _reference(part) if key == "$ref" and isinstance(part, str) else _embedded(part)
        for key, part in node.items()
    }


def _reference(reference: str) -> str:
    file, _, part = reference.partition("#/$defs/")
    return f"#/components/schemas/{part or _pascal(file.removesuffix(_SUFFIX))}"
