"""Decide whose data a record holds, and refuse every resource that belongs to somebody else."""

from __future__ import annotations

from typing import Any

from cds_service.fhir.datatypes import Identifier, Reference
from cds_service.fhir.faults import wrong_subject
from cds_service.fhir.records import Located, Record, pointer_of
from cds_service.fhir.references import key_of
from cds_service.fhir.resources import Patient
from cds_service.fhir.scan import READ


class Subject:
    """The patient of one record and the question whether a reference means that patient.

    ``answers`` remembers the literal references met so far and whether they mean this patient.
    """

    def __init__(self, keys: frozenset[str], patient: Patient | None, reference: str) -> None:
        """Take every key by which the patient may be named, and the reference to show."""
        self._keys = keys
        self.patient = patient
        self.reference = reference
        self.answers: dict[str | None, bool] = {}
        self._identifiers = (
            {(item.system, item.value) for item in (patient.identifier or ()) if item.value}
            if patient
            else set()
        )

    def owns(self, reference: Reference | None) -> bool | None:
        """Return True for this patient, False for another one, None when nobody is named."""
        if reference is None:
            return None
        text = reference.reference
        if not text:
            return self._owns_identifier(reference.identifier)
        answer = self.answers.get(text)
        if answer is None:
            answer = self.answers[text] = text in self._keys or key_of(text) in self._keys
        return (
            None if not answer and text.startswith("#") else answer
        )  # a contained patient cannot be compared

    def _owns_identifier(self, identifier: Identifier | None) -> bool | None:
        """Compare a logical reference: the same system with another value is another patient."""
        if identifier is None or not identifier.value or not self._identifiers:
            return None
        if (identifier.system, identifier.value) in self._identifiers:
            return True
        return False if identifier.system in {system for system, _ in self._identifiers} else None


def find_subject(record: Record, patient_id: str | None, without: frozenset[str] = frozenset()) -> Subject:
    """Return the patient of the record; what a Patient at a place in ``without`` says is not known.

    Raises:
        SubjectError: no patient (F006), several without a named one (F007), or not the named one (F008).
            In a hook call the context names the patient: another Patient is then left out like any other
            resource of somebody else, and what only it could have told is not known.
    """
    patients = _distinct(record.of(Patient))
    wanted = _plain_id(patient_id or record.patient_id)
    if wanted:
        chosen = [located for located in patients if located[3].id == wanted or wanted in _names(located)]
        if patients and not chosen and not record.patient_id:
            raise wrong_subject("F008", record.where)
        if len(chosen) > 1:
            raise wrong_subject("F007", record.where, "one id, different birth dates")
        return _subject(chosen[0] if chosen else None, f"Patient/{wanted}", without)
    if len(patients) > 1:
        raise wrong_subject("F007", record.where, f"{len(patients)} Patient resources")
    if patients:
        return _subject(patients[0], "", without)
    return _subject(None, _agreed_reference(record), without)


def _subject(located: Located | None, reference: str, without: frozenset[str]) -> Subject:
    keys = {reference, key_of(reference)} if reference else set()
    patient = None
    if located is not None:
        patient = located[3]
        keys |= set(_names(located))
        reference = f"Patient/{patient.id}" if patient.id else reference or pointer_of(located)
        if pointer_of(located) in without:
            patient = None
    return Subject(frozenset(key for key in keys if key), patient, reference)


def _names(located: Located) -> list[str]:
    _, _, full_url, patient = located
    names = [full_url, key_of(full_url)] if full_url else []
    if patient.id:
        names += [f"Patient/{patient.id}", f"urn:uuid:{patient.id}"]
    return names


def _distinct(patients: tuple[Located, ...]) -> list[Located]:
    """Return one entry for each different patient: the same id twice is one, unless born on two days."""
    seen: dict[tuple[str, str | None], Located] = {}
    for located in sorted(patients, key=lambda located: located[3].birthDate is None):
        name, born = located[3].id or located[2] or pointer_of(located), located[3].birthDate
        if born is not None or all(known != name for known, _ in seen):
            seen.setdefault((name, born), located)
    return list(seen.values())


def _plain_id(patient_id: str | None) -> str:
    return key_of(patient_id).removeprefix("Patient/") if patient_id else ""


def _agreed_reference(record: Record) -> str:
    """Return the one patient all resources name; raise SubjectError when none or several are named."""
    found = {key for kind in READ for located in record.of(kind) if (key := _named(located[3]))}
    if not found:
        raise wrong_subject("F006", record.where)
    if len(found) > 1:
        raise wrong_subject("F007", record.where, "subjects differ and no Patient was sent")
    return found.pop()


def _named(resource: Any) -> str:
    for name in ("subject", "patient"):
        reference = getattr(resource, name, None)
        if reference is not None and reference.reference:
            key = key_of(reference.reference)
            if not key.startswith(("Group/", "Device/", "Location/")):
                return key
    return ""
