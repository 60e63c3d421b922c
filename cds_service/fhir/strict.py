"""The strict second look: before a card cites a resource, its original bytes are read again, strictly.

The typed scan keeps the last of two equal keys and trims a status; here both are faults. What fails
is named, and the review is repeated without it: speed never buys a wrong card.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec

from cds_service.facts import SetAside, Source
from cds_service.fhir import scan, vocabulary
from cds_service.fhir.datatypes import ABSENT
from cds_service.fhir.records import Located, Part, Record, aside, pointer_of, source_of
from cds_service.fhir.resources import Patient

_STATUS_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "Observation": vocabulary.RESULT_USABLE,
    "DiagnosticReport": vocabulary.REPORT_USABLE,
    "MedicationRequest": vocabulary.REQUEST_KNOWN,
}
_QUANTITY_KEYS: Final = frozenset(
    (
        "valueQuantity",
        "doseQuantity",
        "dose",
        "low",
        "high",
        "daysSupply",
        "quantity",
        "onsetAge",
        "abatementAge",
        "boundsDuration",
        "expectedSupplyDuration",
        "numerator",
        "denominator",
        "rateQuantity",
    )
)
_TEXT_FIELDS: Final = ("unit", "system", "code", "comparator")

#: The entries of a Bundle as texts, and those of every Bundle looked into, by its place.
_Items: TypeAlias = "list[bytes] | list[msgspec.Raw]"
_Shells: TypeAlias = "dict[str, _Items | None]"


class _Strict(Exception):
    """A strict fault: its code and the place inside the resource."""

    def __init__(self, code: str, place: str = "") -> None:
        super().__init__(code)
        self.code = code
        self.place = place


def second_look(record: Record, sources: Iterable[Source]) -> tuple[SetAside, ...]:
    """Return one entry for every cited resource that must not be used, in order of their pointers.

    Checked are: the same key twice at any level, the exact status word, one subject of the expected
    form, numbers that are JSON numbers, units, systems and codes that are text. An empty answer
    means that everything cited stands.
    """
    wanted = _wanted(record, tuple(sources))
    shells: _Shells = {}
    found: list[SetAside] = []
    for pointer in sorted(wanted):
        try:
            _check(_original(record, pointer, shells))
        except _Strict as fault:
            found.append(aside(fault.code, Source(wanted[pointer], pointer), detail=fault.place))
        except Exception:  # a defect of ours costs this resource, not the patient's other cards
            found.append(aside("F077", Source(wanted[pointer], pointer)))
    return tuple(found)


def _wanted(record: Record, sources: tuple[Source, ...]) -> dict[str, str]:
    """Return the places to look at, each with the reference it is cited by.

    Every card rests on the Patient (age, sex, life); where it is a document of its own it is looked at
    even when nothing matched: a second birth date may be why.
    """
    wanted: dict[str, str] = {}
    for source in sources:
        for pointer in (source.pointer,) if source.pointer else _pointers(record, source.reference):
            wanted.setdefault(pointer, source.reference)
    for located in record.of(Patient):
        if sources or located[1] < 0:
            wanted.setdefault(pointer_of(located), source_of(located).reference)
    return wanted


def _pointers(record: Record, reference: str) -> tuple[str, ...]:
    """Return the places of a resource named by reference only."""
    everything: Iterable[Located] = (*record.of(*scan.READ), *record.drafts)
    return tuple(pointer_of(located) for located in everything if source_of(located).reference == reference)


# ----------------------------------------------------------------------------- finding the original bytes


def _original(record: Record, pointer: str, shells: _Shells) -> bytes:
    """Return the bytes of the resource at a pointer. Raises _Strict (F075) when it cannot be found."""
    part = _part(record.parts, pointer)
    if part is None:
        raise _Strict("F075")
    body, rest = part.data, pointer[len(part.pointer) :]
    while rest:
        index, rest = _step(rest)
        entries = _entries(body, pointer[: len(pointer) - len(rest)], shells)
        if entries is None or index >= len(entries):
            raise _Strict("F075")
        body = _resource_of(entries[index])
    return body


def _part(parts: tuple[Part, ...], pointer: str) -> Part | None:
    holders = [part for part in parts if pointer == part.pointer or pointer.startswith(part.pointer + "/")]
    return max(holders, key=lambda part: len(part.pointer), default=None)


def _step(rest: str) -> tuple[int, str]:
    """Split ``/entry/3/resource...`` into 3 and what follows."""
    words = rest.split("/", 4)
    if len(words) < 4 or words[1] != "entry" or words[3] != "resource" or not words[2].isdigit():
        raise _Strict("F075")
    return int(words[2]), f"/{words[4]}" if len(words) > 4 else ""


def _entries(body: bytes, place: str, shells: _Shells) -> _Items | None:
    """Return the entries of a Bundle as bytes, remembered for the next pointer into it."""
    key = place.rpartition("/entry/")[0]
    if key not in shells:
        shells[key] = _split(body)
    return shells[key]


class _Entries(msgspec.Struct):
    """A Bundle of which nothing but its entries is looked at: the rest may be no JSON we can decode."""

    entry: list[msgspec.Raw] | None = None


class _Resource(msgspec.Struct):
    """An entry of which nothing but its resource is looked at."""

    resource: msgspec.Raw = ABSENT


_BUNDLE: Final = msgspec.json.Decoder(_Entries)
_ENTRY: Final = msgspec.json.Decoder(_Resource)


def _split(body: bytes) -> _Items | None:
    """Return the entries of a Bundle as they were sent; None where it has no list of them."""
    try:
        return _BUNDLE.decode(body).entry
    except scan.UNREADABLE:
        entries = _member(body, "entry")
        return [_dump(entry) for entry in entries] if isinstance(entries, list) else None


def _resource_of(entry: bytes | msgspec.Raw) -> bytes:
    """Return the resource of an entry as it was sent; empty without one."""
    try:
        return bytes(_ENTRY.decode(entry).resource)
    except scan.UNREADABLE:
        return _dump(_member(bytes(entry), "resource"))


def _member(body: bytes, name: str) -> Any:
    """Return a member of an object the fast decoder refuses (lone surrogates); its strings are kept."""
    try:
        tree = _PAIRS.decode(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return None
    return dict(tree).get(name) if isinstance(tree, _Pairs) else None


class _Pairs(list[tuple[str, Any]]):
    """The members of a JSON object in order, equal keys included."""


_PAIRS: Final = json.JSONDecoder(object_pairs_hook=_Pairs)


def _dump(node: Any) -> bytes:
    return _text(node).encode("utf-8", "replace")


def _text(node: Any) -> str:
    if isinstance(node, _Pairs):
        return "{" + ",".join(f"{json.dumps(key)}:{_text(value)}" for key, value in node) + "}"
    if isinstance(node, list):
        return "[" + ",".join(_text(value) for value in node) + "]"
    return json.dumps(node)


# ----------------------------------------------------------------------------- the checks


def _check(body: bytes) -> None:
    tree = _read(body)
    if not isinstance(tree, dict):
        raise _Strict("F075")
    _check_status(tree)
    _check_subject(tree)
    _check_values(tree, "")


def _read(body: bytes) -> Any:
    try:
        return json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse,
        )
    except (ValueError, RecursionError):
        raise _Strict("F075") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _Strict("F070", key[:40])
        found[key] = value
    return found


def _refuse(name: str) -> Any:
    raise _Strict("F072")


def _check_status(tree: Mapping[str, Any]) -> None:
    status = tree.get("status")
    allowed = _STATUS_WORDS.get(str(tree.get("resourceType")))
    if allowed is None:
        if isinstance(status, str) and status != status.strip():
            raise _Strict("F071", "status")
    elif status not in allowed:
        raise _Strict("F071", "status")


def _check_subject(tree: Mapping[str, Any]) -> None:
    for name in ("subject", "patient"):
        subject = tree.get(name)
        if subject is None:
            continue
        if not isinstance(subject, dict) or not isinstance(subject.get("reference", ""), str):
            raise _Strict("F074", name)


def _check_values(node: Any, place: str) -> None:
    """Check every quantity and coding below a node."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            _check_values(item, f"{place}/{index}")
        return
    if not isinstance(node, dict):
        return
    for key, value in node.items():
        here = f"{place}/{key}"
        if key in _QUANTITY_KEYS and isinstance(value, dict):
            _check_quantity(value, here)
        if key == "coding":
            _check_codings(value, here)
        _check_values(value, here)


def _check_quantity(quantity: Mapping[str, Any], place: str) -> None:
    if not isinstance(quantity.get("value"), Decimal | None):
        raise _Strict("F072", f"{place}/value")
    for name in _TEXT_FIELDS:
        if not isinstance(quantity.get(name), str | None):
            raise _Strict("F073", f"{place}/{name}")


def _check_codings(codings: Any, place: str) -> None:
    for index, coding in enumerate(codings if isinstance(codings, list) else [codings]):
        if not isinstance(coding, dict | None):
            raise _Strict("F073", f"{place}/{index}")
        for name in ("system", "code"):
            if coding is not None and not isinstance(coding.get(name), str | None):
                raise _Strict("F073", f"{place}/{index}/{name}")
