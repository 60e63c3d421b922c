"""An explanation as a page for the terminal; record text in it is harmless to a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.text.neutral import exact, neutral

_MARKS = {"match": "+", "no-match": "-", "unknown": "?", "error": "!", "switched-off": "o"}
_INDENT = "  "


def render_text(explanation: Mapping[str, Any]) -> str:
    """Return what ``explain_patient`` gave as indented lines.

    ``+`` holds, ``-`` does not, ``?`` could not tell, ``!`` failed inside, ``o`` is switched off. A
    definition is laid open where a rule first names it. What holds for the whole stands at the end.
    """
    definitions = explanation.get("definitions", {})
    lines = [line for rule in explanation["rules"] for line in _rule_lines(rule, definitions)]
    return "\n".join([*lines, *_site_lines(explanation)])


def _site_lines(site: Mapping[str, Any]) -> list[str]:
    lines = [f"{site['site']} changes the published knowledge:"] if "changes" in site else []
    for change in site.get("changes", ()):
        subject = next(change[kind] for kind in ("rule", "definition", "file") if kind in change)
        what = f"{change.get('fact', '')} {change['word']}".strip()
        lines.append(
            f"{_INDENT}{subject}: {what} {change['used']} instead of {change['published']}"
            f" ({change['because']})"
        )
    unread = site.get("unreadCodes", [])
    lines += ["Codes of the record that no value set knows:"] if unread else []
    lines += [
        f"{_INDENT}{row['count']} x {row['kind']} {exact(row['system'])} {exact(row['code'])}"
        for row in unread
    ]
    return lines


def _rule_lines(rule: Mapping[str, Any], definitions: Mapping[str, Any]) -> list[str]:
    facts = [str(rule[name]) for name in ("strength", "indicator") if name in rule]
    facts += [f"#{rule['rank']}"] if "rank" in rule else []
    facts += [f"-> {rule[name]}" for name in ("foldedInto", "gaveWayTo") if name in rule]
    tail = f" ({', '.join(facts)})" if facts else ""
    lines = [f"{_MARKS[rule['answer']]} {rule['ruleId']}: {rule['words']}{tail}"]
    lines += [f"{_INDENT}{neutral(rule['because'])} ({neutral(rule['by'])})"] if "because" in rule else []
    lines += [_INDENT + neutral(rule["summary"])] if "summary" in rule else []
    page = _Page(definitions)
    for branch in rule["branches"]:
        lines += page.branch(branch)
    needs = [f"{gap['title']} ({gap['reason']})" for gap in rule.get("wouldChange", [])]
    lines += [f"{_INDENT}? {', '.join(needs)}"] if needs else []
    return [*lines, ""]


def _seen(answered: Mapping[str, Any], depth: int) -> list[str]:
    """Return the facts an answer rests on and what it misses."""
    margin, lines = _INDENT * depth + " " * 4, []
    for item in answered.get("evidence", []):
        source = f" [{exact(item['source'])}]" if "source" in item else ""
        local = f" (mapped from local code {exact(item['mappedFrom'])})" if "mappedFrom" in item else ""
        lines.append(f"{margin}{neutral(item['text'])}{local}{source}")
    for gap in answered.get("missing", []):
        lines.append(f"{margin}{gap['title']}: {gap['reason'].replace('-', ' ')}")
    return lines


class _Page:
    """The criteria of one rule; each definition is laid open where it is first named."""

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self.definitions = definitions
        self.opened: set[str] = set()

    def branch(self, branch: Mapping[str, Any]) -> list[str]:
        if not branch["runsAtThisHook"]:
            return []
        gate = branch["gate"]
        name = f"[{branch['id']}] " if "id" in branch else ""
        lines = [f"{_INDENT}{_MARKS[gate['answer']]} {name}{gate['name']}", *_seen(gate, 1)]
        if ages := branch.get("ages"):
            lines += [f"{_INDENT}{_MARKS[ages['answer']]} {ages['words']}", *_seen(ages, 1)]
        lines += self.criterion(branch["when"], 2)
        for item in branch.get("unless", []):
            lines += [f"{_INDENT * 2}unless:", *self.criterion(item, 3)]
        return lines

    def criterion(self, criterion: Mapping[str, Any], depth: int) -> list[str]:
        count = f", at least {criterion['atLeast']}" if "atLeast" in criterion else ""
        lines = [f"{_INDENT * depth}{_MARKS[criterion['answer']]} {criterion['text']}{count}"]
        lines += _seen(criterion, depth)
        for part in (*criterion.get("parts", []), *self.laid_open(criterion)):
            lines += self.criterion(part, depth + 1)
        return lines

    def laid_open(self, criterion: Mapping[str, Any]) -> list[Mapping[str, Any]]:
        names = [name for name in criterion.get("meets", []) if name in self.definitions]
        new = [name for name in names if name not in self.opened]
        self.opened.update(new)
        return [self.definitions[name] for name in new]
