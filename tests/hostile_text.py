"""Hostile text for tests: what people and machines may write into a record to be acted on where it is shown.

The texts stand in ``tests/data/hostile-text.json``, by family, written for this project. Here is where they are
put (every place of a request that holds text) and what may never come out.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from copy import deepcopy
from functools import lru_cache
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest
from markdown_it import MarkdownIt

linkify_it = pytest.importorskip("linkify_it", reason="linkify-it-py is not installed yet: make install")

FAMILIES: dict[str, list[str]] = json.loads(
    (Path(__file__).parent / "data" / "hostile-text.json").read_text(encoding="ascii")
)
TEXTS = [text for family in FAMILIES.values() for text in family]

#: Members whose value decides what a resource is; another value there makes another record, not another text.
_DECIDING = frozenset(
    [
        "resourceType",
        "hook",
        "hookInstance",
        "patientId",
        "encounterId",
        "userId",
        "selections",
        "fhirServer",
        "system",
        "code",
        "status",
        "reference",
        "type",
        "use",
        "intent",
        "gender",
        "birthDate",
        "category",
        "verificationStatus",
        "clinicalStatus",
        "org.twitch-cds.asOf",
    ]
)
_DATE = re.compile(r"\d{4}-\d\d")
Place = tuple[str | int, ...]


def places(node: Any, at: Place = ()) -> Iterator[tuple[Place, bool]]:
    """Yield every place of a text in JSON, and whether it decides what the rest means."""
    if isinstance(node, dict):
        for name in sorted(node):
            yield from places(node[name], (*at, name))
    elif isinstance(node, list):
        for index, item in enumerate(node):
            yield from places(item, (*at, index))
    elif isinstance(node, str):
        names = {str(step) for step in at[-3:]}
        yield (
            at,
            bool(names & _DECIDING) or bool(_DATE.match(node)) or at[-1] in ("id", "fullUrl", "unit", "url"),
        )


def put(document: Any, at: Place, text: str) -> None:
    """Replace the text at a place."""
    for step in at[:-1]:
        document = document[step]
    document[at[-1]] = text


def rounds(where: Sequence[Place]) -> list[list[Place]]:
    """Share places out among few calls, at most one place of a resource, or of an envelope, in each.

    What a hostile text does to one resource costs no other, so that many are tried at once. They take turns
    beginning at another of their places, so that no call loses all of one kind.
    """
    by_owner: dict[Place, list[Place]] = {}
    for at in where:
        owner = at[: len(at) - at[::-1].index("resource")] if "resource" in at else at[:2]
        by_owner.setdefault(owner if at[0] in ("prefetch", "context") else at, []).append(at)
    columns = [
        [group[(index + turn) % len(group)] for index in range(len(group))]
        for turn, group in enumerate(by_owner.values())
    ]
    return [[at for at in row if at is not None] for row in zip_longest(*columns)]


def with_texts(document: Any, where: Sequence[Place], first: int) -> Any:
    """Return a copy with a hostile text at each place, a different one each; ``first`` turns them."""
    changed = deepcopy(document)
    for index, at in enumerate(where):
        put(changed, at, TEXTS[(first + index) % len(TEXTS)])
    return changed


def as_json(document: Any) -> bytes:
    """Return JSON in which lone surrogates stand as escapes, as they travel."""
    return json.dumps(document, ensure_ascii=True).encode()


def texts(node: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield place and text of every text in JSON, names of members included."""
    if isinstance(node, dict):
        for name, value in node.items():
            yield f"{at}/*", name
            yield from texts(value, f"{at}/{name}")
    elif isinstance(node, list):
        for item in node:
            yield from texts(item, f"{at}/-")
    elif isinstance(node, str):
        yield at, node


# --- what may never come out

#: Controls, format characters (bidirectional, zero-width), surrogates, private and unassigned.
_NEVER = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_TAG = re.compile(r"<[A-Za-z!/?]")
_ENTITY = re.compile(r"&(#\d+|#x[0-9a-f]+|[a-z][a-z0-9]*);?", re.IGNORECASE)
_READER = MarkdownIt("commonmark", {"html": True, "linkify": True}).enable(
    ["table", "strikethrough", "linkify"]
)
_READER.validateLink = lambda _url: True  # type: ignore[method-assign]  # a reader less careful than this one
#: Makes links of what looks like an address, also without scheme: as eager as any client we know of.
_LINKS = linkify_it.LinkifyIt(options={"fuzzy_link": True, "fuzzy_email": True, "fuzzy_ip": True})
_LINKS.tlds(["example", "zip", "app", "dev"], True)
_READER.linkify = _LINKS
#: Tokens our own details are made of.
_OURS = frozenset(
    [
        "paragraph_open",
        "paragraph_close",
        "inline",
        "text",
        "softbreak",
        "heading_open",
        "heading_close",
        "bullet_list_open",
        "bullet_list_close",
        "ordered_list_open",
        "ordered_list_close",
        "list_item_open",
        "list_item_close",
        "strong_open",
        "strong_close",
        "text_special",
    ]
)
_LABEL = re.compile(r"[A-Z][A-Za-z ,'-]{2,60}:|Urgent.{0,80}")


def unclean(text: str) -> list[str]:
    """Return what is wrong with text that people read, wherever it is shown."""
    return list(_unclean(text))


@lru_cache(maxsize=200_000)  # most of an answer is our own words, the same in every answer
def _unclean(text: str) -> tuple[str, ...]:
    found = [f"U+{ord(sign):04X}" for sign in text if sign != "\n" and unicodedata.category(sign) in _NEVER]
    found += [match[0] for match in _TAG.finditer(text)]
    found += [match[0] for match in _ENTITY.finditer(text)]
    return tuple(found)


def links_in(text: str) -> list[str]:
    """Return what a client makes a link of in plain text without being asked."""
    return [match.text for match in _LINKS.match(text) or ()]


def unclean_line(text: str) -> list[str]:
    """Return what is wrong with a line of plain text that came from a record."""
    found = unclean(text) + links_in(text)
    found += [sign for sign in "[]`*_~|\\" if sign in text]
    return found + (["line break"] if "\n" in text else [])


def unclean_detail(detail: str) -> list[str]:
    """Return what a Markdown reader that lets HTML through makes of a detail beyond our own words."""
    return list(_unclean_detail(detail))


@lru_cache(maxsize=10_000)
def _unclean_detail(detail: str) -> tuple[str, ...]:
    found = unclean(detail)
    headings = 0
    for token in _READER.parse(detail):
        headings += token.type == "heading_open"
        for part in (token, *(token.children or ())):
            if part.type not in _OURS:
                found.append(f"{part.type}: {part.attrs.get('href', '')}{part.content[:60]}")
            if part.type == "heading_open" and part.tag != "h4":
                found.append(f"heading {part.tag}")
    if headings > 1:
        found.append(f"{headings} headings")
    return tuple(found)


def shown_by_a_reader(detail: str) -> str:
    """Return the text a Markdown reader shows of a detail, its own signs gone."""
    shown = []
    for token in _READER.parse(detail):
        if token.type == "list_item_open" and token.info:
            shown.append(f"{token.info}. ")
        shown += ["\n" if part.type.endswith("break") else part.content for part in token.children or ()]
        shown.append("\n")
    return "".join(shown)
