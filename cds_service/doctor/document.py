"""Read the file of a call as JSON, and tell what is wrong with it where it is none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from cds_service.doctor.troubles import Notes, pointer

_LARGE: Final = 5 * 1024 * 1024
_ENVELOPE: Final = ("", "/context", "/prefetch", "/extension", "/fhirAuthorization")
_MEBIBYTE: Final = 1024 * 1024
_MOST_DIGITS: Final = 30


class JsonObject(dict[str, Any]):
    """A JSON object that remembers which of its names were said more than once."""

    repeated: tuple[str, ...] = ()


def read_json(body: bytes, notes: Notes, most_bytes: int) -> Any:
    """Return the document, or None where it cannot be read; what is wrong with it goes to ``notes``.

    Args:
        body: The file as it is.
        notes: Takes the troubles.
        most_bytes: Largest body the service takes in.
    """
    _note_size(body, notes, most_bytes)
    text = _text_of(body, notes)
    if text is None:
        return None
    try:
        document = _parsed(text, notes)
    except RecursionError:
        notes.add("D007")
        return None
    except json.JSONDecodeError as error:
        _note_broken(text, error, notes)
        return None
    if isinstance(document, str) and document.lstrip().startswith("{"):
        notes.add("D010")
        return None
    if not isinstance(document, JsonObject):
        notes.add("D008")
        return None
    _note_repeated(document, notes)
    return document


def _note_size(body: bytes, notes: Notes, most_bytes: int) -> None:
    if len(body) > most_bytes:
        notes.add("D006", detail=f"{len(body)} bytes, at most {most_bytes}")
    elif len(body) > _LARGE:
        notes.add("D015", detail=f"{len(body) // _MEBIBYTE} MiB")


def _text_of(body: bytes, notes: Notes) -> str | None:
    """Return the body as text; None where it is no UTF-8."""
    if body[:2] == b"\x1f\x8b":
        notes.add("D013")
        return None
    if body[:3] == b"\xef\xbb\xbf":
        notes.add("D009")
        body = body[3:]
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        notes.add("D001", detail=f"at byte {error.start}")
        return None
    if "\x00" in text[:4]:
        notes.add("D001", detail="it looks like UTF-16")
        return None
    if text.lstrip().startswith(("POST ", "GET ", "HTTP/", "content-type:", "Content-Type:")):
        notes.add("D011")
        return None
    return text


def _parsed(text: str, notes: Notes) -> Any:
    def constant(name: str) -> None:
        notes.add("D003", detail=name)

    return json.loads(
        text, parse_constant=constant, parse_float=_number, parse_int=_number, object_pairs_hook=_object
    )


def _number(text: str) -> int | Decimal | float:
    if len(text) <= _MOST_DIGITS and text.lstrip("-").isdigit():
        return int(text)
    try:
        return Decimal(text)
    except InvalidOperation:
        return float(text)


def _object(pairs: list[tuple[str, Any]]) -> JsonObject:
    made = JsonObject(pairs)
    if len(made) < len(pairs):
        names = [name for name, _value in pairs]
        made.repeated = tuple(sorted({name for name in names if names.count(name) > 1}))
    return made


def _note_broken(text: str, error: json.JSONDecodeError, notes: Notes) -> None:
    plain = text.strip()
    ends_in_text = error.msg.startswith("Unterminated string") and "\n" not in text[error.pos :].rstrip()
    if not plain:
        notes.add("D008", detail="it is empty")
    elif plain[0] in "{[" and (ends_in_text or error.pos >= len(text.rstrip())):
        notes.add("D014")
    else:
        notes.add("D002", detail=f"line {error.lineno}, column {error.colno}")


def _note_repeated(document: JsonObject, notes: Notes) -> None:
    for place, node in _objects(document):
        for name in node.repeated:
            notes.add("D004" if place in _ENVELOPE else "D005", pointer(place, name))


def _objects(document: JsonObject) -> Iterator[tuple[str, JsonObject]]:
    """Yield every object with its place; no recursion, so that depth cannot end the doctor."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        place, node = waiting.pop()
        if isinstance(node, JsonObject):
            yield place, node
            waiting += [(pointer(place, name), value) for name, value in node.items()]
        elif isinstance(node, list):
            waiting += [(pointer(place, index), value) for index, value in enumerate(node)]
