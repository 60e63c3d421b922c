"""What most scripts do: a loop over dicts that looks for eight values beyond a limit, drugs and problems.

Limits come from the rules, codes from the terminology, both read when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import yaml
from patients import ROOT

COUNT: Final = 8
_LIMIT: Final = re.compile(r"(-?[0-9.]+) (\S+)$")
_WORDS: Final = ("below", "at_most", "above", "at_least")


@dataclass(frozen=True, slots=True)
class Limit:
    """A value beyond which a rule looks up: analyte, comparison, number, unit, and the codes it goes by."""

    analyte: str
    word: str
    number: float
    unit: str
    codes: tuple[str, ...]

    def is_beyond(self, value: float) -> bool:
        """Whether a value is beyond the limit."""
        if self.word in ("below", "at_most"):
            return value < self.number or (self.word == "at_most" and value == self.number)
        return value > self.number or (self.word == "at_least" and value == self.number)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the loop looks for. ``systems``: the address of each code system by its short name."""

    limits: tuple[Limit, ...]
    drugs: frozenset[str]
    problems: frozenset[str]
    systems: dict[str, str]


def wanted() -> Wanted:
    """Read limits from the first rules that have any, and drugs and problems those rules name."""
    systems = {
        name: row["uri"] for name, row in _yaml(ROOT / "terminology" / "systems.yaml")["systems"].items()
    }
    limits: dict[tuple[str, str], Limit] = {}
    drugs: set[str] = set()
    problems: set[str] = set()
    for path in sorted((ROOT / "cards" / "rules" / "electrolyte").glob("*.yaml")):
        for node in _nodes(_yaml(path)):
            drugs |= _codes("drugs", node.get("drug"), "rxnorm")
            problems |= _codes("conditions", node.get("condition"), "snomed")
            limit = _limit(node)
            if limit is not None and len(limits) < COUNT:
                limits.setdefault((limit.analyte, limit.word), limit)
    return Wanted(tuple(limits.values()), frozenset(drugs), frozenset(problems), systems)


def _yaml(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _nodes(tree: Any) -> Iterator[dict[str, Any]]:
    if isinstance(tree, dict):
        yield tree
    for part in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _nodes(part)


def _codes(folder: str, names: Any, system: str) -> set[str]:
    found: set[str] = set()
    for name in names if isinstance(names, list) else [names]:
        path = ROOT / "terminology" / folder / f"{name}.yaml"
        if isinstance(name, str) and path.is_file():
            found |= {str(row["code"]) for row in _yaml(path).get("codes", ()) if row["system"] == system}
    return found


def _limit(node: dict[str, Any]) -> Limit | None:
    """Return the limit of a condition on a result; None where it has none in the analyte's own unit."""
    word = next((word for word in _WORDS if word in node), "")
    found = _LIMIT.match(str(node.get(word, "")))
    codes = _codes("labs", node.get("lab"), "loinc")
    if found is None or not codes:
        return None
    unit = _yaml(ROOT / "terminology" / "labs" / f"{node['lab']}.yaml")["unit"]
    return Limit(node["lab"], word, float(found[1]), unit, tuple(sorted(codes))) if unit == found[2] else None


class Loop:
    """The loop; built once."""

    def __init__(self, what: Wanted) -> None:
        """Index what is looked for by code."""
        self._limits: dict[str, list[Limit]] = {}
        for limit in what.limits:
            for code in limit.codes:
                self._limits.setdefault(code, []).append(limit)
        self._what = what

    def found(self, data: bytes) -> set[str]:
        """Return the names of what was found in a Bundle."""
        found: set[str] = set()
        for entry in orjson.loads(data).get("entry", ()):
            resource = entry.get("resource") or {}
            kind = resource.get("resourceType")
            if kind == "Observation":
                self._observation(resource, found)
            elif kind == "MedicationRequest":
                codes = _coded(resource.get("medicationCodeableConcept"), self._what.systems["rxnorm"])
                if resource.get("status") == "active" and not self._what.drugs.isdisjoint(codes):
                    found.add("drug")
            elif kind == "Condition":
                codes = _coded(resource.get("code"), self._what.systems["snomed"])
                if not self._what.problems.isdisjoint(codes):
                    found.add("problem")
        return found

    def _observation(self, resource: dict[str, Any], found: set[str]) -> None:
        quantity = resource.get("valueQuantity")
        if not quantity or resource.get("status") not in ("final", "amended", "corrected"):
            return
        for code in _coded(resource.get("code"), self._what.systems["loinc"]):
            for limit in self._limits.get(code, ()):
                value = quantity.get("value")
                if quantity.get("code") == limit.unit and value is not None and limit.is_beyond(value):
                    found.add(f"{limit.analyte} {limit.word}")


def _coded(concept: dict[str, Any] | None, system: str) -> list[str]:
    rows = (concept or {}).get("coding", ())
    return [row["code"] for row in rows if row.get("system") == system and "code" in row]
