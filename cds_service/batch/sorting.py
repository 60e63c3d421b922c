"""Tell of each JSON text whether it is a record of its own, or whose resource it is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from cds_service.fhir.references import key_of
from cds_service.fhir.scan import READ_BY_NAME, SKIPPED_NAMES, UNREADABLE

_BUNDLE_HEAD: Final = re.compile(rb'\s*\{\s*"resourceType"\s*:\s*"Bundle"')
_BUNDLE: Final = "Bundle"
_MEDICATION: Final = "Medication"
_PATIENT: Final = "Patient"
_NOT_PATIENTS: Final = ("Group/", "Device/", "Location/")
#: What can be saved of a line that is no JSON: of which type it was, and whose.
_TYPE: Final = re.compile(rb'"resourceType"\s*:\s*"([A-Z][A-Za-z]{2,60})"')
_OWNER: Final = re.compile(rb'"(?:subject|patient)"\s*:\s*\{\s*"reference"\s*:\s*"([^"\\]{1,200})"')
_ID: Final = re.compile(rb'"id"\s*:\s*"([A-Za-z0-9.\-]{1,64})"')


class _Reference(msgspec.Struct, gc=False):
    reference: str | None = None


class _Head(msgspec.Struct, gc=False):
    resourceType: str | None = None
    id: str | None = None
    subject: _Reference | None = None
    patient: _Reference | None = None


_decode_head: Final = msgspec.json.Decoder(_Head).decode
_decode_any: Final = msgspec.json.Decoder(Any).decode


@dataclass(frozen=True, slots=True)
class Sorted:
    """What a text is.

    ``type_name`` is its resourceType, ``owner`` the reference of its patient, empty where none is told.
    ``code`` is a code of ``fhir.faults`` where it cannot be used; a broken text may still have an owner,
    whose data then have a gap.
    """

    type_name: str = ""
    owner: str = ""
    ident: str = ""
    code: str = ""

    @property
    def is_record(self) -> bool:
        """Whether it is a Bundle: a record of its own."""
        return self.type_name == _BUNDLE and not self.code

    @property
    def is_shared(self) -> bool:
        """Whether it belongs to no patient and may serve any."""
        return self.type_name == _MEDICATION and not self.code

    @property
    def is_read(self) -> bool:
        """Whether facts are read from its type."""
        return self.type_name in READ_BY_NAME

    @property
    def reference(self) -> str:
        """``Type/id``; empty without an id."""
        return f"{self.type_name}/{self.ident}" if self.type_name and self.ident else ""


def sort_text(data: bytes) -> Sorted:
    """Return what a JSON text is; never raises."""
    if _BUNDLE_HEAD.match(data):
        return Sorted(_BUNDLE)
    head = _head(data)
    if head is None:
        return _broken(data)
    name = head.resourceType or ""
    ident = head.id or ""
    if name == _BUNDLE:
        return Sorted(name)
    if name not in READ_BY_NAME:
        return Sorted(name, ident=ident, code="" if name in SKIPPED_NAMES else "F011" if name else "F004")
    owner = f"Patient/{ident}" if name == _PATIENT and ident else _owner(head)
    needs_owner = not owner and name != _MEDICATION
    return Sorted(name, owner, ident, "F015" if needs_owner else "")


def _head(data: bytes) -> _Head | None:
    try:
        return _decode_head(data)
    except UNREADABLE:
        return _lenient_head(data)


def _owner(head: _Head) -> str:
    for reference in (head.subject, head.patient):
        text = reference.reference if reference is not None else None
        if text and not text.startswith("#") and not (key := key_of(text)).startswith(_NOT_PATIENTS):
            return _plain(key)
    return ""


def _plain(key: str) -> str:
    """Return the reference of a patient in the one form patients are grouped by."""
    return f"Patient/{key.removeprefix('urn:uuid:')}" if key.startswith("urn:uuid:") else key


def _lenient_head(data: bytes) -> _Head | None:
    """Return the head of a text whose members are of odd types; None when it is no JSON object."""
    try:
        tree = _decode_any(data)
    except UNREADABLE:
        return None
    if not isinstance(tree, dict):
        return None

    def text(value: Any) -> str | None:
        return value if isinstance(value, str) else None

    def reference(value: Any) -> _Reference | None:
        return _Reference(text(value.get("reference"))) if isinstance(value, dict) else None

    return _Head(
        text(tree.get("resourceType")),
        text(tree.get("id")),
        reference(tree.get("subject")),
        reference(tree.get("patient")),
    )


def _broken(data: bytes) -> Sorted:
    """Return what can be saved of a text that is no JSON."""
    kind, owner, ident = _TYPE.search(data), _OWNER.search(data), _ID.search(data)
    name = kind[1].decode() if kind else ""
    whose = _plain(key_of(owner[1].decode("utf-8", "replace"))) if owner else ""
    if name == _PATIENT and ident:
        whose = f"Patient/{ident[1].decode()}"
    return Sorted(name, whose, ident[1].decode() if ident and name else "", "F001")
