"""Read the criteria of a content document: connectives, leaves and their companion words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError, Issue
from cds_service.rules import criteria as c

T = TypeVar("T")

_LIMITS = ("below", "at_most", "above", "at_least")
_NUMBER_WORDS = ("lab", "vital", "survey")
_DRUG_WORDS = ("drug", "draft", "stopping")
_EVENT_WORDS = ("condition", "symptom", "procedure", "report", "family", "allergy", "encounter")
_CONNECTIVES = ("all", "any", "none", "first_known")


def parse_duration(text: str) -> int:
    """Return the seconds of ``30 days``. Raises ValueError for any other form."""
    count, unit = text.split()
    return int(count) * c.SECONDS[unit]


class CriterionReader:
    """Reads criteria out of one document; ``at`` is the pointer of the node being read, for messages."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.at: Pointer = ()

    def guarded(self, read: Callable[[], T]) -> T:
        """Return what ``read`` reads. Raises ContentError with the place where it fails."""
        try:
            return read()
        except (KeyError, ValueError, TypeError, AttributeError, ArithmeticError, IndexError) as error:
            where = self.document.where(self.at)
            raise ContentError(
                Issue(
                    where,
                    "R001",
                    f"cannot be read as a rule part ({error}).",
                    "Compare with docs/rule-language.md.",
                )
            ) from None

    # --- criteria

    def criterion(self, node: Any, at: Pointer) -> c.Criterion:
        """Return the criterion at a node, with its line, alias and note."""
        self.at = at
        common = {"line": self.document.line(at), "alias": node.get("as", ""), "note": node.get("note", "")}
        if "published" in node:  # put there by cds_service.site, never by a rule file
            common["published"] = node["published"]
        for word in _CONNECTIVES:
            if word in node:
                parts = tuple(self.criterion(part, (*at, word, i)) for i, part in enumerate(node[word]))
                return c.Combination(op=word, parts=parts, **common)
        if "some" in node:
            of = node["some"]["of"]
            parts = tuple(self.criterion(part, (*at, "some", "of", i)) for i, part in enumerate(of))
            return c.Combination(op="some", parts=parts, at_least=node["some"]["at_least"], **common)
        return self._leaf(node, at, common)

    def _leaf(self, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]) -> c.Criterion:
        words = [
            w
            for w in (
                *_NUMBER_WORDS,
                *_DRUG_WORDS,
                *_EVENT_WORDS,
                "age",
                "sex",
                "twitch",
                "irritability",
                "meets",
            )
            if w in node
        ]
        if len(words) != 1:
            raise ValueError(f"a criterion needs exactly one leaf word, found {words}")
        word = words[0]
        if word in _NUMBER_WORDS:
            return self._number_leaf(word, node, at, common)
        if word in _DRUG_WORDS:
            return self._drug_leaf(word, node, at, common)
        if word in _EVENT_WORDS:
            return self._event_leaf(word, node, at, common)
        if word == "twitch":
            return self._twitch_leaf(node, at, common)
        if word == "age":
            return c.AgeCriterion(limits=_limits(node["age"]), **common)
        if word == "sex":
            return c.SexCriterion(sex=node["sex"], **common)
        if word == "irritability":
            return c.IrritabilityCriterion(**common)
        return c.MeetsCriterion(names=names_of(node["meets"]), **common)

    def _number_leaf(
        self, word: str, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]
    ) -> c.Criterion:
        return c.NumberCriterion(
            kind=word,
            name=node[word],
            limits=_limits(node),
            states=names_of(node.get("is", [])),
            change=_change(node),
            pick=node.get("pick", "latest"),
            times=node.get("times", 1),
            apart=seconds_of(node, "apart") or 0,
            doubtful_sample=node.get("sample") == "doubtful",
            window=self._window(node, at),
            **common,
        )

    def _drug_leaf(
        self, word: str, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]
    ) -> c.Criterion:
        dose = node.get("daily_dose", {})
        return c.DrugCriterion(
            word=word,
            names=names_of(node[word]),
            taken_within=seconds_of(node, "taken_within"),
            started_within=seconds_of(node, "started_within"),
            stopped_within=seconds_of(node, "stopped_within"),
            reduced_within=seconds_of(node, "reduced_within"),
            reduced_by=_amount(node["by"], "%") if "by" in node else None,
            for_at_least=seconds_of(node, "for_at_least"),
            for_less_than=seconds_of(node, "for_less_than"),
            course_at_least=seconds_of(node, "course_at_least"),
            total_at_least=seconds_of(node, "total_at_least"),
            dose_limits=_limits(dose),
            dose_as_if=dose.get("as_if", ""),
            routes=names_of(node.get("route", [])),
            agents=node.get("agents", 1),
            times=node.get("times", 1),
            reasons=names_of(node.get("reason", [])),
            excluded_reasons=names_of(node.get("except", {}).get("reason", [])),
            window=self._window(node, at),
            **common,
        )

    def _event_leaf(
        self, word: str, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]
    ) -> c.Criterion:
        return c.EventCriterion(
            kind=word,
            names=names_of(node[word]),
            status=node.get("status", ""),
            onset_within=seconds_of(node, "onset_within"),
            onset_stated="onset" in node,
            new_within=seconds_of(node, "new_within"),
            onset_age=_limits(node.get("onset_age", {})),
            for_at_least=seconds_of(node, "for_at_least"),
            for_less_than=seconds_of(node, "for_less_than"),
            side=node.get("side", ""),
            course=node.get("course", ""),
            excluded=_facets(node),
            times=node.get("times", 1),
            window=self._window(node, at),
            **common,
        )

    def _twitch_leaf(self, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]) -> c.Criterion:
        return c.TwitchCriterion(
            sites=names_of(node["twitch"]),
            side=node.get("side", ""),
            course=node.get("course", ""),
            trait=node.get("trait", ""),
            excluded=_facets(node),
            for_at_least=seconds_of(node, "for_at_least"),
            for_less_than=seconds_of(node, "for_less_than"),
            onset_within=seconds_of(node, "onset_within"),
            onset_stated="onset" in node,
            onset_age=_limits(node.get("onset_age", {})),
            window=self._window(node, at),
            **common,
        )

    def _window(self, node: Mapping[str, Any], at: Pointer) -> c.Window:
        within = node.get("within")
        if within is not None and within not in ("usual", "fresh", "encounter"):
            within = parse_duration(within)
        word = next((w for w in ("before", "after", "of") if w in node), "")
        anchor: str | c.Criterion = ""
        if word:
            anchor = node[word] if isinstance(node[word], str) else self.criterion(node[word], (*at, word))
        return c.Window(within, seconds_of(node, "older_than"), word, anchor)


def seconds_of(node: Mapping[str, Any], key: str) -> int | None:
    """Return the seconds of a duration word; None when it is not said."""
    return parse_duration(node[key]) if key in node else None


def names_of(value: Any) -> tuple[str, ...]:
    """Return one name or a list of names as names."""
    return (value,) if isinstance(value, str) else tuple(value)


def _limits(node: Mapping[str, Any]) -> tuple[c.Limit, ...]:
    return tuple(_limit(op, node[op]) for op in _LIMITS if op in node)


def _limit(op: str, text: str) -> c.Limit:
    amount, unit = text.split(" ", 1)
    if unit.startswith("x range-"):
        return c.Limit(op, Decimal(amount), of_range=unit.removeprefix("x range-"))
    return c.Limit(op, Decimal(amount), unit)


def _amount(text: str, unit: str) -> Decimal:
    amount, written = text.split(" ", 1)
    if written != unit:
        raise ValueError(f"{text!r} should be in {unit}")
    return Decimal(amount)


def _change(node: Mapping[str, Any]) -> c.Change | None:
    for word, direction in (("falls_by", "fall"), ("rises_by", "rise")):
        if word in node:
            amount, unit = node[word].split(" ", 1)
            return c.Change(direction, Decimal(amount), unit, parse_duration(node["over"]))
    return None


def _facets(node: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(node.get("except", {}).items()))
