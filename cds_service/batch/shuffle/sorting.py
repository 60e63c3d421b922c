"""Tell of each JSON text whether it is a record of its own, or whose resource it is."""

from __future__ import annotations

import json
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
_REPORT: Final = "OperationOutcome"
#: What an owner may look like: a Patient, or a name that only the Bundle knew it came from.
_OWNERS: Final = ("Patient/", "urn:")
_LONGEST_OWNER: Final = 1_000
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
    ``code`` is a code of ``faults`` where it cannot be used; a broken text may still have an owner, whose
    data then have a gap. ``is_somebodys``: it is, or may be, of a patient nobody can tell; the data of any
    patient may then have a gap.
    """

    type_name: str = ""
    owner: str = ""
    ident: str = ""
    code: str = ""
    is_somebodys: bool = False

    @property
    def is_record(self) -> bool:
        """Whether it is a Bundle: a record of its own."""
        return self.type_name == _BUNDLE and not self.code

    @property
    def is_shared(self) -> bool:
        """Whether it belongs to no patient and may serve any."""
        return self.type_name == _MEDICATION and not self.code

    @property
    def is_broken(self) -> bool:
        """Whether it is no text of JSON."""
        return self.code in ("F001", "B031")

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
        return _broken(data, "F001")
    name = head.resourceType or ""
    ident = head.id or ""
    if name == _BUNDLE:
        return Sorted(name)
    if not name:
        return Sorted(ident=ident, code="B033" if b'"hookInstance"' in data and b'"hook"' in data else "F004")
    if name not in READ_BY_NAME:
        return Sorted(name, ident=ident, code="" if name in SKIPPED_NAMES else "F011")
    if not _is_utf8(data):
        return _broken(data, "B031")
    if name == _REPORT:
        return Sorted(name, ident=ident, code="F013")
    return _of_patient(name, ident, head)


def _of_patient(name: str, ident: str, head: _Head) -> Sorted:
    if name == _MEDICATION:
        return Sorted(name, ident=ident)
    owner = f"Patient/{ident}" if name == _PATIENT and ident else _owner(head)
    if owner and len(owner) <= _LONGEST_OWNER:
        return Sorted(name, owner, ident)
    return Sorted(name, "", ident, "F015", is_somebodys=not _is_of_something_else(head))


def _is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _head(data: bytes) -> _Head | None:
    try:
        return _decode_head(data)
    except UNREADABLE:
        return _lenient_head(data)


def _owner(head: _Head) -> str:
    """Return the first patient that is named; empty where none is, or only by what would have to be asked."""
    for reference in (head.subject, head.patient):
        text = reference.reference if reference is not None else None
        if text and (_is_owner(key := key_of(text))):
            return _plain(key)
    return ""


def _is_owner(key: str) -> bool:
    """Whether a key names one patient: ``#1`` and ``Patient?identifier=1`` do not, ``Group/1`` is none."""
    return (key.startswith(_OWNERS) or "/" not in key) and not key.startswith("#") and "?" not in key


def _is_of_something_else(head: _Head) -> bool:
    """Whether it says that it is of a group, a device, a place: of no patient."""
    texts = (row.reference for row in (head.subject, head.patient) if row is not None)
    kinds = {key_of(text).partition("/")[0] for text in texts if text}
    return bool(kinds) and kinds <= (READ_BY_NAME.keys() | SKIPPED_NAMES) - {_PATIENT}


def _plain(key: str) -> str:
    """Return the reference of a patient in the one form patients are grouped by."""
    return f"Patient/{key.removeprefix('urn:uuid:')}" if key.startswith("urn:uuid:") else key


def _lenient_head(data: bytes) -> _Head | None:
    """Return the head of a text whose members are of odd types; None when it is no JSON."""
    try:
        tree = _decode_any(data)
    except UNREADABLE:
        tree = _half_a_letter_read(data)
        if tree is None:
            return None
    if not isinstance(tree, dict):
        return _Head()

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


def _half_a_letter_read(data: bytes) -> Any:
    """Return JSON the fast decoder refuses for a lone surrogate, as records are read; None for no JSON."""
    if b"\\ud" not in data.lower():
        return None
    try:
        return json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _broken(data: bytes, code: str) -> Sorted:
    """Return what can be saved of a text that is no JSON."""
    kind, owner, ident = _TYPE.search(data), _OWNER.search(data), _ID.search(data)
    name = kind[1].decode() if kind else ""
    key = key_of(owner[1].decode("utf-8", "replace")) if owner else ""
    whose = _plain(key) if _is_owner(key) else ""
    if name == _PATIENT and ident:
        whose = f"Patient/{ident[1].decode()}"
    is_somebodys = not whose and name != _BUNDLE and name not in SKIPPED_NAMES
    return Sorted(name, whose, ident[1].decode() if ident and name else "", code, is_somebodys)
