"""Compare values of a resource with what a search asks for: tokens, dates, references, strings.

Source: FHIR R4 (4.0.1), "Search", sections 3.1.1.4 and 3.1.1.5. A date without a time is the whole day it may
mean, in UTC; what is no date matches nothing.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from cds_service.fhir.times import read_date_span
from cds_service.sandbox.parameters import Kind

_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d)?(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?", re.ASCII | re.IGNORECASE
)
_PREFIXED = re.compile(r"(eq|ne|gt|lt|ge|le|sa|eb)?(\d.*)", re.ASCII)
_MICROSECOND = timedelta(microseconds=1)
_DAY = timedelta(days=1)
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
#: Characters of the longest instant; and how many texts keep their spans, which every search asks for again.
_LONGEST, _REMEMBERED = 40, 8_192


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last instant a date may mean."""

    first: datetime
    last: datetime


def span_of(value: Any) -> Span | None:
    """Return the span of a FHIR date, dateTime, instant or Period; None for what is none of them."""
    if isinstance(value, Mapping):
        start, end = (value.get(name) for name in ("start", "end"))
        first, last = span_of(start), span_of(end)
        if (start and first is None) or (end and last is None) or not (first or last):
            return None
        return Span(first.first if first else _FIRST, last.last if last else _LAST)
    return _text_span(value) if isinstance(value, str) else None


def _text_span(text: str) -> Span | None:
    plain = text.strip()
    return _read_span(plain) if len(plain) <= _LONGEST else None


@lru_cache(maxsize=_REMEMBERED)
def _read_span(text: str) -> Span | None:
    days = read_date_span(text)
    if days is not None:
        first, last = (datetime(day.year, day.month, day.day, tzinfo=UTC) for day in days)
        return Span(first, _LAST if last.date() == _LAST.date() else last + _DAY - _MICROSECOND)
    found = _INSTANT.fullmatch(text)
    if found is None:
        return None
    minute, second, fraction, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{minute}{second or ':00'}{(fraction or '')[:7]}{zone or '+00:00'}")
        length = _MICROSECOND if fraction else timedelta(seconds=1) if second else timedelta(minutes=1)
        return Span(at.astimezone(UTC), at.astimezone(UTC) + length - _MICROSECOND)
    except (ValueError, OverflowError):
        return None


#: Comparison of what a resource says (left) with what is asked for (right).
_COMPARED: Mapping[str, Callable[[Span, Span], bool]] = {
    "eq": lambda it, asked: asked.first <= it.first and it.last <= asked.last,
    "ne": lambda it, asked: not (asked.first <= it.first and it.last <= asked.last),
    "gt": lambda it, asked: it.last > asked.last,
    "lt": lambda it, asked: it.first < asked.first,
    "ge": lambda it, asked: it.last > asked.last or asked.first <= it.first,
    "le": lambda it, asked: it.first < asked.first or it.last <= asked.last,
    "sa": lambda it, asked: it.first > asked.last,
    "eb": lambda it, asked: it.last < asked.first,
}

#: Says of one value of a resource whether it is what was asked for.
Test = Callable[[Any], bool]


def test_of(kind: Kind, asked: str) -> Test:
    """Return the test for one value of a parameter (what stands between two commas).

    Raises:
        ValueError: It is no value of this kind, with the reason.
    """
    return {
        Kind.TOKEN: _token,
        Kind.DATE: _date,
        Kind.REFERENCE: _reference,
        Kind.STRING: _string,
    }[kind](asked)


def tests_of(kind: Kind, asked: Iterable[str]) -> tuple[Test, ...]:
    """Return tests of which one must hold for values of which one must hold.

    However many codes or references there are, they are one test: a list of thousands costs no more than one
    of them.

    Raises:
        ValueError: One is no value of this kind, with the reason.
    """
    values = list(dict.fromkeys(asked))
    if not values:
        return ()
    if kind is Kind.TOKEN:
        return (_tokens(values),)
    if kind is Kind.REFERENCE:
        return (_references(values),)
    return tuple(test_of(kind, value) for value in values)


def alternatives(text: str) -> list[str]:
    """Return the values of a parameter that are separated by commas; an escaped comma separates nothing."""
    return _split(text, ",")


def _split(text: str, sign: str) -> list[str]:
    if "\\" not in text:
        return text.split(sign)
    parts = [""]
    for part in re.findall(r"\\.|[^\\]|\\$", text, re.DOTALL):
        if part == sign:
            parts.append("")
        else:
            parts[-1] += part
    return parts


def _plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL)


def _date(asked: str) -> Test:
    found = _PREFIXED.fullmatch(asked.strip())
    wanted = _text_span(found[2]) if found else None
    if found is None or wanted is None:
        raise ValueError("is no date with a prefix eq, ne, gt, lt, ge, le, sa or eb, or without one")
    compare = _COMPARED[found[1] or "eq"]

    def test(value: Any) -> bool:
        span = span_of(value)
        return span is not None and compare(span, wanted)

    return test


def _token(asked: str) -> Test:
    return _tokens((asked,))


def _tokens(asked: Iterable[str]) -> Test:
    wanted = {_token_parts(text) for text in asked}
    codes = {code for _, code in wanted}

    def holds(system: str | None, code: str) -> bool:
        if system is None:
            return code in codes or "" in codes
        return not wanted.isdisjoint(((None, code), (system, code), (system, "")))

    return lambda value: any(holds(system, code) for system, code in codings_of(value))


def _token_parts(asked: str) -> tuple[str | None, str]:
    """Return the system, None for any, and the code, empty for any, that a value asks for."""
    parts = [_plain(part) for part in _split(asked, "|")]
    if len(parts) > 2 or not any(parts):
        raise ValueError("is no code, system|code, |code or system|")
    return (None, parts[0]) if len(parts) == 1 else (parts[0], parts[1])


def codings_of(value: Any) -> list[tuple[str | None, str]]:
    """Return system and code of a value; the system is None where the element itself decides it."""
    if isinstance(value, str):
        return [(None, value)]
    if isinstance(value, bool):
        return [(None, "true" if value else "false")]
    if not isinstance(value, Mapping):
        return []
    rows = value.get("coding") if "coding" in value else [value]
    return [
        (str(row.get("system") or ""), str(row.get("code") or row.get("value") or ""))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, Mapping)
    ]


def _reference(asked: str) -> Test:
    return _references((asked,))


def _references(asked: Iterable[str]) -> Test:
    wanted = {_target(text.strip()) for text in asked}
    if any(not ident for _, ident in wanted):
        raise ValueError("is no id and no reference")

    def test(value: Any) -> bool:
        said = value.get("reference") if isinstance(value, Mapping) else None
        if not isinstance(said, str):
            return False
        name, ident = _target(said)
        return (name, ident) in wanted or ("", ident) in wanted

    return test


def _target(reference: str) -> tuple[str, str]:
    """Return the type, empty where none is named, and the id that a reference or an id names."""
    parts = reference.partition("/_history/")[0].split("/")
    return ("".join(parts[-2:-1]), parts[-1])


def _string(asked: str) -> Test:
    wanted = folded(_plain(asked))
    if not wanted:
        raise ValueError("is empty")
    return lambda value: isinstance(value, str) and folded(value).startswith(wanted)


def folded(text: str) -> str:
    """Return a text without case and accents (FHIR: string search looks at neither)."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
