"""Read bytes as FHIR, leniently: one typed pass, and resource by resource where that pass fails."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Raw

from cds_service.facts import DataState, SetAside, Source
from cds_service.fhir import scan
from cds_service.fhir.faults import not_fhir
from cds_service.fhir.records import Located, Part, Record, aside, draft_names, pointer_of
from cds_service.fhir.resources import OperationOutcome, Resource
from cds_service.fhir.scan import Bundle, Entry
from cds_service.members import Repeated, members_of

MAX_BYTES: Final = 64 * 1024 * 1024
_MAX_NESTED_BUNDLES: Final = 4
_READ: Final = frozenset(scan.READ)
#: What drafts of medication hooks are; a draft nobody could read may have been one.
_ORDERS: Final = frozenset(("MedicationRequest", "MedicationOrder"))
_PROBLEM: Final = "Condition"


@dataclass(slots=True)
class Gathered:
    """Collects what several documents hold while a record is being read."""

    groups: dict[type[Resource], list[Located]] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)
    failed_types: set[str] = field(default_factory=set)
    outcomes: int = 0
    unreadable: int = 0
    resources: int = 0
    incomplete: bool = False

    def add(self, located: Located) -> None:
        """Take one decoded resource; types that feed no fact are dropped here."""
        kind = type(located[3])
        if kind in _READ:
            group = self.groups.get(kind)
            if group is None:
                self.groups[kind] = [located]
            else:
                group.append(located)

    def refuse(self, code: str, pointer: str, detail: str = "", type_name: str = "", ident: str = "") -> None:
        """Note a resource that could not be read at all."""
        reference = f"{type_name}/{ident}" if type_name and ident else ""
        self.set_aside.append(aside(code, Source(reference, pointer or "/"), detail=detail))
        if type_name:
            self.failed_types.add(type_name)


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
        where, (Part("", body),), frozen(gathered.groups), states, default, tuple(gathered.set_aside)
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
    """Return the document without a byte order mark. Raises NotFhir for too many bytes or not UTF-8."""
    if len(data) > MAX_BYTES:
        raise not_fhir("F002", where)
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
    try:
        _refuse_two_lists(body, where or pointer)
        _read_typed(body, pointer, gathered)
    except msgspec.DecodeError:  # ValidationError included: some resource does not fit, or no Bundle
        try:
            _read_leniently(body, pointer, gathered, where or pointer)
        except RecursionError:
            raise not_fhir("F003", where or pointer) from None
    except RecursionError:
        raise not_fhir("F003", where or pointer) from None
    except UnicodeDecodeError:
        raise not_fhir("F001", where or pointer, "not UTF-8") from None


def _refuse_two_lists(body: bytes, where: str) -> None:
    """Refuse a Bundle with two lists of entries: every decoder keeps one of them and drops the other."""
    if body.count(b'"entry"') < 2:
        return
    try:
        members_of(body)
    except Repeated:
        raise not_fhir("F070", where) from None
    except msgspec.DecodeError:
        return  # told by the reader that follows


def _read_typed(body: bytes, pointer: str, gathered: Gathered) -> None:
    bundle = scan.decode_bundle(body)
    if isinstance(bundle, OperationOutcome):
        gathered.resources += 1
        _note_outcome(gathered, Entry(bundle), pointer)
        return
    gathered.incomplete |= is_incomplete(bundle)
    entries = bundle.entry or []
    gathered.resources += len(entries)
    groups = gathered.groups
    for index, entry in enumerate(entries):
        resource = entry.resource
        kind = type(resource)
        if kind in groups:
            groups[kind].append((pointer, index, entry.fullUrl, resource))
        elif resource is None:
            _note_empty_entry(gathered, bundle.type, pointer, index)
        elif kind is OperationOutcome:
            _note_outcome(gathered, entry, f"{pointer}/entry/{index}/resource")
        elif kind in _READ:
            groups[kind] = [(pointer, index, entry.fullUrl, resource)]


def is_incomplete(bundle: Bundle) -> bool:
    """Whether a Bundle says that more exists than it holds: a next link, or a larger total."""
    if any(link.relation == "next" for link in bundle.link or ()):
        return True
    return bundle.type == "searchset" and _total_exceeds(bundle.total, _matches(bundle.entry or ()))


def _matches(entries: Iterable[Entry]) -> int:
    return sum(1 for entry in entries if entry.search is None or entry.search.mode in (None, "match"))


def _total_exceeds(total: Raw, count: int) -> bool:
    text = bytes(total).strip(b'"')
    return text.isdigit() and len(text) < 12 and int(text) > count


def _note_empty_entry(gathered: Gathered, bundle_type: str | None, pointer: str, index: int) -> None:
    if bundle_type not in ("batch-response", "transaction-response"):
        gathered.refuse("F012", f"{pointer}/entry/{index}")


def _note_outcome(gathered: Gathered, entry: Entry, pointer: str) -> None:
    gathered.refuse("F013", pointer)
    if _is_failure(entry.resource):
        gathered.outcomes += 1
        gathered.incomplete = True


def _is_failure(outcome: Any) -> bool:
    """Whether an OperationOutcome reports more than information or a warning."""
    issues = outcome.issue if isinstance(outcome.issue, list) else [outcome.issue]
    words = [item.get("severity") for item in issues if isinstance(item, dict)]
    return not words or any(word not in ("information", "warning", "success") for word in words)


# ----------------------------------------------------------------------------- the lenient way


def _read_leniently(body: bytes, pointer: str, gathered: Gathered, where: str) -> None:
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
    return shell.type == "searchset" and _total_exceeds(shell.total, count)


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
    gathered.incomplete |= _shell_is_incomplete(shell, len(entries))
    bundle_type = shell.type if isinstance(shell.type, str) else None
    for index, raw in enumerate(entries):
        _read_entry(raw, bundle_type, (pointer, index, None, None), gathered, depth)
    return True


def _read_entry(raw: Raw, bundle_type: str | None, place: Located, gathered: Gathered, depth: int) -> None:
    pointer, index, _, _ = place
    try:
        entry = scan.decode_raw_entry(raw)
    except msgspec.DecodeError:
        gathered.refuse("F010", f"{pointer}/entry/{index}", "entry")
        gathered.incomplete = True
        return
    gathered.resources += 1
    if bytes(entry.resource) in (b"", b"null"):
        _note_empty_entry(gathered, bundle_type, pointer, index)
        return
    full_url = entry.fullUrl if isinstance(entry.fullUrl, str) else None
    _read_resource(bytes(entry.resource), (pointer, index, full_url, None), gathered, depth)


def _read_resource(raw: bytes, place: Located, gathered: Gathered, depth: int = 0) -> None:
    """Decode one resource: as it is, else without its nulls; refuse and report what still does not fit."""
    pointer = pointer_of(place)
    try:
        resource = scan.decode_resource.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as first:
        resource = _read_odd_resource(raw, place, gathered, first, depth)
    if resource is None:
        return
    if type(resource) is OperationOutcome:
        _note_outcome(gathered, Entry(resource), pointer)
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
    _read_leniently(_compact(tree), pointer, gathered, where)


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
