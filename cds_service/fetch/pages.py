"""Look at an answer just closely enough to follow its pages, and join them to one Bundle.

The entries themselves stay as they came: what they mean is read where prefetch is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.queries import PATIENT_PARAMETERS, Query
from cds_service.json_text.members import Repeated, members_of

#: The next link of a joined Bundle some pages of which are missing; readers then conclude no absence.
_MORE = [{"relation": "next", "url": "urn:twitch-cds:not-all-pages"}]
_ENTRIES = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


class _Search(msgspec.Struct):
    mode: str | None = None


class _Reference(msgspec.Struct):
    reference: str = ""


class _Owned(msgspec.Struct):
    subject: _Reference | None = None
    patient: _Reference | None = None


class _Entry(msgspec.Struct):
    search: _Search | None = None
    resource: _Owned | None = None


_ENTRY = msgspec.json.Decoder(_Entry)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a search: entries as they came, the address of the next page (empty: the last).

    ``total`` is what the server says it has, 0 when it says nothing; ``patient_heeded`` is false when its
    self link, or what it sent, says that it did not look at whose data were asked for. ``matches`` leaves
    out remarks. ``is_foreign``: some of it is about another patient.
    """

    entries: tuple[msgspec.Raw, ...]
    next: str
    total: int
    patient_heeded: bool
    matches: int
    is_foreign: bool = False


@dataclass(slots=True)
class Joined:
    """Pages of one or more searches that answer one prefetch key.

    ``has_found``: the server found something for the patient it was asked for. ``has_foreign``: it sent
    something about another one.
    """

    pages: list[Page] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    has_gap: bool = False
    has_found: bool = False
    has_foreign: bool = False

    def add(self, page: Page, body: bytes, *, was_begun: bool = False) -> None:
        """Take one page; ``was_begun``: of the caller's search, which tells nothing of how ours is taken."""
        self.pages.append(page)
        self.bodies.append(body)
        self.has_found |= bool(page.matches) and page.patient_heeded and not was_begun
        self.has_foreign |= page.is_foreign and not was_begun

    @property
    def matches(self) -> int:
        """How many entries there are, remarks left out."""
        return sum(page.matches for page in self.pages)

    def bundle(self) -> bytes:
        """Return one Bundle; with a next link when something of it is missing."""
        if len(self.bodies) == 1 and not self.has_gap:
            return self.bodies[0]
        joined: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset"}
        if self.has_gap:
            joined["link"] = _MORE
        joined["entry"] = [entry for page in self.pages for entry in page.entries]
        return msgspec.json.encode(joined)


def has_next(body: bytes) -> bool:
    """Whether a body is a Bundle that says there are more pages; what cannot be read says nothing."""
    if b'"next"' not in body:
        return False
    try:
        members = _members(body)
        return _text(members.get("resourceType")) == "Bundle" and "next" in _links(members.get("link"))
    except FetchFault:
        return False


def read_one(body: bytes, query: Query) -> bytes:
    """Return the answer to a read, checked to be the resource that was asked for. Raises FetchFault."""
    members = _members(body)
    _check_type(members, query.resource_type)
    if _text(members.get("id")) != query.ident:
        raise FetchFault(Fault.OTHER_PATIENT)
    return body


def read_page(body: bytes, query: Query, *, first: bool) -> Page:
    """Return one page of a search.

    Raises:
        FetchFault: It is no Bundle; it is empty and the server did not understand the question; or all of
            it is about other patients.
    """
    members = _members(body)
    _check_type(members, "Bundle")
    links = _links(members.get("link"))
    entries = _entries(members.get("entry"))
    ignored = _ignored(links.get("self", ""), query) if first else frozenset()
    looks = [look for entry in entries if (look := _look(entry)) is not None]
    remarks = sum(look.search is not None and look.search.mode == "outcome" for look in looks)
    foreign = sum(_is_foreign(look, query.patient_id) for look in looks)
    if first and len(entries) == remarks and (ignored or remarks):
        raise FetchFault(Fault.IGNORED)
    if foreign and foreign == len(entries) - remarks:
        raise FetchFault(Fault.OTHER_PATIENT)
    return Page(
        entries=entries,
        next=links.get("next", ""),
        total=_count(members.get("total")),
        patient_heeded=not foreign and not (ignored & PATIENT_PARAMETERS),
        matches=len(entries) - remarks,
        is_foreign=foreign > 0,
    )


def _members(body: bytes) -> Mapping[str, msgspec.Raw]:
    try:
        body.decode()
        return members_of(body.removeprefix(b"\xef\xbb\xbf"))
    except (Repeated, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise FetchFault(Fault.NOT_FHIR) from None


def _check_type(members: Mapping[str, msgspec.Raw], wanted: str) -> None:
    found = _text(members.get("resourceType"))
    if found == "OperationOutcome":
        raise FetchFault(Fault.OUTCOME)
    if found != wanted:
        raise FetchFault(Fault.OTHER_TYPE if found else Fault.NOT_FHIR)


def _decoded(raw: msgspec.Raw | None) -> Any:
    try:
        return None if raw is None else _ANY.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        raise FetchFault(Fault.NOT_FHIR) from None


def _text(raw: msgspec.Raw | None) -> str:
    value = _decoded(raw)
    return value if isinstance(value, str) else ""


def _count(raw: msgspec.Raw | None) -> int:
    text = b"" if raw is None else bytes(raw)
    return int(text) if text.isdigit() and len(text) < 12 else 0


def _links(raw: msgspec.Raw | None) -> dict[str, str]:
    value = _decoded(raw)
    rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
    pairs = [(row.get("relation"), row.get("url")) for row in rows]
    known = {str(relation): url if url and isinstance(url, str) else " " for relation, url in pairs}
    return {relation: url for relation, url in known.items() if relation in ("next", "self")}


def _entries(raw: msgspec.Raw | None) -> tuple[msgspec.Raw, ...]:
    if raw is None or bytes(raw) == b"null":
        return ()
    try:
        return tuple(_ENTRIES.decode(raw))
    except (msgspec.DecodeError, RecursionError):
        raise FetchFault(Fault.NOT_FHIR) from None


def _look(raw: msgspec.Raw) -> _Entry | None:
    """Return why an entry is there and whose it is; None when it is odd: readers of prefetch tell that."""
    try:
        return _ENTRY.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def _is_foreign(look: _Entry, patient_id: str) -> bool:
    """Whether an entry names another patient; what names none that can be told may be ours."""
    owner = look.resource and (look.resource.subject or look.resource.patient)
    path = owner.reference.partition("/_history/")[0].split("/") if owner else []
    return bool(patient_id) and path[-2:-1] == ["Patient"] and path[-1] != patient_id


def _ignored(link: str, query: Query) -> frozenset[str]:
    """Return the filters of a question that the server, by its self link, did not heed.

    Nothing can be told from a link without a query, or with words of the server's own.
    """
    names = _names(link)
    own = {name for name, _value in query.parameters} | PATIENT_PARAMETERS
    if not names or any(name not in own and not _is_common(name) for name in names):
        return frozenset()
    heeded = names | (PATIENT_PARAMETERS if names & PATIENT_PARAMETERS else frozenset())
    return query.filters - heeded


def _names(link: str) -> frozenset[str]:
    """Return the names of the parameters of an address, without modifiers; none of one that is odd."""
    try:
        pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True, max_num_fields=200)
    except ValueError:
        return frozenset()
    return frozenset(name.partition(":")[0].partition(".")[0] for name, _value in pairs)


def _is_common(name: str) -> bool:
    return name in ("_count", "_sort", "_format", "_pretty", "_total", "_summary", "_elements", "_include")
