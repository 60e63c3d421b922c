"""Part a record that holds several patients into one record for each; a batch has such Bundles."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import replace

from cds_service.facts import SetAside
from cds_service.fhir.datatypes import Reference
from cds_service.fhir.records import Located, Record, aside, source_of
from cds_service.fhir.references import key_of
from cds_service.fhir.resources import Medication, OperationOutcome, Patient, Resource

#: Types that belong to no patient and may serve every one of them.
SHARED = (Medication,)
_NOT_PATIENTS = ("Group/", "Device/", "Location/")


def count_patients(record: Record) -> int:
    """Return how many patients a record is about: told from the references, each looked at once."""
    patients = record.of(Patient)
    own = {_reference(located) for located in patients}
    names = _names(patients)
    texts: set[str | None] = set()
    for kind, group in record.groups.items():
        if kind not in SHARED and kind not in (Patient, OperationOutcome):
            texts.update(
                [r.reference for located in group if (r := located[3].subject or located[3].patient)]
            )
    return len({owner for text in texts if (owner := _owner_of(text, names))} | own)


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
    named: tuple[Reference | None, ...] = (resource.subject, resource.patient)
    owners = (_owner_of(reference.reference, names) for reference in named if reference is not None)
    return next((owner for owner in owners if owner), "")


def _owner_of(text: str | None, names: Mapping[str, str]) -> str:
    """Return the patient a reference means, by its name here or its own words; empty when it means none."""
    if not text or text.startswith("#"):
        return ""
    key = key_of(text)
    return names.get(text) or names.get(key) or ("" if key.startswith(_NOT_PATIENTS) else key)
