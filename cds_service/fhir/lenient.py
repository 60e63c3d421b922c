"""Read what the typed pass refuses, resource by resource: one bad resource costs only itself."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw

from cds_service.fhir import scan
from cds_service.fhir.faults import not_fhir
from cds_service.fhir.gathering import Gathered, note_empty_entry, note_outcome, total_exceeds
from cds_service.fhir.records import Located, pointer_of
from cds_service.fhir.resources import OperationOutcome
from cds_service.fhir.scan import Entry

_MAX_NESTED_BUNDLES: Final = 4


def read_leniently(body: bytes, pointer: str, gathered: Gathered, where: str) -> None:
    """Read a document the typed pass refused, so that one bad resource costs only itself.

    Raises:
        NotFhir: It is no JSON, no FHIR, or its entries are no list.
    """
    try:
        shell = scan.decode_raw_bundle(body)
    except msgspec.ValidationError:
        raise not_fhir("F004", where) from None
    except msgspec.DecodeError:
        _read_with_broken_text(body, pointer, gathered, where)
        return
    if shell.resourceType != "Bundle":
        _read_single(body, shell.resourceType, pointer, gathered, where)
    elif not _read_entries(shell, pointer, gathered, 0):
        raise not_fhir("F005", where)


def _shell_is_incomplete(shell: scan.RawBundle, count: int) -> bool:
    links = shell.link if isinstance(shell.link, list) else []
    if any(isinstance(link, dict) and link.get("relation") == "next" for link in links):
        return True
    return shell.type == "searchset" and total_exceeds(shell.total, count)


def _read_single(body: bytes, type_name: Any, pointer: str, gathered: Gathered, where: str) -> None:
    if not isinstance(type_name, str):
        raise not_fhir("F004", where)
    if type_name not in scan.READ_BY_NAME and type_name not in scan.SKIPPED_NAMES:
        raise not_fhir("F004", where, "unknown resourceType")
    gathered.resources += 1
    _read_resource(body, (pointer, -1, None, None), gathered)
    refused = gathered.set_aside[-1] if gathered.set_aside else None
    if refused is not None and refused.code == "F010":
        raise not_fhir("F010", where, type_name)


def _read_entries(shell: scan.RawBundle, pointer: str, gathered: Gathered, depth: int) -> bool:
    """Read the entries of a Bundle one by one; False when they are no list."""
    try:
        entries = scan.decode_raw_list(shell.entry) if bytes(shell.entry) not in (b"", b"null") else []
    except msgspec.DecodeError:
        return False
    gathered.expect(len(entries), pointer)
    gathered.incomplete |= _shell_is_incomplete(shell, len(entries))
    bundle_type = shell.type if isinstance(shell.type, str) else None
    for index, raw in enumerate(entries):
        _read_entry(raw, bundle_type, (pointer, index, None, None), gathered, depth)
    return True


def _read_entry(raw: Raw, bundle_type: str | None, place: Located, gathered: Gathered, depth: int) -> None:
    pointer, index, _, _ = place
    try:
        entry = scan.decode_raw_entry(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        gathered.refuse("F010", f"{pointer}/entry/{index}", "entry")
        gathered.incomplete = True
        return
    gathered.resources += 1
    if bytes(entry.resource) in (b"", b"null"):
        note_empty_entry(gathered, bundle_type, pointer, index)
        return
    full_url = entry.fullUrl if isinstance(entry.fullUrl, str) else None
    _read_resource(bytes(entry.resource), (pointer, index, full_url, None), gathered, depth)


def _read_resource(raw: bytes, place: Located, gathered: Gathered, depth: int = 0) -> None:
    """Decode one resource: as it is, else without its nulls; refuse and report what still does not fit."""
    pointer = pointer_of(place)
    try:
        resource = scan.decode_resource.decode(raw)
    except scan.UNREADABLE as first:
        resource = _read_odd_resource(raw, place, gathered, first, depth)
    if resource is None:
        return
    if type(resource) is OperationOutcome:
        note_outcome(gathered, Entry(resource), pointer)
        return
    gathered.add((*place[:3], resource))


def _read_odd_resource(raw: bytes, place: Located, gathered: Gathered, first: Exception, depth: int) -> Any:
    pointer = pointer_of(place)
    try:
        tree = _parse_tree(raw)
        shell = tree if isinstance(tree, dict) else {}
    except (ValueError, RecursionError):
        gathered.refuse("F010", pointer, "not JSON, or nested too deeply")
        gathered.incomplete = True
        return None
    type_name = shell.get("resourceType")
    if type_name == "Bundle":
        if depth >= _MAX_NESTED_BUNDLES or not _read_entries(
            scan.decode_raw_bundle(raw), pointer, gathered, depth + 1
        ):
            gathered.refuse("F010", pointer, "Bundle within a Bundle")
            gathered.incomplete = True
        return None
    if not isinstance(type_name, str) or (
        type_name not in scan.READ_BY_NAME and type_name not in scan.SKIPPED_NAMES
    ):
        gathered.refuse("F011", pointer)
        gathered.incomplete |= not isinstance(type_name, str)  # it may have been anything
        return None
    try:
        return scan.decode_resource.decode(_compact(shell))
    except (msgspec.DecodeError, RecursionError) as second:
        ident = shell.get("id")
        gathered.refuse(
            "F010", pointer, _field_of(second), type_name, ident if isinstance(ident, str) else ""
        )
        return None


def _field_of(error: Exception) -> str:
    """Return the field msgspec named, without any value of the record."""
    text = str(error)
    place = text.rpartition("`$")[2].rstrip("`")
    return f"at {place.lstrip('.')[:80]}" if place and place != text else "shape"


def _read_with_broken_text(body: bytes, pointer: str, gathered: Gathered, where: str) -> None:
    """Read a document the fast decoder refuses for a lone surrogate; anything else is no JSON."""
    try:
        tree = _parse_tree(body)
    except RecursionError:
        raise not_fhir("F003", where) from None
    except ValueError:
        raise not_fhir("F001", where) from None
    if not isinstance(tree, dict):
        raise not_fhir("F004", where)
    read_leniently(_compact(tree), pointer, gathered, where)


def _parse_tree(raw: bytes) -> Any:
    """Parse JSON with exact numbers; NaN and Infinity are refused. Raises ValueError, RecursionError."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("not UTF-8") from None
    return json.loads(text, parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError("not a JSON number")


def _compact(tree: Any) -> bytes:
    """Return a tree as JSON without nulls and lone surrogates, which say nothing in FHIR."""
    return _encode(_without_nulls(tree))


def _without_nulls(node: Any) -> Any:
    if isinstance(node, dict):
        return {_clean(key): _without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [_without_nulls(value) for value in node if value is not None]
    return _clean(node) if isinstance(node, str) else node


def _clean(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


_encode: Final = msgspec.json.Encoder(decimal_format="number").encode
