"""The manifest of an export as the server gives it, checked; and the one that stands in our folder.

Source: Bulk Data Access IG 2.0, "Response - Complete Status".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

import msgspec

from cds_service.batch.export.words import Told
from cds_service.batch.faults import stops

#: Largest manifest, in bytes and in files.
MOST_BYTES: Final = 64 * 1024 * 1024
_MOST_FILES: Final = 200_000
_TYPE: Final = re.compile(r"[A-Z][A-Za-z]{1,63}")
_INSTANT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+\-]\d\d:?\d\d)")


@dataclass(frozen=True, slots=True)
class Item:
    """A file of an export. ``count`` is how many resources it holds; None when the server does not say."""

    type_name: str
    url: str = field(repr=False)
    count: int | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export gave; ``twice`` counts files that were named again, ``next`` is the address of more."""

    transaction_time: str
    needs_token: bool
    output: tuple[Item, ...]
    errors: tuple[Item, ...]
    deleted: int = 0
    twice: int = 0
    next: str = field(default="", repr=False)


def read_manifest(told: Told, where: str) -> Manifest:
    """Return the manifest of an answer.

    Raises:
        BatchError: It is none, or one whose members are not as they must be (B048).
    """
    try:
        tree = msgspec.json.decode(told.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise stops("B048", where, "no JSON") from None
    if not isinstance(tree, dict):
        raise stops("B048", where, "no JSON object")
    instant, needs_token = tree.get("transactionTime"), tree.get("requiresAccessToken")
    if not isinstance(instant, str) or not _is_instant(instant):
        raise stops("B048", where, "transactionTime")
    if not isinstance(needs_token, bool):
        raise stops("B048", where, "requiresAccessToken")
    output = list(_items(tree, "output", where, required=True))
    errors = list(_items(tree, "error", where))
    deleted = list(_items(tree, "deleted", where))
    kept = tuple(dict.fromkeys(output))
    return Manifest(
        instant,
        needs_token,
        kept,
        tuple(dict.fromkeys(errors)),
        len(deleted),
        len(output) - len(kept),
        _next(tree),
    )


def named(items: tuple[Item, ...]) -> list[tuple[str, Item]]:
    """Return the files with the names they get: type and number in the order of the manifest."""
    numbers: Counter[str] = Counter()
    rows = []
    for item in items:
        rows.append((f"{item.type_name}.{numbers[item.type_name]:03d}.ndjson", item))
        numbers[item.type_name] += 1
    return rows


def _items(tree: dict[str, Any], member: str, where: str, *, required: bool = False) -> Iterator[Item]:
    rows = tree.get(member)
    if rows is None and not required:
        return
    if not isinstance(rows, list) or len(rows) > _MOST_FILES:
        raise stops("B048", where, member)
    for row in rows:
        name, url, count = (
            (row.get(key) for key in ("type", "url", "count")) if isinstance(row, dict) else [None] * 3
        )
        if member != "output" and name is None:
            name = "OperationOutcome"  # STU 1 servers leave it out
        is_name = isinstance(name, str) and _TYPE.fullmatch(name) is not None
        if not is_name or not isinstance(url, str) or not url:
            raise stops("B048", where, f"{member}: type and url")
        is_count = isinstance(count, int) and not isinstance(count, bool) and count >= 0
        if count is not None and not is_count:
            raise stops("B048", where, f"{member}: count")
        yield Item(str(name), url, count)


def _next(tree: dict[str, Any]) -> str:
    """Return the address of the next manifest (IG 3.0, partial manifests); empty when this is all."""
    links = tree.get("link")
    for link in links if isinstance(links, list) else []:
        if isinstance(link, dict) and link.get("relation") == "next":
            return str(link.get("url", "?"))
    return ""


def _is_instant(text: str) -> bool:
    try:
        return bool(_INSTANT.fullmatch(text) and datetime.fromisoformat(text).tzinfo)
    except ValueError:
        return False
