"""Follow references inside a record in all their literal forms; nothing is ever fetched."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Raw

from cds_service.fhir import resources, scan
from cds_service.fhir.records import Located, Record

_TARGETS: Final = (
    resources.Medication,
    resources.Condition,
    resources.Observation,
    resources.Procedure,
    resources.Encounter,
    resources.MedicationRequest,
)

_TYPE_NAMES: Final = frozenset(scan.READ_BY_NAME)


def key_of(reference: str) -> str:
    """Return ``Type/id`` of a literal reference in any of its forms, or the text itself (URNs).

    ``http://server/fhir/Patient/1/_history/2`` becomes ``Patient/1``. A conditional reference
    (``Patient?identifier=1``) is not literal: all of its text tells which resource it means.
    """
    if reference.startswith(("urn:", "#")):
        return reference
    path, question, _ = reference.partition("?")
    parts = path.rstrip("/").split("/")
    if question and parts[-1] in _TYPE_NAMES:
        return reference
    if len(parts) >= 4 and parts[-2] == "_history":
        parts = parts[:-2]
    return "/".join(parts[-2:])


class References:
    """Finds the resources of one record by reference; the index is built when first asked."""

    def __init__(self, record: Record) -> None:
        """Take the record; nothing is indexed yet."""
        self._record = record
        self._index: dict[str, Located] | None = None

    def find(self, reference: str | None, holder: Located | None = None) -> Located | None:
        """Return the resource a reference names, or None when it was not sent.

        ``holder`` is the resource that refers: ``#x`` is looked for among what it contains.
        """
        if not reference or len(reference) > 2000:
            return None
        if reference.startswith("#"):
            return _contained(reference[1:], holder) if holder else None
        index = self._index if self._index is not None else self._build()
        return index.get(reference) or index.get(key_of(reference))

    def _build(self) -> dict[str, Located]:
        index: dict[str, Located] = {}
        drafts = [located for located in self._record.drafts if type(located[3]) in _TARGETS]
        for located in (*self._record.of(*_TARGETS), *drafts):
            _, _, full_url, resource = located
            if full_url:
                index.setdefault(full_url, located)
            if resource.id:
                index.setdefault(f"{type(resource).__name__}/{resource.id}", located)
        self._index = index
        return index


def _contained(ident: str, holder: Located) -> Located | None:
    for raw in contained_of(holder[3].contained):
        try:
            resource = scan.decode_resource.decode(raw)
        except scan.UNREADABLE:
            continue
        if getattr(resource, "id", None) in (ident, f"#{ident}"):
            return (*holder[:3], resource)
    return None


def contained_of(raw: Raw) -> Iterable[Raw]:
    """Return the contained resources of a resource as JSON texts; none when the list is unreadable."""
    if not bytes(raw):
        return ()
    try:
        items: list[Any] = scan.decode_raw_list(raw)
    except scan.UNREADABLE:
        return ()
    return items
