"""Read rule and definition documents into their typed form.

Form is checked against the JSON Schema by the caller; this module still refuses any word it does
not know, so that a document that skipped the check can never be half understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError, Issue
from cds_service.rules import criteria as c
from cds_service.rules.model import Branch, Row, Rule, Table, WorkupRow
from cds_service.rules.text import Template, parse_template

T = TypeVar("T")

_LIMITS = ("below", "at_most", "above", "at_least")
_NUMBER_WORDS = ("lab", "vital", "survey")
_DRUG_WORDS = ("drug", "draft", "stopping")
_EVENT_WORDS = ("condition", "symptom", "procedure", "report", "family", "allergy", "encounter")
_CONNECTIVES = ("all", "any", "none", "first_known")
_STRENGTHS = ("established", "probable", "possible")
_INDICATORS = ("critical", "warning", "info")


def parse_duration(text: str) -> int:
    """Return the seconds of ``30 days``. Raises ValueError for any other form."""
    count, unit = text.split()
    return int(count) * c.SECONDS[unit]


def parse_rule(document: Document, group: str = "") -> Rule:
    """Read one rule document. Raises ContentError with ``file:line``."""
    return _Parser(document).guarded(lambda parser: parser.rule(group))


def parse_definition(document: Document) -> c.Definition:
    """Read one definition document. Raises ContentError with ``file:line``."""
    return _Parser(document).guarded(lambda parser: parser.definition())


def parse_criterion(document: Document, pointer: Pointer) -> c.Criterion:
    """Read the criterion at ``pointer`` of any content document. Raises ContentError."""

    def read(parser: _Parser) -> c.Criterion:
        node = document.data
        for step in pointer:
            node = node[step]
        return parser.criterion(node, pointer)

    return _Parser(document).guarded(read)


class _Parser:
    """Walks one document; ``at`` is the pointer of the node being read, for messages."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.at: Pointer = ()

    def guarded(self, read: Callable[[_Parser], T]) -> T:
        try:
            return read(self)
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

    # --- the documents

    def rule(self, group: str) -> Rule:
        data: Mapping[str, Any] = self.document.data
        card = data["card"]
        return Rule(
            id=data["id"],
            title=data["title"],
            group=group,
            status=data["status"],
            version=data["version"],
            date=data["date"],
            description=data["description"],
            cause=data["cause"],
            category=tuple(data["category"]),
            role=data["role"],
            ages=data["ages"],
            branches=self._branches(data),
            unless=self._maybe(data, "unless"),
            strength=self._table(data["strength"], ("strength",), _STRENGTHS),
            ceiling=self._maybe_table(data, "ceiling", (), _STRENGTHS),
            raises=self._list(data, "raises"),
            lowers=self._list(data, "lowers"),
            ignore=frozenset(data.get("ignore", ())),
            indicator=self._table(data["indicator"], ("indicator",), _INDICATORS),
            line=data.get("line", ""),
            folds_into=tuple(data.get("folds_into", ())),
            gives_way_to=tuple(data.get("gives_way_to", ())),
            repeat_always=data.get("repeat") == "always",
            phrases=tuple(
                (name, self._rows(rows, ("phrases", name))) for name, rows in data.get("phrases", {}).items()
            ),
            summary=parse_template(card["summary"]),
            detail=self._rows(card["detail"], ("card", "detail")),
            safety=self._rows(card.get("safety", []), ("card", "safety")),
            workup=tuple(self._workup(row, ("workup", i)) for i, row in enumerate(data.get("workup", []))),
            advice=self._rows(data.get("advice", []), ("advice",)),
            references=_references(data),
            articles=tuple(data.get("articles", ())),
            path=self.document.path,
        )

    def _branches(self, data: Mapping[str, Any]) -> tuple[Branch, ...]:
        if "branches" not in data:
            return (
                Branch(
                    "",
                    data["gate"],
                    self.criterion(data["when"], ("when",)),
                    _hooks(data.get("hooks")),
                    data["ages"],
                    data["role"],
                ),
            )
        return tuple(self._branch(node, data, ("branches", i)) for i, node in enumerate(data["branches"]))

    def _branch(self, node: Mapping[str, Any], rule: Mapping[str, Any], at: Pointer) -> Branch:
        self.at = at
        return Branch(
            id=node["id"],
            gate=node["gate"],
            when=self.criterion(node["when"], (*at, "when")),
            hooks=_hooks(node.get("hooks", rule.get("hooks"))),
            ages=node.get("ages", rule["ages"]),
            role=node.get("role", rule["role"]),
            unless=self._maybe(node, "unless", at),
            strength=self._maybe_table(node, "strength", at, _STRENGTHS),
            ceiling=self._maybe_table(node, "ceiling", at, _STRENGTHS),
            indicator=self._maybe_table(node, "indicator", at, _INDICATORS),
            summary=_maybe_template(node.get("summary")),
            detail=self._rows(node["detail"], (*at, "detail")) if "detail" in node else None,
            safety=self._rows(node["safety"], (*at, "safety")) if "safety" in node else None,
        )

    def definition(self) -> c.Definition:
        data: Mapping[str, Any] = self.document.data
        return c.Definition(
            id=data["id"],
            title=data["title"],
            when=self._maybe(data, "when"),
            number=None if "when" in data else self._number(data),
            references=_references(data),
            path=self.document.path,
            line=self.document.line(),
        )

    def _number(self, data: Mapping[str, Any]) -> c.DerivedNumber:
        form = next(word for word in ("sum", "ratio", "first_of") if word in data)
        members = data[form]
        if form == "ratio":
            terms: tuple[c.NumberTerm, ...] = (c.NumberTerm(members["of"]), c.NumberTerm(members["to"]))
        else:
            terms = tuple(_term(member) for member in members)
        return c.DerivedNumber(
            form=form,
            terms=terms,
            unit=data.get("unit", ""),
            drawn_within=parse_duration(data["drawn_within"]) if "drawn_within" in data else 0,
            only_if=self._maybe(data, "only_if"),
            range_of=data.get("range_of", ""),
            range_only=data.get("judge") == "range-only",
        )

    # --- tables, rows, lists

    def _maybe(self, node: Mapping[str, Any], key: str, at: Pointer = ()) -> c.Criterion | None:
        return self.criterion(node[key], (*at, key)) if key in node else None

    def _list(self, node: Mapping[str, Any], key: str, at: Pointer = ()) -> tuple[c.Criterion, ...]:
        return tuple(self.criterion(item, (*at, key, i)) for i, item in enumerate(node.get(key, [])))

    def _table(self, node: Any, at: Pointer, levels: tuple[str, ...]) -> Table:
        self.at = at
        if isinstance(node, str):
            return Table(node)
        rows = tuple((level, self.criterion(node[level], (*at, level))) for level in levels if level in node)
        return Table(node["otherwise"], rows)

    def _maybe_table(
        self, node: Mapping[str, Any], key: str, at: Pointer, levels: tuple[str, ...]
    ) -> Table | None:
        return self._table(node[key], (*at, key), levels) if key in node else None

    def _rows(self, nodes: list[Any], at: Pointer) -> tuple[Row, ...]:
        return tuple(self._row(node, (*at, i)) for i, node in enumerate(nodes))

    def _row(self, node: Any, at: Pointer) -> Row:
        self.at = at
        if isinstance(node, str):
            return Row(parse_template(node))
        return Row(parse_template(node["say"]), self._maybe(node, "when", at), _hooks(node.get("hooks")))

    def _workup(self, node: Mapping[str, Any], at: Pointer) -> WorkupRow:
        self.at = at
        return WorkupRow(
            orders=_names(node["order"]) if "order" in node else (),
            order_set=node.get("set", ""),
            why=node.get("why", ""),
            priority=node.get("priority", "routine"),
            when=self._maybe(node, "when", at),
            hooks=_hooks(node.get("hooks")),
        )

    # --- criteria

    def criterion(self, node: Any, at: Pointer) -> c.Criterion:
        self.at = at
        common = {"line": self.document.line(at), "alias": node.get("as", ""), "note": node.get("note", "")}
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
        return c.MeetsCriterion(names=_names(node["meets"]), **common)

    def _number_leaf(
        self, word: str, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]
    ) -> c.Criterion:
        return c.NumberCriterion(
            kind=word,
            name=node[word],
            limits=_limits(node),
            states=_names(node.get("is", [])),
            change=_change(node),
            pick=node.get("pick", "latest"),
            times=node.get("times", 1),
            apart=_seconds(node, "apart") or 0,
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
            names=_names(node[word]),
            taken_within=_seconds(node, "taken_within"),
            started_within=_seconds(node, "started_within"),
            stopped_within=_seconds(node, "stopped_within"),
            reduced_within=_seconds(node, "reduced_within"),
            reduced_by=_amount(node["by"], "%") if "by" in node else None,
            for_at_least=_seconds(node, "for_at_least"),
            for_less_than=_seconds(node, "for_less_than"),
            total_at_least=_seconds(node, "total_at_least"),
            dose_limits=_limits(dose),
            dose_as_if=dose.get("as_if", ""),
            routes=_names(node.get("route", [])),
            agents=node.get("agents", 1),
            times=node.get("times", 1),
            window=self._window(node, at),
            **common,
        )

    def _event_leaf(
        self, word: str, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]
    ) -> c.Criterion:
        return c.EventCriterion(
            kind=word,
            names=_names(node[word]),
            status=node.get("status", ""),
            onset_within=_seconds(node, "onset_within"),
            onset_stated="onset" in node,
            new_within=_seconds(node, "new_within"),
            onset_age=_limits(node.get("onset_age", {})),
            for_at_least=_seconds(node, "for_at_least"),
            for_less_than=_seconds(node, "for_less_than"),
            side=node.get("side", ""),
            course=node.get("course", ""),
            excluded=_facets(node),
            times=node.get("times", 1),
            window=self._window(node, at),
            **common,
        )

    def _twitch_leaf(self, node: Mapping[str, Any], at: Pointer, common: dict[str, Any]) -> c.Criterion:
        return c.TwitchCriterion(
            sites=_names(node["twitch"]),
            side=node.get("side", ""),
            course=node.get("course", ""),
            trait=node.get("trait", ""),
            excluded=_facets(node),
            for_at_least=_seconds(node, "for_at_least"),
            for_less_than=_seconds(node, "for_less_than"),
            onset_within=_seconds(node, "onset_within"),
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
        return c.Window(within, _seconds(node, "older_than"), word, anchor)


def _seconds(node: Mapping[str, Any], key: str) -> int | None:
    return parse_duration(node[key]) if key in node else None


def _names(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _hooks(value: Any) -> frozenset[str] | None:
    return None if value is None or value == "all" else frozenset(value)


def _maybe_template(value: str | None) -> Template | None:
    return None if value is None else parse_template(value)


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


def _term(member: Mapping[str, Any]) -> c.NumberTerm:
    return c.NumberTerm(
        lab=member.get("lab", ""),
        times=Decimal(str(member.get("times", 1))),
        plus=Decimal(str(member.get("plus", 0))),
        within=_seconds(member, "within"),
        not_older_than=member.get("not_older_than", ""),
        by_at_most=_seconds(member, "by_at_most") or 0,
    )


def _references(data: Mapping[str, Any]) -> tuple[c.RuleReference, ...]:
    return tuple(
        c.RuleReference(item["key"], item["supports"], item["read"], item.get("says", ""))
        for item in data.get("references", [])
    )
