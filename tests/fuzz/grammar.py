"""FHIR resources out of nothing: the fields are those of the readers' own types, the words those of the fixtures.

Everything is drawn from one ``Random``, so a seed is a resource; Hypothesis hands in a ``Random`` of its own
and shrinks what it drew.
"""

from __future__ import annotations

import json
import marshal
import types
import typing
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import msgspec

from cds_service.fhir import scan
from tests.fuzz.atoms import DATES, REFERENCES, SYSTEMS, TEXTS

ROOT = Path(__file__).resolve().parents[2]
_DEEPEST = 6
_DATE_WORDS = (
    "date",
    "start",
    "end",
    "issued",
    "authored",
    "recorded",
    "asserted",
    "onset",
    "effective",
    "birth",
)


@cache
def words() -> dict[str, tuple[Any, ...]]:
    """Return what the bundled records hold under each member name: texts, numbers and truth values."""
    found: dict[str, dict[Any, None]] = {}
    for path in sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json")):
        _gather(json.loads(path.read_bytes()), found)
    return {name: tuple(values) for name, values in found.items()}


@cache
def codings() -> tuple[dict[str, Any], ...]:
    """Return every coding of the bundled records."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json")):
        _codings(json.loads(path.read_bytes()), found)
    return tuple(found[key] for key in sorted(found))


def _codings(node: Any, found: dict[str, dict[str, Any]]) -> None:
    if isinstance(node, dict):
        if "system" in node and "code" in node:
            found[json.dumps(node, sort_keys=True)] = node
        node = list(node.values())
    if isinstance(node, list):
        for part in node:
            _codings(part, found)


def _gather(node: Any, found: dict[str, dict[Any, None]]) -> None:
    if isinstance(node, dict):
        for name, value in node.items():
            if isinstance(value, str | int | float | bool):
                found.setdefault(name, {})[value] = None
            _gather(value, found)
    elif isinstance(node, list):
        for part in node:
            _gather(part, found)


def resource(random: Random, subject: str = "p", kind: str | None = None) -> dict[str, Any]:
    """Return a resource of a type that is read (or of ``kind``), mostly of the patient ``subject``."""
    name = kind or random.choice(scan.READ).__name__
    made: dict[str, Any] = {
        "resourceType": name,
        "id": random.choice(("x", "y", f"r{random.randrange(1000)}")),
    }
    made |= _members(random, scan.READ_BY_NAME[name], 0)
    if name == "Patient":
        made["id"] = subject
    elif random.random() < 0.9:
        made["subject" if random.random() < 0.9 else "patient"] = {"reference": f"Patient/{subject}"}
    if random.random() < 0.9:
        for clean in ("modifierExtension", "implicitRules", "focus", "contained"):
            made.pop(clean, None)
    return marshal.loads(
        marshal.dumps(made)
    )  # its parts are shared; who changes the resource must not change the next one


def _members(random: Random, kind: type[msgspec.Struct], depth: int) -> dict[str, Any]:
    made = {}
    for member in fields_of(kind):
        name, wanted = member
        usual = name in words() or name in ("code", "coding", "subject")
        if name not in ("id", "subject", "patient") and random.random() < (0.7 if usual else 0.25) / (
            1 + depth * 0.3
        ):
            made[name] = _value(random, name, wanted, depth + 1)
    return made


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[tuple[str, Any], ...]:
    """Return the members of a reader's type as they stand in JSON, each with its type."""
    hints = typing.get_type_hints(kind)
    return tuple((field.encode_name, hints[field.name]) for field in msgspec.structs.fields(kind))


def _value(random: Random, name: str, wanted: Any, depth: int) -> Any:
    options = (
        typing.get_args(wanted) if typing.get_origin(wanted) in (typing.Union, types.UnionType) else (wanted,)
    )
    chosen = random.choice([item for item in options if item is not type(None)] or [str])
    if typing.get_origin(chosen) is list:
        (inner,) = typing.get_args(chosen)
        return [_value(random, name, inner, depth + 1) for _ in range(random.choice((0, 1, 1, 1, 2, 3)))]
    if depth > _DEEPEST:
        return None
    if isinstance(chosen, type) and issubclass(chosen, msgspec.Struct):
        return _struct(random, chosen, depth)
    if chosen is bool:
        return random.random() < 0.5
    return _text(random, name) if chosen is str else _free(random, name)


def _struct(random: Random, kind: type[msgspec.Struct], depth: int) -> Any:
    if kind.__name__ == "Coding" and random.random() < 0.8:
        return random.choice(codings())
    if kind.__name__ == "Quantity" and random.random() < 0.8:
        unit = random.choice(words().get("unit", ("mmol/L",)))
        return {
            "value": random.choice(words()["value"]),
            "unit": unit,
            "code": unit,
            "system": "http://unitsofmeasure.org",
        }
    if kind.__name__ == "Reference" and random.random() < 0.5:
        return {"reference": random.choice(REFERENCES)}
    return _members(random, kind, depth)


def _text(random: Random, name: str) -> str:
    known = [word for word in words().get(name, ()) if isinstance(word, str)]
    if known and random.random() < 0.85:
        return random.choice(known)
    if name == "system":
        return random.choice(SYSTEMS)
    if any(word in name.lower() for word in _DATE_WORDS):
        return random.choice(DATES)
    return (
        random.choice(TEXTS)
        if random.random() < 0.3
        else random.choice(("active", "final", "x", "high", "1", "text"))
    )


def _free(random: Random, name: str) -> Any:
    known = words().get(name)
    if known and random.random() < 0.8:
        return random.choice(known)
    return random.choice((0, 1, 3, -1, 2.5, 10**20, "1", "x", None, [], {}, [{}], True, "2026-11-18"))


def bundle(resources: list[dict[str, Any]], kind: str = "searchset") -> dict[str, Any]:
    """Return a Bundle of resources."""
    return {
        "resourceType": "Bundle",
        "type": kind,
        "total": len(resources),
        "entry": [{"resource": one} for one in resources],
    }
