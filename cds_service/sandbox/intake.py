"""Take in a record of one's own as a server takes in a transaction: ids given, references made plain.

Without this, a search would pass over all that a Bundle names by the address of an entry.
Source: FHIR R4 (4.0.1), "Resolving references in Bundles", "Transaction Processing Rules", "Conditional
references".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from cds_service.fhir.references import key_of
from cds_service.sandbox.parameters import KNOWN_TYPES
from cds_service.sandbox.records import MOST_RESOURCES, Records, Resource, Stored

_UUID = re.compile(r"urn:uuid:([0-9a-fA-F-]{36})")
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_OWNERS = ("subject", "patient")
_MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Intake:
    """A record that was taken in: ``empty`` entries held no resource."""

    records: Records
    empty: int


@dataclass(frozen=True, slots=True)
class Strangers:
    """Resources of a record that no query for its patient finds: of another patient, or of nobody."""

    of_another: tuple[Stored, ...]
    of_nobody: tuple[Stored, ...]

    def told(self, empty: int = 0) -> dict[str, Any]:
        """Return how many there are, and the first of them by name (JSON-ready)."""
        rows = (*self.of_another, *self.of_nobody)
        return {
            "ofAnother": len(self.of_another),
            "ofNobody": len(self.of_nobody),
            "empty": empty,
            "sources": [f"{row.type}/{row.id}" for row in rows[:_MOST_TOLD]],
        }


def taken_in(sent: Any) -> Intake:
    """Return the records in a Bundle, a list of resources or of Bundles, or one resource.

    A resource without id gets that of its ``fullUrl``, else one of ours (a Patient none of ours). References
    to the ``fullUrl`` of an entry, and conditional and logical ones that mean exactly one resource of the
    record, become ``Type/id``. All others stay as they are.

    Raises:
        ValueError: There is no resource in it, or there are more than ``MOST_RESOURCES``.
    """
    rows = list(_entries(sent))
    found = [(url, node) for url, node in rows if _is_resource(node)]
    if not found:
        raise ValueError("holds no FHIR resource")
    if len(found) > MOST_RESOURCES:
        raise ValueError(f"holds more than {MOST_RESOURCES} resources")
    named = _named(found)
    places = _Places(named)
    records = Records.of(Stored(places.pointed(_with_plain_owner(node, places))) for _, node in named)
    return Intake(records, len(rows) - len(found))


def patient_of(records: Records, wanted: str) -> str:
    """Return the id of the patient a record is about; ``wanted`` names one, empty: there is but one.

    Raises:
        ValueError: It is about nobody, about several, or not about the one that is wanted.
    """
    rows = records.of_type("Patient") or records.resources
    ids = sorted({row.patient_id for row in rows} - {""})
    if wanted and wanted not in ids and all(row.patient_id != wanted for row in records.resources):
        raise ValueError("it is not about that one")
    if not wanted and len(ids) > 1:
        raise ValueError("it is about several, and none is named")
    found = wanted or next(iter(ids), "")
    if not _FHIR_ID.fullmatch(found):
        raise ValueError("it has no Patient with a FHIR id")
    return found


def strangers_to(records: Records, patient_id: str) -> Strangers:
    """Return what is not the patient's: another one's, or nobody's where somebody must be named."""
    others = [row for row in records.resources if row.patient_id != patient_id]
    others = [row for row in others if row.patient_id or row.type in KNOWN_TYPES]
    of_another = [row for row in others if row.patient_id or _names_somebody(row.resource)]
    of_nobody = [row for row in others if not (row.patient_id or _names_somebody(row.resource))]
    return Strangers(tuple(of_another), tuple(of_nobody))


def _names_somebody(resource: Resource) -> bool:
    owners = [owner for name in _OWNERS if isinstance(owner := resource.get(name), Mapping)]
    return any(isinstance(owner.get("reference"), str) and owner["reference"] for owner in owners)


def _entries(sent: Any) -> Iterator[tuple[str, Any]]:
    """Yield address and resource of each entry; a Bundle within is walked through."""
    if isinstance(sent, list):
        for node in sent:
            yield from _entries(node)
    elif isinstance(sent, Mapping) and sent.get("resourceType") == "Bundle":
        entries = sent.get("entry")
        for row in entries if isinstance(entries, list) else ():
            node = row.get("resource") if isinstance(row, Mapping) else None
            url = row.get("fullUrl") if isinstance(row, Mapping) else None
            if isinstance(node, Mapping) and node.get("resourceType") == "Bundle":
                yield from _entries(node)
            else:
                yield url if isinstance(url, str) else "", node
    else:
        yield "", sent


def _is_resource(node: Any) -> bool:
    return isinstance(node, Mapping) and isinstance(node.get("resourceType"), str)


def _named(rows: list[tuple[str, Resource]]) -> list[tuple[str, Resource]]:
    """Return the rows with resources that all have an id, but for a Patient nobody named."""
    taken = {_key(node) for _, node in rows}
    found: list[tuple[str, Resource]] = []
    for index, (url, node) in enumerate(rows):
        if not isinstance(node.get("id"), str) or not node["id"]:
            ident = _id_in(url, str(node["resourceType"])) or _own_id(node, index, taken)
            node = {**node, "id": ident} if ident else node
        found.append((url, node))
    return found


def _id_in(url: str, resource_type: str) -> str:
    """Return the id an address tells: of a UUID, or of ``[base]/Type/id``; empty for any other."""
    uuid = _UUID.fullmatch(url)
    if uuid:
        return uuid[1]
    its_type, _, ident = key_of(url).partition("/")
    return ident if its_type == resource_type and _FHIR_ID.fullmatch(ident) else ""


def _own_id(node: Resource, index: int, taken: set[str]) -> str:
    if node["resourceType"] == "Patient":
        return ""
    ident = f"own-{index}"
    while f"{node['resourceType']}/{ident}" in taken:
        ident += "-"
    return ident


def _key(node: Resource) -> str:
    return f"{node['resourceType']}/{node.get('id', '')}"


class _Places:
    """Finds by any form of reference which resource of the record is meant."""

    def __init__(self, rows: list[tuple[str, Resource]]) -> None:
        known = [(url, node) for url, node in rows if node.get("id")]
        self._plain = {_key(node) for _, node in known}
        self._places: dict[str, str] = {}
        self._holders: dict[tuple[str, str | None, str], set[str]] = defaultdict(set)
        for url, node in known:
            if url:
                self._places.setdefault(url, _key(node))
        for url, node in known:
            for name in (f"urn:uuid:{node['id']}", *((key_of(url),) if url else ())):
                self._places.setdefault(name, _key(node))
            self._keep_identifiers(node)

    def _keep_identifiers(self, node: Resource) -> None:
        rows = node.get("identifier")
        for row in rows if isinstance(rows, list) else [rows]:
            if isinstance(row, Mapping) and isinstance(row.get("value"), str):
                system = row.get("system") or ""
                for said in (system, None) if isinstance(system, str) else (None,):
                    self._holders[node["resourceType"], said, row["value"]].add(_key(node))

    def find(self, reference: str) -> str:
        """Return ``Type/id`` of what a reference means; empty where it is plain already, or nothing here."""
        if reference in self._places:
            return self._places[reference]
        path, question, search = reference.partition("?")
        if question:
            return self._searched(path, search)
        key = key_of(reference)
        return "" if key in self._plain else self._places.get(key, "")

    def _searched(self, path: str, search: str) -> str:
        """Resolve a conditional reference by identifier: the one match, or nothing."""
        name, _, token = search.partition("=")
        if name != "identifier":
            return ""
        system, bar, value = unquote_plus(token).rpartition("|")
        return self.holder(path.rsplit("/", 1)[-1], system if bar else None, value)

    def holder(self, resource_type: str, system: str | None, value: str) -> str:
        """Return the only resource of a type with an identifier; system None: whatever it is, "": none."""
        found = self._holders.get((resource_type, system, value), set())
        return next(iter(found)) if len(found) == 1 else ""

    def pointed(self, node: Any) -> Any:
        """Return a part of a resource with its references made plain; itself where nothing is to be done."""
        if isinstance(node, list):
            parts = [self.pointed(part) for part in node]
            return parts if any(new is not old for new, old in zip(parts, node, strict=True)) else node
        if not isinstance(node, Mapping):
            return node
        changed = {name: new for name, part in node.items() if (new := self.pointed(part)) is not part}
        reference = node.get("reference")
        if isinstance(reference, str) and (place := self.find(reference)):
            changed["reference"] = place
        return {**node, **changed} if changed else node


def _with_plain_owner(node: Resource, places: _Places) -> Resource:
    """Return a resource with the reference to its patient, where an identifier alone names one."""
    for name in _OWNERS:
        owner = node.get(name)
        identifier = owner.get("identifier") if isinstance(owner, Mapping) else None
        if not isinstance(owner, Mapping) or not isinstance(identifier, Mapping) or owner.get("reference"):
            continue
        system, value = identifier.get("system") or "", identifier.get("value")
        if isinstance(system, str) and isinstance(value, str):
            place = places.holder("Patient", system, value)
            return {**node, name: {**owner, "reference": place}} if place else node
    return node
