"""The project's JSON Schemas as nested functions: twenty times as fast as jsonschema, so that every answer is held against them.

Only whether a value fits is told; what is wrong with it says ``tests.protocol.faults``, and a share of what
fits is given to it too. A keyword that is not known here is an error and not passed over.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from cds_service.protocol import documents

Fits = Callable[[Any], bool]
Json = dict[str, Any]

#: Say nothing about a value, or are read with another keyword.
_SILENT = frozenset(
    ("$schema", "$comment", "$defs", "title", "description", "examples", "format", "then", "else")
)
_TYPES: dict[str, Fits] = {
    "object": lambda v: isinstance(v, dict),
    "array": lambda v: isinstance(v, list),
    "string": lambda v: isinstance(v, str),
    "boolean": lambda v: isinstance(v, bool),
    "null": lambda v: v is None,
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "integer": lambda v: (
        (isinstance(v, int) and not isinstance(v, bool)) or (isinstance(v, float) and v.is_integer())
    ),
}


@cache
def fits(reference: str) -> Fits:
    """Return the function that tells whether a value fits a schema file, or a part of one.

    Raises:
        KeyError: The schema has a keyword that is not known here, or names a schema that is not there.
    """
    name, _, pointer = reference.partition("#")
    node: Any = documents()[name]
    for step in pointer.split("/")[1:]:
        node = node[step]
    return _compiled(node, name)


def _compiled(node: Any, name: str) -> Fits:
    if isinstance(node, bool):
        return lambda v: node
    parts = tuple(_MAKERS[key](value, node, name) for key, value in node.items() if key not in _SILENT)
    if len(parts) == 1:
        return parts[0]

    return lambda v: _each(parts, v)


def _each(parts: tuple[Fits, ...], value: Any) -> bool:
    for part in parts:  # noqa: SIM110  a loop takes half the time of all()
        if not part(value):
            return False
    return True


def _every(part: Fits, values: Iterable[Any]) -> bool:
    for value in values:  # noqa: SIM110
        if not part(value):
            return False
    return True


def _reference(target: str, node: Json, name: str) -> Fits:
    whole = target if target.partition("#")[0] else name + target
    return lambda v: fits(whole)(v)  # looked up when asked: schemas name themselves


def _type(wanted: Any, node: Json, name: str) -> Fits:
    checks = [_TYPES[one] for one in ([wanted] if isinstance(wanted, str) else wanted)]
    return checks[0] if len(checks) == 1 else lambda v: any(check(v) for check in checks)


def _properties(members: Json, node: Json, name: str) -> Fits:
    known = {key: _compiled(value, name) for key, value in members.items()}

    def fit(value: Any) -> bool:
        if not isinstance(value, dict):
            return True
        for key, part in value.items():
            check = known.get(key)
            if check is not None and not check(part):
                return False
        return True

    return fit


def _additional(schema: Any, node: Json, name: str) -> Fits:
    known, rest = frozenset(node.get("properties", ())), _compiled(schema, name)
    return lambda v: not isinstance(v, dict) or all(rest(part) for key, part in v.items() if key not in known)


def _items(schema: Any, node: Json, name: str) -> Fits:
    each = _compiled(schema, name)
    return lambda v: not isinstance(v, list) or _every(each, v)


def _conditional(schema: Any, node: Json, name: str) -> Fits:
    holds = _compiled(schema, name)
    then, otherwise = (_compiled(node.get(key, True), name) for key in ("then", "else"))
    return lambda v: then(v) if holds(v) else otherwise(v)


def _several(right: Callable[[int, int], bool]) -> Callable[[Any, Json, str], Fits]:
    def make(schemas: Any, node: Json, name: str) -> Fits:
        parts = [_compiled(schema, name) for schema in schemas]
        return lambda v: right(sum(part(v) for part in parts), len(parts))

    return make


def _not(schema: Any, node: Json, name: str) -> Fits:
    part = _compiled(schema, name)
    return lambda v: not part(v)


def _names(schema: Any, node: Json, name: str) -> Fits:
    part = _compiled(schema, name)
    return lambda v: not isinstance(v, dict) or all(part(key) for key in v)


def _pattern(text: str, node: Json, name: str) -> Fits:
    search = re.compile(text).search
    return lambda v: not isinstance(v, str) or search(v) is not None


def _one_of_these(values: list[Any], node: Json, name: str) -> Fits:
    allowed = frozenset(map(_text, values))
    return lambda v: _text(v) in allowed


def _text(value: Any) -> str:
    """Return a value so that equal ones are equal texts, and true is not 1."""
    return value if isinstance(value, str) else "\0" + json.dumps(value, sort_keys=True)


def _size(kind: type, right: Callable[[int, int], bool]) -> Callable[[Any, Json, str], Fits]:
    return lambda limit, node, name: lambda v: not isinstance(v, kind) or right(len(v), limit)


def _at_least(a: int, b: int) -> bool:
    return a >= b


def _at_most(a: int, b: int) -> bool:
    return a <= b


_MAKERS: dict[str, Callable[[Any, Json, str], Fits]] = {
    "$ref": _reference,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": _items,
    "if": _conditional,
    "oneOf": _several(lambda count, _: count == 1),
    "anyOf": _several(lambda count, _: count > 0),
    "allOf": _several(lambda count, all_of_them: count == all_of_them),
    "not": _not,
    "propertyNames": _names,
    "pattern": _pattern,
    "const": lambda value, node, name: _one_of_these([value], node, name),
    "enum": _one_of_these,
    "minItems": _size(list, _at_least),
    "maxItems": _size(list, _at_most),
    "minLength": _size(str, _at_least),
    "maxLength": _size(str, _at_most),
    "minProperties": _size(dict, _at_least),
    "required": lambda keys, node, name: lambda v: not isinstance(v, dict) or all(key in v for key in keys),
    "dependentRequired": lambda needs, node, name: (
        lambda v: (
            not isinstance(v, dict) or all(other in v for key in needs if key in v for other in needs[key])
        )
    ),
    "minimum": lambda least, node, name: lambda v: not _TYPES["number"](v) or v >= least,
    "uniqueItems": lambda wanted, node, name: (
        lambda v: not (wanted and isinstance(v, list)) or len({*map(_text, v)}) == len(v)
    ),
}
