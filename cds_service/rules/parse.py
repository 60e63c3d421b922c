"""Read rule and definition documents into their typed form.

Form (which words exist, which exclude each other) is checked against the JSON Schema first, by the
caller; what cannot be read here all the same is a ContentError with its place.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from cds_service.content import Document, Pointer
from cds_service.rules import criteria as c
from cds_service.rules.model import Branch, Row, Rule, Table, WorkupRow
from cds_service.rules.reading import CriterionReader, names_of, parse_duration, seconds_of
from cds_service.rules.text import Template, parse_template

_STRENGTHS = ("established", "probable", "possible")
_INDICATORS = ("critical", "warning", "info")


def parse_rule(document: Document, group: str = "") -> Rule:
    """Read one rule document. Raises ContentError with ``file:line``."""
    parser = _Parser(document)
    return parser.guarded(lambda: parser.rule(group))


def parse_definition(document: Document) -> c.Definition:
    """Read one definition document. Raises ContentError with ``file:line``."""
    parser = _Parser(document)
    return parser.guarded(parser.definition)


def parse_criterion(document: Document, pointer: Pointer) -> c.Criterion:
    """Read the criterion at ``pointer`` of any content document. Raises ContentError."""
    reader = CriterionReader(document)

    def read() -> c.Criterion:
        node = document.data
        for step in pointer:
            node = node[step]
        return reader.criterion(node, pointer)

    return reader.guarded(read)


class _Parser(CriterionReader):
    """Walks one document; ``at`` is the pointer of the node being read, for messages."""

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
            repeat_after=None if data.get("repeat", "always") == "always" else parse_duration(data["repeat"]),
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
            raises=self._list(node, "raises", at) if "raises" in node else None,
            lowers=self._list(node, "lowers", at) if "lowers" in node else None,
            indicator=self._maybe_table(node, "indicator", at, _INDICATORS),
            folds_into=tuple(node["folds_into"]) if "folds_into" in node else None,
            gives_way_to=tuple(node["gives_way_to"]) if "gives_way_to" in node else None,
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
        if not any(term.lab for term in terms):
            raise ValueError("a number is made of at least one result")
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
            orders=names_of(node["order"]) if "order" in node else (),
            order_set=node.get("set", ""),
            why=node.get("why", ""),
            priority=node.get("priority", "routine"),
            when=self._maybe(node, "when", at),
            hooks=_hooks(node.get("hooks")),
            anew=node.get("anew", False),
        )


def _hooks(value: Any) -> frozenset[str] | None:
    return None if value is None or value == "all" else frozenset(value)


def _maybe_template(value: str | None) -> Template | None:
    return None if value is None else parse_template(value)


def _term(member: Mapping[str, Any]) -> c.NumberTerm:
    return c.NumberTerm(
        lab=member.get("lab", ""),
        times=Decimal(str(member.get("times", 1))),
        plus=Decimal(str(member.get("plus", 0))),
        within=seconds_of(member, "within"),
        not_older_than=member.get("not_older_than", ""),
        by_at_most=seconds_of(member, "by_at_most") or 0,
    )


def _references(data: Mapping[str, Any]) -> tuple[c.RuleReference, ...]:
    return tuple(
        c.RuleReference(item["key"], item["supports"], item["read"], item.get("says", ""))
        for item in data.get("references", [])
    )
