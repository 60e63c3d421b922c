"""Make small wrong versions of a rule: if no case notices one, the cases do not prove that part.

A mutant changes the raw data of a rule or definition file in one place. Its id (place and change,
such as ``when.all.0.below: 3.5 mmol/L -> 3.6 mmol/L``) is stable as long as that place stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from cds_service.content import Pointer
from cds_service.terminology import Terminology

#: Parts of a rule or definition file that decide an answer or a proposal.
_LOGIC = (
    "ages",
    "gate",
    "hooks",
    "when",
    "branches",
    "unless",
    "strength",
    "ceiling",
    "raises",
    "lowers",
    "indicator",
    "folds_into",
    "gives_way_to",
    "phrases",
    "card",
    "workup",
    "advice",
    "only_if",
    "drawn_within",
    "sum",
    "ratio",
    "first_of",
)
_EDGE = {"below": "at_most", "at_most": "below", "above": "at_least", "at_least": "above"}
_FLIP = {"below": "at_least", "at_most": "above", "above": "at_most", "at_least": "below"}
_CHANGES = {"falls_by": "rises_by", "rises_by": "falls_by"}
_DURATIONS = frozenset(
    {
        "within",
        "older_than",
        "taken_within",
        "started_within",
        "stopped_within",
        "reduced_within",
        "for_at_least",
        "for_less_than",
        "course_at_least",
        "total_at_least",
        "onset_within",
        "new_within",
        "over",
        "apart",
        "drawn_within",
        "by_at_most",
    }
)
_WORDS_OF_TIME = {"usual": "fresh", "fresh": "usual"}
_STATES = {
    "low": "high",
    "high": "low",
    "normal": "missing",
    "missing": "normal",
    "very-low": "low",
    "very-high": "high",
}
_NAMES = frozenset(
    {
        "drug",
        "draft",
        "stopping",
        "reason",
        "condition",
        "symptom",
        "procedure",
        "report",
        "family",
        "allergy",
        "encounter",
        "meets",
        "twitch",
        "is",
        "route",
        "order",
        "folds_into",
        "gives_way_to",
        "hooks",
    }
)
_LISTS = frozenset(
    {"all", "any", "none", "first_known", "of", "raises", "lowers", "branches", "workup", "sum", "first_of"}
)
#: Companion words whose loss makes a leaf ask for less.
_COMPANIONS = frozenset(
    {
        "side",
        "course",
        "trait",
        "except",
        "reason",
        "status",
        "onset",
        "pick",
        "times",
        "sample",
        "agents",
        "route",
        "daily_dose",
        "as_if",
        "onset_age",
        "before",
        "after",
        "of",
        "older_than",
        "onset_within",
        "new_within",
        "for_at_least",
        "for_less_than",
        "course_at_least",
        "total_at_least",
        "not_older_than",
        "unless",
        "ceiling",
        "only_if",
    }
)
_TABLES = ("strength", "indicator", "ceiling")
_GATES = {"twitch": ("irritability", "open"), "irritability": ("open",), "order": ("open",)}
_AMOUNT = re.compile(r"(-?\d+(?:\.\d+)?) (.+)")
_DURATION = re.compile(r"(\d+) (minutes|hours|days|years)")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small wrong version. ``at`` is the place that was changed, ``data`` the whole changed file."""

    id: str
    at: Pointer
    data: Mapping[str, Any]

    @property
    def is_precedence(self) -> bool:
        """Whether only the order among rules was changed."""
        return any(word in ("folds_into", "gives_way_to") for word in self.at)


class Mutator:
    """Makes the mutants of one file."""

    def __init__(self, data: Mapping[str, Any], terminology: Terminology) -> None:
        """Take the data of a rule or definition file; the terminology knows the other units."""
        self.data = data
        self.terminology = terminology

    def mutants(self) -> Iterator[Mutant]:
        """Yield every mutant, in the order of the file."""
        for key in self.data:
            if key in _LOGIC:
                yield from self._walk(self.data[key], (key,))

    def _walk(self, node: Any, at: Pointer) -> Iterator[Mutant]:
        yield from self._here(node, at)
        if isinstance(node, dict):
            for key, value in node.items():
                yield from self._walk(value, (*at, key))
        elif isinstance(node, list):
            for index, value in enumerate(node):
                yield from self._walk(value, (*at, index))

    def _here(self, node: Any, at: Pointer) -> Iterator[Mutant]:
        key = at[-1]
        if isinstance(key, int):
            return
        if isinstance(node, list):
            yield from self._list(node, at)
        if isinstance(node, str):
            yield from self._text(node, at)
        if key in _COMPANIONS and not isinstance(node, list) and at[0] not in ("sum", "ratio"):
            yield self._dropped(at, f"drop {key}")
        if key in _TABLES and isinstance(node, dict):
            yield from self._table(node, at)
        if key == "when" and self._owner(at) in ("rows", "workup"):
            yield self._dropped(at, "drop when")
        if at[0] == "sum" and key in ("times", "plus"):
            yield from self._factor(Decimal(str(node)), at)
        elif key in ("at_least", "times", "agents") and isinstance(node, int):
            yield from self._count(node, at)

    # --- lists

    def _list(self, node: list[Any], at: Pointer) -> Iterator[Mutant]:
        key = at[-1]
        if key in ("all", "any") and len(node) > 1:
            other = "any" if key == "all" else "all"
            yield self._renamed(at, other, f"{key} -> {other}")
        if key in _NAMES and all(isinstance(name, str) for name in node):
            yield from self._names(node, at)
        elif key in _LISTS and not isinstance(self._parent(at), list):
            for index in range(len(node)):
                if len(node) > 1 or key in ("raises", "lowers", "workup"):
                    yield self._without(node, index, at, f"drop {index}")

    def _names(self, node: list[str], at: Pointer) -> Iterator[Mutant]:
        for index, name in enumerate(node):
            if len(node) > 1 or at[-1] in ("folds_into", "gives_way_to"):
                yield self._without(node, index, at, f"drop {name}")
        if at[-1] == "hooks":
            yield self._put(at, "all", "hooks ignored")

    def _without(self, node: list[Any], index: int, at: Pointer, label: str) -> Mutant:
        rest = node[:index] + node[index + 1 :]
        return self._put(at, rest, label) if rest else self._dropped(at, label)

    # --- words and numbers

    def _text(self, node: str, at: Pointer) -> Iterator[Mutant]:
        key = str(at[-1])
        if key in _EDGE:
            yield from self._limit(node, at)
        elif key in _CHANGES or key == "by":
            yield from self._amounts(node, at, scaled=True)
        elif key in _DURATIONS:
            yield from self._duration(node, at)
        elif key == "is" and node in _STATES:
            yield self._put(at, _STATES[node], f"{node} -> {_STATES[node]}")
        elif key == "gate":
            for gate in _GATES.get(node, ()):
                yield self._put(at, gate, f"{node} -> {gate}")
        elif key == "ages" and node == "adult":
            yield self._put(at, "all", "adult -> all")
        if key in _CHANGES:
            yield self._renamed(at, _CHANGES[key], f"{key} -> {_CHANGES[key]}")

    def _limit(self, node: str, at: Pointer) -> Iterator[Mutant]:
        key, beside = str(at[-1]), self._parent(at)
        for other in (_EDGE[key], _FLIP[key]):
            if other not in beside:
                yield self._renamed(at, other, f"{key} -> {other}")
        is_age = len(at) > 1 and at[-2] in ("age", "onset_age")
        yield from self._amounts(node, at, scaled=not is_age)
        unit = self._other_unit(node, beside)
        if unit:
            yield self._put(at, f"{node.split(' ', 1)[0]} {unit}", f"unit -> {unit}")

    def _amounts(self, node: str, at: Pointer, *, scaled: bool) -> Iterator[Mutant]:
        match = _AMOUNT.fullmatch(node)
        if match is None:
            return
        amount, unit = Decimal(match[1]), match[2]
        step = Decimal(1).scaleb(min(0, int(amount.as_tuple().exponent)))
        others = [amount - step, amount + step]
        if scaled:
            others += [amount * Decimal("0.9"), amount * Decimal("1.1")]
        for other in dict.fromkeys(_shortest(value) for value in others):
            if Decimal(other) != amount:
                yield self._put(at, f"{other} {unit}", f"{node} -> {other} {unit}")

    def _other_unit(self, node: str, beside: Mapping[str, Any]) -> str:
        """Return another unit of the analyte with another factor, or an empty text."""
        name = next((beside[kind] for kind in ("lab", "vital", "survey") if kind in beside), "")
        analyte = self.terminology.analytes.get(name)
        unit = node.split(" ", 1)[1]
        if analyte is None or unit not in analyte.factors:
            return ""
        others = (word for word, factor in sorted(analyte.factors.items()) if factor != analyte.factors[unit])
        return next(others, "")

    def _duration(self, node: str, at: Pointer) -> Iterator[Mutant]:
        if node in _WORDS_OF_TIME:
            yield self._put(at, _WORDS_OF_TIME[node], f"{node} -> {_WORDS_OF_TIME[node]}")
        match = _DURATION.fullmatch(node)
        if match is None:
            return
        count, unit = int(match[1]), match[2]
        if unit == "years":
            count, unit = count * 365, "days"
        halves = f"{count // 2} {unit}" if count > 1 else _half_of_one(unit)
        for other in (halves, f"{count * 2} {unit}"):
            yield self._put(at, other, f"{node} -> {other}")

    def _count(self, node: int, at: Pointer) -> Iterator[Mutant]:
        for other in (node - 1, node + 1):
            if other >= 1:
                yield self._put(at, other, f"{node} -> {other}")

    def _factor(self, node: Decimal, at: Pointer) -> Iterator[Mutant]:
        step = Decimal(1).scaleb(min(0, int(node.as_tuple().exponent)))
        for other in (node - step, node + step):
            yield self._put(at, other, f"{node} -> {other}")

    def _table(self, node: Mapping[str, Any], at: Pointer) -> Iterator[Mutant]:
        for level in node:
            if level != "otherwise":
                rest = {key: value for key, value in node.items() if key != level}
                yield self._put((*at, level), rest if len(rest) > 1 else rest["otherwise"], "drop row", at)

    # --- changing the data

    def _parent(self, at: Pointer) -> Any:
        node: Any = self.data
        for step in at[:-1]:
            node = node[step]
        return node

    def _owner(self, at: Pointer) -> str:
        """Return what a ``when`` belongs to: text rows, workup rows, or the logic itself."""
        if len(at) >= 3 and isinstance(at[-2], int):
            if at[-3] == "workup":
                return "workup"
            if "say" in self._parent(at):
                return "rows"
        return "logic"

    def _put(self, at: Pointer, value: Any, label: str, target: Pointer | None = None) -> Mutant:
        place = at if target is None else target
        return Mutant(
            _identity(at, label), at, _changed(self.data, place, lambda node, key: {**node, key: value})
        )

    def _dropped(self, at: Pointer, label: str) -> Mutant:
        changed = _changed(self.data, at, lambda node, key: {k: v for k, v in node.items() if k != key})
        return Mutant(_identity(at, label), at, changed)

    def _renamed(self, at: Pointer, other: str, label: str) -> Mutant:
        def rename(node: dict[Any, Any], key: Any) -> dict[Any, Any]:
            return {(other if k == key else k): v for k, v in node.items()}

        return Mutant(_identity(at, label), at, _changed(self.data, at, rename))


def _changed(node: Any, at: Pointer, edit: Any) -> Any:
    """Return a copy with one place edited; everything off the path is shared."""
    if len(at) == 1:
        return edit(node, at[0])
    if isinstance(node, list):
        index = int(at[0])
        return [*node[:index], _changed(node[index], at[1:], edit), *node[index + 1 :]]
    return {**node, at[0]: _changed(node[at[0]], at[1:], edit)}


def _identity(at: Pointer, label: str) -> str:
    return f"{'.'.join(map(str, at))}: {label}"


def _shortest(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _half_of_one(unit: str) -> str:
    return {"days": "12 hours", "hours": "30 minutes"}.get(unit, "1 minutes")
