"""Turn the Markdown of a card into plain text: every word stays, no sign is left that formats or links.

Knows what cards are written in (headings, bold, lists, escapes) and what a site's own wording may bring
(tables, links, code). Source of the rules: GitHub Flavored Markdown, sections 4 to 6.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_HEADING = re.compile(r" {0,3}#{1,6}[ \t]+|[ \t]+#+[ \t]*$")
_BULLET = re.compile(r"^(\s*)[-*+][ \t]+(?=\S)")
_QUOTE = re.compile(r"^ {0,3}(> ?)+")
_RULER = re.compile(r"^ {0,3}([-*_][ \t]*){3,}$")
_TABLE_RULER = re.compile(r"^\s*\|?\s*:?-+:?\s*(\|\s*:?-+:?\s*)+\|?\s*$")
_CELL = re.compile(r"(?<!\\)\|")
#: One construct inside a line, an escape first: what is escaped begins nothing.
_INLINE = re.compile(
    r"\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|`+(?P<code>[^`]+)`+"
    r"|!?\[(?P<label>[^\[\]]*)\]\((?P<address>[^()\s]*)\)"
    r"|<(?P<automatic>(?:https?|mailto):[^<>\s]+)>"
    r"|(?P<bold>\*\*|__)(?=\S)(?P<inside>(?:\\.|[^\\])+?)(?<=\S)(?P=bold)"
)


def plain_text(markdown: str) -> str:
    """Return Markdown as plain text: headings and bold as words, items with a bullet, table rows as lines."""
    return "\n".join(_lines(markdown.split("\n")))


def _lines(lines: list[str]) -> Iterator[str]:
    headers: list[str] = []
    for place, line in enumerate(lines):
        if _TABLE_RULER.match(line) or _RULER.match(line):
            continue
        if place + 1 < len(lines) and _TABLE_RULER.match(lines[place + 1]):
            headers = _cells(line)
        elif headers and _CELL.search(line):
            yield _row(headers, _cells(line))
        else:
            headers = []
            yield _line(line)


def _line(line: str) -> str:
    bare = _QUOTE.sub("", line)
    if _HEADING.match(bare):
        bare = _HEADING.sub("", bare)
    return _inline(_BULLET.sub("\\1\u2022 ", bare))


def _cells(line: str) -> list[str]:
    return [_inline(cell.strip()) for cell in _CELL.split(line.strip().removeprefix("|").removesuffix("|"))]


def _row(headers: list[str], cells: list[str]) -> str:
    """Return a row of a table as one line; a cell without a heading stands alone."""
    names = [*headers, *[""] * len(cells)]
    said = (f"{name}: {cell}" if name else cell for name, cell in zip(names, cells, strict=False) if cell)
    return "\u2022 " + "; ".join(said)


def _inline(text: str) -> str:
    return _INLINE.sub(_words, text)


def _words(found: re.Match[str]) -> str:
    if found["escaped"]:
        return found["escaped"]
    if found["inside"]:
        return _inline(found["inside"])
    if found["address"] is None:
        return found["code"] or found["automatic"] or found["label"] or ""
    label = _inline(found["label"])
    return f"{label} ({found['address']})" if found["address"] and label != found["address"] else label
