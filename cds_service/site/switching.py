"""Rules, groups and switches a site turns off, and what a switch does to the files of the knowledge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from cds_service.content import Document
from cds_service.errors import Issue
from cds_service.schema import nearest
from cds_service.site.addresses import places_of, shown
from cds_service.site.model import Change, SwitchOff

_RULES = "cards/rules/"


class Switchboard:
    """The lines of ``switch_off`` and the effects of the switches among them."""

    def __init__(
        self, lines: Sequence[SwitchOff], switches: Mapping[str, Mapping[str, Any]], issues: list[Issue]
    ) -> None:
        """Take the lines, the switches there are (id to entry), and where to put faults."""
        self.lines = lines
        self.issues = issues
        self._seen: set[str] = set()
        self._effects: list[tuple[SwitchOff, Mapping[str, Any]]] = []
        for line in lines:
            if line.kind != "switch":
                continue
            if line.name in switches:
                self._effects += [(line, effect) for effect in switches[line.name]["off"]]
            else:
                remedy = nearest(line.name, switches) or f"Switches are: {', '.join(sorted(switches))}."
                issues.append(
                    Issue(
                        line.where, "S104", f"names the switch {line.name!r}, which does not exist.", remedy
                    )
                )

    def line_for(self, document: Document) -> SwitchOff | None:
        """Return the line that leaves the rule of a document out, or None."""
        rule, group = _rule_of(document), _group_of(document)
        for line in self.lines:
            if rule and (line.kind, line.name) in (("rule", rule), ("group", group)):
                self._seen.add(line.where)
                return line
        return next(
            (
                line
                for line, effect in self._effects
                if rule and effect.get("rule") == rule and "unless" not in effect
            ),
            None,
        )

    def concerns(self, document: Document) -> bool:
        """Return whether a switch changes the document."""
        return any(True for _ in self._for(document))

    def apply(self, document: Document) -> Iterator[Change]:
        """Change a document as the switches say and yield what was changed."""
        for line, effect in self._for(document):
            if "unless" in effect:
                yield _silence(document, line, effect["unless"])
            else:
                yield from self._set(document, line, effect)

    def finish(self) -> None:
        """Note every rule and group that no file has."""
        for line in self.lines:
            if line.kind != "switch" and line.where not in self._seen:
                self.issues.append(
                    Issue(
                        line.where,
                        "S111",
                        f"switches off the {line.kind} {line.name!r}, which the knowledge does not hold.",
                        "'twitch-cds rules list' names groups and rules.",
                    )
                )

    def _for(self, document: Document) -> Iterator[tuple[SwitchOff, Mapping[str, Any]]]:
        for line, effect in self._effects:
            is_silenced = "unless" in effect and effect["rule"] == _rule_of(document)
            if is_silenced or effect.get("file") == document.path:
                yield line, effect

    def _set(self, document: Document, line: SwitchOff, effect: Mapping[str, Any]) -> Iterator[Change]:
        places = places_of(document, effect.get("at", {}), ())[:1]
        if not places:
            self.issues.append(
                Issue(
                    line.where,
                    "S112",
                    f"the switch {line.name!r} finds nothing to change in {document.path}.",
                    "Correct cards/switches.yaml.",
                )
            )
        for place in places:
            node: Any = document.data
            for step in place:
                node = node[step]
            for word, value in effect["set"].items():
                published = shown(node[word]) if word in node else "not set"
                node[word] = value
                yield _change(document, line, word, published, shown(value))


def _silence(document: Document, line: SwitchOff, criterion: Any) -> Change:
    """Let a rule be silent under one more condition."""
    before = document.data.get("unless")
    document.data["unless"] = criterion if before is None else {"any": [before, criterion]}
    return _change(document, line, "unless", "not set" if before is None else shown(before), shown(criterion))


def _change(document: Document, line: SwitchOff, word: str, published: str, used: str) -> Change:
    rule = _rule_of(document)
    kind, subject = ("rule", rule) if rule else ("file", document.path)
    because = f"switch {line.name}: {line.because}"
    return Change(kind, subject, document.where((word,)), "", word, published, used, because, line.by)


def _rule_of(document: Document) -> str:
    return PurePosixPath(document.path).stem if document.path.startswith(_RULES) else ""


def _group_of(document: Document) -> str:
    return PurePosixPath(document.path).parent.name if document.path.startswith(_RULES) else ""
