"""Part a record that holds several patients into one record for each; a batch has such Bundles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cds_service.facts import SetAside
from cds_service.fhir.datatypes import Reference
from cds_service.fhir.records import Located, Record, aside, source_of
from cds_service.fhir.references import key_of
from cds_service.fhir.resources import Medication, OperationOutcome, Patient, Resource

#: Types that belong to no patient and may serve every one of them.
SHARED = (Medication,)
_NOT_PATIENTS = ("Group/", "Device/", "Location/")


def split_by_patient(record: Record) -> tuple[list[Record], tuple[SetAside, ...]]:
    """Return one record for each patient, by reference, and what names no patient (F015).

    Each part keeps the places of the whole document and its gaps: a resource that could not be read may
    have been anybody's. What names no patient is nobody's: it is returned, and no part holds it.
    """
    names = _names(record.of(Patient))
    owned: dict[str, dict[type[Resource], list[Located]]] = defaultdict(lambda: defaultdict(list))
    shared: dict[type[Resource], tuple[Located, ...]] = {}
    nobody: list[SetAside] = []
    for kind, group in record.groups.items():
        if kind in SHARED:
            shared[kind] = group
        elif kind is not OperationOutcome:
            for located in group:
                owner = _owner(located, names)
                if owner:
                    owned[owner][kind].append(located)
                else:
                    nobody.append(aside("F015", source_of(located)))
    parts = [_part(record, owner, owned[owner], shared) for owner in sorted(owned)]
    return parts, tuple(nobody)


def _part(
    record: Record,
    owner: str,
    groups: Mapping[type[Resource], list[Located]],
    shared: Mapping[type[Resource], tuple[Located, ...]],
) -> Record:
    ident = owner.removeprefix("Patient/")
    return replace(
        record,
        groups={**shared, **{kind: tuple(group) for kind, group in groups.items()}},
        set_aside=(),
        patient_id=ident,
    )


def _names(patients: tuple[Located, ...]) -> dict[str, str]:
    """Return the reference of a patient by every name a resource may use for it."""
    names: dict[str, str] = {}
    for located in patients:
        _, _, full_url, patient = located
        own = _reference(located)
        names[own] = own
        if full_url:
            names.setdefault(full_url, own)
            names.setdefault(key_of(full_url), own)
        if patient.id:
            names.setdefault(f"urn:uuid:{patient.id}", own)
    return names


def _reference(located: Located) -> str:
    _, _, full_url, patient = located
    return f"Patient/{patient.id}" if patient.id else key_of(full_url) if full_url else ""


def _owner(located: Located, names: Mapping[str, str]) -> str:
    """Return the reference of the patient a resource is or names; empty when it names none."""
    resource = located[3]
    if isinstance(resource, Patient):
        return _reference(located)
    return owner_of(resource.subject, names) or owner_of(resource.patient, names)


def owner_of(reference: Reference | Any, names: Mapping[str, str]) -> str:
    """Return the patient a reference means, by its name there or its own words; empty when it means none."""
    text = reference.reference if reference is not None else None
    if not text or text.startswith("#"):
        return ""
    key = key_of(text)
    return names.get(text) or names.get(key) or ("" if key.startswith(_NOT_PATIENTS) else key)
