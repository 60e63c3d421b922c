"""What is known of each kind of data, from what is known of the resource types that feed it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cds_service.facts import KINDS, DataState
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Record

#: Kind of fact -> resource types that feed it; absence is known once one of the first group is known ...
_FEEDS: Final[dict[str, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    "lab": (("Observation",), ()),
    "vital": (("Observation",), ()),
    "survey": (("Observation",), ("QuestionnaireResponse",)),
    "drug": (
        ("MedicationRequest", "MedicationStatement", "MedicationOrder", "MedicationUsage"),
        ("MedicationAdministration", "MedicationDispense"),
    ),
    "condition": (("Condition",), ()),
    "symptom": (("Condition", "Observation", "Encounter"), ("QuestionnaireResponse",)),
    "procedure": (("Procedure",), ("Immunization",)),
    "report": (("DiagnosticReport", "Observation"), ()),
    "family": (("FamilyMemberHistory",), ()),
    "allergy": (("AllergyIntolerance",), ()),
    "encounter": (("Encounter",), ()),
}
#: ... but never while one of these was asked for and not sent: they lead. A patient's own lists do not.
_LEADING: Final = frozenset(
    ("Condition", "DiagnosticReport", "Encounter", "MedicationRequest", "Observation", "Procedure")
)
_TYPES: Final = sorted({name for groups in _FEEDS.values() for group in groups for name in group})
_WORST_FIRST: Final = (DataState.FAILED, DataState.INCOMPLETE, DataState.STALE)


def main_type(kind: str) -> str:
    """Return the resource type that would bring most of a kind of data. Raises KeyError for no kind."""
    return _FEEDS[kind][0][0]


def kind_states(reading: Reading) -> dict[str, DataState]:
    """Return the state of every kind of data.

    The worst of what was sent counts. A type that was not sent matters where no type was, and where it
    leads: then the kind is there in part.
    """
    record, doubtful = reading.record, reading.doubtful_types
    types = {name: type_state(record, name, name in doubtful) for name in _TYPES}
    return {kind: _state(record, types, *_FEEDS[kind]) for kind in KINDS}


def _state(
    record: Record, types: Mapping[str, DataState], main: tuple[str, ...], more: tuple[str, ...]
) -> DataState:
    main_states = [types[name] for name in main]
    all_states = main_states + [types[name] for name in more]
    for worst in _WORST_FIRST:
        if worst in all_states:
            return worst
    if not any(state.is_known for state in main_states):
        return DataState.NOT_SENT
    if any(record.states.get(name) is DataState.NOT_SENT for name in main if name in _LEADING):
        return DataState.INCOMPLETE
    return DataState.PRESENT if DataState.PRESENT in all_states else DataState.NONE_FOUND


def type_state(record: Record, name: str, is_doubtful: bool = False) -> DataState:
    """Return what is known of a resource type; a resource that could not be used leaves it incomplete."""
    state = record.state(name)
    return DataState.INCOMPLETE if is_doubtful and state.is_known else state
