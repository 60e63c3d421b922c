"""The search parameters the sandbox knows, by resource type: name, kind and where the values stand.

Source: FHIR R4 (4.0.1), "Search Parameter Registry". A place is a path through the resource; lists are walked
through, ``[x]`` stands for every type of a choice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from cds_service.sandbox.records import Stored


class Kind(StrEnum):
    """How a parameter is compared (FHIR R4 search, "Search Parameter Types")."""

    TOKEN = "token"
    DATE = "date"
    REFERENCE = "reference"
    STRING = "string"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter of a resource type; ``places`` are the paths of its values."""

    name: str
    kind: Kind
    places: tuple[str, ...]

    def values(self, stored: Stored) -> Iterator[Any]:
        """Yield every value the parameter compares with, as it stands in the resource."""
        if self.name == "_lastUpdated":
            meta = stored.resource.get("meta")
            said = meta.get("lastUpdated") if isinstance(meta, Mapping) else None
            yield from (found for found in (said or stored.updated,) if found is not None)
            return
        for place in self.places:
            yield from _at(stored.resource, place.split("."))


def _at(node: Any, path: list[str]) -> Iterator[Any]:
    if isinstance(node, list):
        for part in node:
            yield from _at(part, path)
    elif not path:
        if node is not None:
            yield node
    elif isinstance(node, Mapping):
        head, rest = path[0], path[1:]
        stem = head.removesuffix("[x]")
        names = [head] if stem == head else sorted(name for name in node if name.startswith(stem))
        for name in names:
            yield from _at(node.get(name), rest)


_EVERYWHERE = {
    "_id": (Kind.TOKEN, "id"),
    "_lastUpdated": (Kind.DATE, "meta.lastUpdated"),
}
_OF_A_PATIENT = {
    "patient": (Kind.REFERENCE, "subject", "patient"),
    "identifier": (Kind.TOKEN, "identifier"),
}
_SUBJECT = {"subject": (Kind.REFERENCE, "subject")}
_STATUS = {"status": (Kind.TOKEN, "status")}
_CODE = {"code": (Kind.TOKEN, "code")}
_CATEGORY = {"category": (Kind.TOKEN, "category")}
_VISIT = {"encounter": (Kind.REFERENCE, "encounter")}
_CONTEXT = {"context": (Kind.REFERENCE, "context")}
_DRUG = {"code": (Kind.TOKEN, "medicationCodeableConcept")}
_CLINICAL = {
    "clinical-status": (Kind.TOKEN, "clinicalStatus"),
    "verification-status": (Kind.TOKEN, "verificationStatus"),
}

#: By type: name -> kind and places, beside what holds for every type.
_BY_TYPE: Mapping[str, Mapping[str, tuple[Any, ...]]] = {
    "Patient": {
        "identifier": (Kind.TOKEN, "identifier"),
        "active": (Kind.TOKEN, "active"),
        "name": (Kind.STRING, "name.family", "name.given", "name.prefix", "name.suffix", "name.text"),
        "family": (Kind.STRING, "name.family"),
        "given": (Kind.STRING, "name.given"),
        "gender": (Kind.TOKEN, "gender"),
        "birthdate": (Kind.DATE, "birthDate"),
    },
    "Encounter": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_STATUS,
        "class": (Kind.TOKEN, "class"),
        "type": (Kind.TOKEN, "type"),
        "reason-code": (Kind.TOKEN, "reasonCode"),
        "date": (Kind.DATE, "period"),
    },
    "Condition": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_CODE,
        **_CATEGORY,
        **_CLINICAL,
        **_VISIT,
        "onset-date": (Kind.DATE, "onsetDateTime", "onsetPeriod"),
        "abatement-date": (Kind.DATE, "abatementDateTime", "abatementPeriod"),
        "recorded-date": (Kind.DATE, "recordedDate"),
    },
    "Observation": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_CODE,
        **_CATEGORY,
        **_STATUS,
        **_VISIT,
        "value-concept": (Kind.TOKEN, "valueCodeableConcept"),
        "date": (Kind.DATE, "effectiveDateTime", "effectivePeriod", "effectiveInstant"),
    },
    "MedicationRequest": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_DRUG,
        **_CATEGORY,
        **_STATUS,
        **_VISIT,
        "intent": (Kind.TOKEN, "intent"),
        "authoredon": (Kind.DATE, "authoredOn"),
    },
    "MedicationStatement": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_DRUG,
        **_CATEGORY,
        **_STATUS,
        **_CONTEXT,
        "effective": (Kind.DATE, "effectiveDateTime", "effectivePeriod"),
    },
    "MedicationAdministration": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_DRUG,
        **_STATUS,
        **_CONTEXT,
        "effective-time": (Kind.DATE, "effectiveDateTime", "effectivePeriod"),
    },
    "MedicationDispense": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_DRUG,
        **_STATUS,
        **_CONTEXT,
        "whenhandedover": (Kind.DATE, "whenHandedOver"),
        "whenprepared": (Kind.DATE, "whenPrepared"),
    },
    "Procedure": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_CODE,
        **_CATEGORY,
        **_STATUS,
        **_VISIT,
        "date": (Kind.DATE, "performedDateTime", "performedPeriod"),
    },
    "DiagnosticReport": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_CODE,
        **_CATEGORY,
        **_STATUS,
        **_VISIT,
        "conclusion": (Kind.TOKEN, "conclusionCode"),
        "issued": (Kind.DATE, "issued"),
        "date": (Kind.DATE, "effectiveDateTime", "effectivePeriod"),
    },
    "FamilyMemberHistory": {
        **_OF_A_PATIENT,
        **_STATUS,
        "code": (Kind.TOKEN, "condition.code"),
        "relationship": (Kind.TOKEN, "relationship"),
        "date": (Kind.DATE, "date"),
    },
    "AllergyIntolerance": {
        **_OF_A_PATIENT,
        **_CATEGORY,
        **_CLINICAL,
        "code": (Kind.TOKEN, "code", "reaction.substance"),
        "criticality": (Kind.TOKEN, "criticality"),
        "type": (Kind.TOKEN, "type"),
        "date": (Kind.DATE, "recordedDate"),
    },
    "QuestionnaireResponse": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_STATUS,
        **_VISIT,
        "authored": (Kind.DATE, "authored"),
    },
    "Immunization": {
        **_OF_A_PATIENT,
        **_STATUS,
        "vaccine-code": (Kind.TOKEN, "vaccineCode"),
        "date": (Kind.DATE, "occurrenceDateTime"),
    },
    "ServiceRequest": {
        **_OF_A_PATIENT,
        **_SUBJECT,
        **_CODE,
        **_CATEGORY,
        **_STATUS,
        **_VISIT,
        "intent": (Kind.TOKEN, "intent"),
        "authored": (Kind.DATE, "authoredOn"),
        "occurrence": (Kind.DATE, "occurrenceDateTime", "occurrencePeriod"),
    },
}

KNOWN_TYPES = frozenset(_BY_TYPE)


def parameters_of(resource_type: str) -> Mapping[str, Parameter]:
    """Return the search parameters of a resource type by name, those of every type for one not listed."""
    return _READY.get(resource_type, _COMMON)


def _made(rows: Mapping[str, tuple[Any, ...]]) -> Mapping[str, Parameter]:
    named = {**_EVERYWHERE, **rows}
    return MappingProxyType({name: Parameter(name, row[0], row[1:]) for name, row in sorted(named.items())})


_COMMON = _made({**_OF_A_PATIENT, **_STATUS})
_READY = {name: _made(rows) for name, rows in _BY_TYPE.items()}
