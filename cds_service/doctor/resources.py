"""Look at the resources themselves: version of FHIR, codes without system, references that lead nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cds_service.doctor.prefetch import entries_of
from cds_service.doctor.troubles import Notes, pointer

_MOST_RESOURCES: Final = 100_000
_MOST_NODES: Final = 2_000_000
_NO_ZONE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?")
_DATE_NAMES: Final = re.compile(
    r".*(DateTime|Date|Instant)$|start|end|issued|authoredOn|recorded|authored|date"
)
#: Types of other versions than R4, and the version.
_OTHER_TYPES: Final = {
    "MedicationOrder": "DSTU2",
    "DiagnosticOrder": "DSTU2",
    "Conformance": "DSTU2",
    "ProcedureRequest": "STU3",
    "ReferralRequest": "STU3",
    "Sequence": "STU3",
    "MedicationUsage": "R5",
    "RequestOrchestration": "R5",
}
#: Members other versions have: type, member, what it must be like, the version.
_OTHER_MEMBERS: Final[tuple[tuple[str, str, type, str], ...]] = (
    ("Encounter", "class", str, "DSTU2"),
    ("Encounter", "class", list, "R5"),
    ("Encounter", "actualPeriod", dict, "R5"),
    ("Condition", "clinicalStatus", str, "STU3"),
    ("Condition", "verificationStatus", str, "STU3"),
    ("Condition", "dateRecorded", str, "DSTU2"),
    ("Condition", "assertedDate", str, "STU3"),
    ("AllergyIntolerance", "clinicalStatus", str, "STU3"),
    ("AllergyIntolerance", "substance", dict, "DSTU2"),
    ("MedicationStatement", "taken", str, "STU3"),
    ("MedicationStatement", "wasNotTaken", bool, "DSTU2"),
    ("MedicationRequest", "medication", dict, "R5"),
    ("MedicationStatement", "medication", dict, "R5"),
    ("MedicationRequest", "context", dict, "STU3"),
    ("Observation", "related", list, "STU3"),
    ("Procedure", "notPerformed", bool, "STU3"),
    ("DiagnosticReport", "codedDiagnosis", list, "STU3"),
)
_RESULTS: Final = {"Observation": "hasMember", "DiagnosticReport": "result"}
_DOSAGE: Final = {"MedicationRequest": "dosageInstruction", "MedicationStatement": "dosage"}
_CODED: Final = ("code", "medicationCodeableConcept", "vaccineCode")
#: Types in which a text beside the codes is the reason why they were sent at all.
_CODED_TYPES: Final = (
    "Observation",
    "Condition",
    "MedicationRequest",
    "MedicationStatement",
    "MedicationAdministration",
    "MedicationDispense",
    "Procedure",
    "AllergyIntolerance",
    "DiagnosticReport",
    "ServiceRequest",
    "Immunization",
)


def resources_of(document: Any, place: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield every resource of a document with its place; Bundles are looked into, four deep."""
    waiting: list[tuple[str, Any, int]] = [(place, document, 0)]
    for _ in range(_MOST_RESOURCES):
        if not waiting:
            return
        where, node, depth = waiting.pop()
        if not isinstance(node, dict):
            continue
        if node.get("resourceType") != "Bundle":
            yield where, node
        elif depth < 4:
            waiting += [
                (pointer(where, "entry", index, "resource"), entry.get("resource"), depth + 1)
                for index, entry in reversed(list(enumerate(entries_of(node))))
                if isinstance(entry, dict)
            ]


def check_resources(found: list[tuple[str, Mapping[str, Any]]], notes: Notes) -> None:
    """Note what the resources of a call have in common that is wrong."""
    for place, resource in found:
        _check_version(resource, place, notes)
        _check_concept(resource, place, notes)
        _check_result(resource, place, notes)
        _check_dose(resource, place, notes)
        _check_patient(resource, place, notes)
        for where in _times_without_zone(resource, place):
            notes.add("D446", where)
    _check_repeats(found, notes)
    _check_results_sent(found, notes)


def _check_version(resource: Mapping[str, Any], place: str, notes: Notes) -> None:
    name = resource.get("resourceType")
    version = _OTHER_TYPES.get(name) if isinstance(name, str) else None
    for kind, member, form, other in _OTHER_MEMBERS:
        if name == kind and isinstance(resource.get(member), form):
            version = version or other
    if version:
        notes.add("D440", place, f"{name} of {version}")


def _check_concept(resource: Mapping[str, Any], place: str, notes: Notes) -> None:
    if resource.get("resourceType") not in _CODED_TYPES:
        return
    for name in _CODED:
        concept = resource.get(name)
        if not isinstance(concept, dict):
            continue
        codings = _objects(concept.get("coding"))
        coded = [item for item in codings if item.get("code")]
        if not coded and (concept.get("text") or codings):
            notes.add("D441", pointer(place, name), str(resource["resourceType"]))
        elif any(not item.get("system") for item in coded):
            notes.add("D444", pointer(place, name), str(resource["resourceType"]))


def _check_result(resource: Mapping[str, Any], place: str, notes: Notes) -> None:
    if resource.get("resourceType") == "Observation" and resource.get("status") == "preliminary":
        notes.add("D447", place)


def _check_dose(resource: Mapping[str, Any], place: str, notes: Notes) -> None:
    name = _DOSAGE.get(str(resource.get("resourceType")), "")
    for index, dosage in enumerate(_objects(resource.get(name))):
        rates = [dosage, *_objects(dosage.get("doseAndRate"))]
        if not any("doseQuantity" in rate or "doseRange" in rate for rate in rates):
            notes.add("D426", pointer(place, name, index))


def _check_patient(resource: Mapping[str, Any], place: str, notes: Notes) -> None:
    if resource.get("resourceType") == "Patient":
        for index, link in enumerate(_objects(resource.get("link"))):
            if link.get("type") == "replaced-by":
                notes.add("D430", pointer(place, "link", index))


def _check_repeats(found: list[tuple[str, Mapping[str, Any]]], notes: Notes) -> None:
    """Note resources that came twice with the same content; other content is told by the reader."""
    seen: dict[tuple[str, str], str] = {}
    for place, resource in found:
        ident = resource.get("id")
        if not isinstance(ident, str):
            continue
        key = (str(resource.get("resourceType")), ident)
        if key in seen and seen[key] == _canonical(resource):
            notes.add("D315", place)
        else:
            seen.setdefault(key, _canonical(resource))


def _canonical(resource: Mapping[str, Any]) -> str:
    return json.dumps(resource, sort_keys=True, default=str)


def _check_results_sent(found: list[tuple[str, Mapping[str, Any]]], notes: Notes) -> None:
    """Note panels and reports whose results are references to Observations that nobody sent."""
    sent = {f"{item.get('resourceType')}/{item.get('id')}" for _place, item in found}
    for place, resource in found:
        kind = str(resource.get("resourceType"))
        name = _RESULTS.get(kind, "")
        contained = {f"#{item.get('id')}" for item in _objects(resource.get("contained"))}
        targets = [str(item.get("reference")) for item in _objects(resource.get(name))]
        if any(_is_lost(target, sent | contained) for target in targets):
            notes.add("D323", pointer(place, name), f"{kind}.{name}")


def _is_lost(reference: str, sent: set[str]) -> bool:
    """Whether a reference names nothing that was sent; URNs are left to the reader."""
    return not reference.startswith("urn:") and not {reference, "/".join(reference.split("/")[-2:])} & sent


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]


def _times_without_zone(resource: Mapping[str, Any], place: str) -> Iterator[str]:
    waiting: list[tuple[str, str, Any]] = [(place, "", resource)]
    for _ in range(_MOST_NODES):
        if not waiting:
            return
        where, name, node = waiting.pop()
        if isinstance(node, str):
            if _DATE_NAMES.fullmatch(name) and _NO_ZONE.fullmatch(node):
                yield where
        elif isinstance(node, dict):
            items = [(pointer(where, key), key, item) for key, item in node.items()]
            waiting += reversed(items)
        elif isinstance(node, list):
            waiting += reversed([(pointer(where, at), name, item) for at, item in enumerate(node)])


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
