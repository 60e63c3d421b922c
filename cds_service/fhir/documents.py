"""Read bytes as FHIR in one typed pass, and leniently (``lenient``) where that pass fails."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

import msgspec
from msgspec import Raw

from cds_service.facts import DataState, Source
from cds_service.fhir import scan
from cds_service.fhir.faults import not_fhir
from cds_service.fhir.gathering import READ_KINDS, Gathered, is_incomplete, note_empty_entry, note_outcome
from cds_service.fhir.lenient import read_leniently
from cds_service.fhir.records import Located, Part, Record, aside, draft_names
from cds_service.fhir.resources import OperationOutcome, Resource
from cds_service.fhir.scan import Entry
from cds_service.json_text.bounds import is_crowded, is_deeper
from cds_service.json_text.members import Repeated, members_of

MAX_BYTES: Final = 64 * 1024 * 1024
#: What drafts of medication hooks are; a draft nobody could read may have been one.
_ORDERS: Final = frozenset(("MedicationRequest", "MedicationOrder"))
_PROBLEM: Final = "Condition"
_ENTRY: Final = b'"entry"'


def read_bundle(data: bytes, *, where: str = "") -> Record:
    """Read a Bundle of any type, or a single resource, as one whole record.

    A resource type that does not occur is known to be empty (``NONE_FOUND``), unless the Bundle says
    that more pages exist or a resource of that type could not be read (``INCOMPLETE``).

    Raises:
        NotFhir: not JSON (F001), too large (F002), too deep (F003) or not FHIR (F004, F005).
    """
    body = checked_bytes(data, where)
    gathered = Gathered()
    read_document(body, "", gathered, where)
    default = DataState.INCOMPLETE if gathered.incomplete else DataState.NONE_FOUND
    if gathered.outcomes and not gathered.groups.keys() - {OperationOutcome}:
        default = DataState.FAILED
    states = {kind.__name__: DataState.PRESENT for kind in gathered.groups} if not gathered.incomplete else {}
    states |= dict.fromkeys(gathered.failed_types, DataState.INCOMPLETE)
    return Record(
        where,
        (Part("", body),),
        frozen(gathered.groups),
        states,
        default,
        tuple(gathered.set_aside),
        entries=gathered.entries or gathered.resources,
    )


def read_drafts(
    record: Record,
    raw: Raw | bytes,
    *,
    selections: Iterable[str] | None = None,
    pointer: str = "/context/draftOrders",
) -> Record:
    """Return the record with the draft orders of a hook's context (a Bundle) and its selections.

    ``selections`` are references into the Bundle (``MedicationRequest/1``); None means all. A draft that
    cannot be read, or a selection without a draft, leaves what is ordered incomplete.

    Raises:
        NotFhir: when the drafts are not a Bundle or resource.
    """
    body = checked_bytes(bytes(raw), pointer)
    gathered = Gathered()
    read_document(body, pointer, gathered, pointer)
    drafts = tuple(located for group in gathered.groups.values() for located in group)
    chosen = None if selections is None else frozenset(selections)
    missing = sorted((chosen or frozenset()) - set(_draft_references(drafts)))
    unknown = [aside("F090", Source("", f"{pointer.rpartition('/')[0]}/selections")) for _ in missing]
    return replace(
        record,
        parts=(*record.parts, Part(pointer, body)),
        drafts=drafts,
        states=_with_gaps(record, gathered, bool(unknown)),
        selections=chosen,
        set_aside=(*record.set_aside, *gathered.set_aside, *unknown),
    )


def read_added(record: Record, raw: Raw | bytes, *, pointer: str = "/context/conditions") -> Record:
    """Return the record with the problems a hook's context says were just added (a Bundle).

    An added problem that the record holds as well, by type and id, counts once: as it was added. One
    that cannot be read leaves the problems incomplete.

    Raises:
        NotFhir: when the problems are not a Bundle or resource.
    """
    body = checked_bytes(bytes(raw), pointer)
    gathered = Gathered()
    read_document(body, pointer, gathered, pointer)
    groups = dict(record.groups)
    states = dict(record.states)
    for kind, group in gathered.groups.items():
        ids = {located[3].id for located in group} - {None}
        before = tuple(located for located in record.of(kind) if located[3].id not in ids)
        groups[kind] = (*before, *group)
        name = kind.__name__
        states[name] = DataState.PRESENT if record.state(name).is_known else DataState.INCOMPLETE
    gaps = gathered.failed_types | ({_PROBLEM} if gathered.incomplete else set())
    return replace(
        record,
        parts=(*record.parts, Part(pointer, body)),
        groups=groups,
        states={**states, **dict.fromkeys(sorted(gaps), DataState.INCOMPLETE)},
        set_aside=(*record.set_aside, *gathered.set_aside),
        added=pointer,
    )


def _with_gaps(record: Record, gathered: Gathered, is_unmatched: bool) -> dict[str, DataState]:
    """Return the states of a record, incomplete for the types of which a draft could not be read."""
    gaps = set(gathered.failed_types)
    if gathered.incomplete or is_unmatched:
        gaps |= _ORDERS
    lowered = {name: DataState.INCOMPLETE for name in sorted(gaps) if record.state(name).is_known}
    return {**record.states, **lowered}


def _draft_references(drafts: Iterable[Located]) -> Iterable[str]:
    for located in drafts:
        yield from draft_names(located)


def frozen(groups: Mapping[type[Resource], list[Located]]) -> dict[type[Resource], tuple[Located, ...]]:
    """Return the groups as tuples."""
    return {kind: tuple(group) for kind, group in groups.items()}


def checked_bytes(data: bytes, where: str) -> bytes:
    """Return the document without a byte order mark. Raises NotFhir for too much or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise not_fhir("F002", where)
    if is_crowded(data):
        raise not_fhir("F003" if is_deeper(data) else "F009", where)
    if data[:3] == b"\xef\xbb\xbf":
        data = data[3:]
    if data[:2] in (b"\xff\xfe", b"\xfe\xff") or b"\x00" in data[:4]:
        raise not_fhir("F001", where, "not UTF-8")
    return data


def read_document(body: bytes, pointer: str, gathered: Gathered, where: str = "") -> None:
    """Read one document (Bundle or resource) into ``gathered``.

    Raises:
        NotFhir: as ``read_bundle``; F070 when the document says ``entry`` twice.
    """
    where = where or pointer
    try:
        _refuse_two_lists(body, where)
        try:
            _read_typed(body, pointer, gathered)
        except msgspec.DecodeError:  # ValidationError included: some resource does not fit, or no Bundle
            read_leniently(body, pointer, gathered, where)
    except RecursionError:
        raise not_fhir("F003", where) from None
    except UnicodeDecodeError:
        raise not_fhir("F001", where, "not UTF-8") from None


def _refuse_two_lists(body: bytes, where: str) -> None:
    """Refuse a Bundle with two lists of entries: every decoder keeps one of them and drops the other."""
    is_once = body.find(_ENTRY) == body.rfind(_ENTRY)  # from both ends: quicker than counting
    if is_once and not _escapes_letters(body):
        return
    try:
        members_of(body)
    except Repeated:
        raise not_fhir("F070", where) from None
    except msgspec.DecodeError:
        return  # told by the reader that follows


def _escapes_letters(body: bytes) -> bool:
    r"""Whether a letter of ``entry`` may be written as ``\u0065``: then a plain search misses a list.

    Split at the one byte, which is ten times quicker than searching for the longer text.
    """
    return any(part[:4] in (b"u006", b"u007") for part in body.split(b"\\")[1:])


def _read_typed(body: bytes, pointer: str, gathered: Gathered) -> None:
    bundle = scan.decode_bundle(body)
    if isinstance(bundle, OperationOutcome):
        gathered.resources += 1
        note_outcome(gathered, Entry(bundle), pointer)
        return
    gathered.incomplete |= is_incomplete(bundle)
    entries = bundle.entry or []
    gathered.expect(len(entries), pointer)
    gathered.resources += len(entries)
    groups = gathered.groups
    for index, entry in enumerate(entries):
        resource = entry.resource
        kind = type(resource)
        if kind in groups:
            groups[kind].append((pointer, index, entry.fullUrl, resource))
        elif resource is None:
            note_empty_entry(gathered, bundle.type, pointer, index)
        elif kind is OperationOutcome:
            note_outcome(gathered, entry, f"{pointer}/entry/{index}/resource")
        elif kind in READ_KINDS:
            groups[kind] = [(pointer, index, entry.fullUrl, resource)]
