"""CDS Hooks prefetch values to one record, with what is known of each resource type (invariant I6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from cds_service.errors import NotFhir
from cds_service.facts import DataState, SetAside, Source
from cds_service.fhir.documents import checked_bytes, frozen, read_document
from cds_service.fhir.gathering import MOST_RESOURCES, Gathered
from cds_service.fhir.records import Part, Record, aside
from cds_service.fhir.resources import OperationOutcome

#: What is worse than what, when several keys promise the same resource type.
_BADNESS: Final = {
    DataState.PRESENT: 0,
    DataState.NONE_FOUND: 1,
    DataState.STALE: 2,
    DataState.INCOMPLETE: 3,
    DataState.FAILED: 4,
}
_NO_FAULTS: Final[Mapping[str, str]] = {}


def read_prefetch(
    prefetch: Mapping[str, msgspec.Raw],
    *,
    patient_id: str,
    keys: Mapping[str, tuple[str, ...]],
    faults: Mapping[str, str] = _NO_FAULTS,
) -> Record:
    """Return the record of a hook call's prefetch.

    ``keys`` maps each prefetch key we ask for to the resource types it promises. A key that is absent
    leaves its types not sent, or incomplete where another key brought them too; null or an empty
    Bundle says none were found; an OperationOutcome, a page of HTML or another shape is a failure; a
    next link or a larger total is incomplete. Values under keys we did not ask for are read too:
    nothing sent is ignored. ``faults`` names keys that were not sent and could not be fetched either, with
    the kind of fault in words: their types are a failure.

    Never raises for the content of a value: what cannot be read is FAILED and reported.
    """
    total = Gathered()
    states: dict[str, DataState] = {}
    parts: list[Part] = []
    for key in sorted(prefetch):
        pointer = f"/prefetch/{_escaped(key)}"
        body = bytes(prefetch[key])
        gathered = Gathered(most=MOST_RESOURCES - total.entries)
        state = _read_value(body, pointer, gathered)
        parts.append(Part(pointer, body))
        for name in keys.get(key, ()):
            _merge(states, name, _state_of(name, state, gathered))
        _join(total, gathered)
    failed = [key for key in sorted(faults) if key in keys and key not in prefetch]
    for key in failed:
        for name in keys[key]:
            _merge(states, name, DataState.FAILED)
    unsent = [key for key in sorted(keys) if key not in prefetch and key not in failed]
    _note_unsent(states, {name for key in unsent for name in keys[key]})
    _note_unpromised(states, total)
    return Record(
        "/prefetch",
        tuple(parts),
        frozen(total.groups),
        states,
        DataState.NOT_SENT,
        (*total.set_aside, *(_not_had(key, faults[key]) for key in failed), *map(_not_sent, unsent)),
        patient_id=patient_id,
    )


def _escaped(key: str) -> str:
    """Return a key as it stands in a JSON pointer (RFC 6901), bounded in length."""
    return key[:80].replace("~", "~0").replace("/", "~1")


def _read_value(body: bytes, pointer: str, gathered: Gathered) -> DataState:
    """Read one value; return what it says about all the types its key promises."""
    if body.strip() in (b"", b"null"):
        return DataState.NONE_FOUND
    try:
        read_document(checked_bytes(body, pointer), pointer, gathered)
    except NotFhir as error:
        found = error.issues[0]
        gathered.set_aside.append(aside("F080", Source("", pointer), detail=found.code))
        return DataState.FAILED
    if gathered.outcomes:
        only_outcome = gathered.outcomes >= gathered.resources
        return DataState.FAILED if only_outcome else DataState.INCOMPLETE
    if gathered.incomplete:
        gathered.set_aside.append(aside("F081", Source("", pointer)))
        return DataState.INCOMPLETE
    return DataState.PRESENT


def _state_of(name: str, state: DataState, gathered: Gathered) -> DataState:
    """Return what one value says about one promised type."""
    if state is not DataState.PRESENT:
        return state
    if name in gathered.failed_types:
        return DataState.INCOMPLETE
    return DataState.PRESENT if name in _types(gathered) else DataState.NONE_FOUND


def _types(gathered: Gathered) -> set[str]:
    return {kind.__name__ for kind in gathered.groups if kind is not OperationOutcome}


def _merge(states: dict[str, DataState], name: str, state: DataState) -> None:
    """Join what several keys say of a type: a failure of one is a gap; found by one is found."""
    known = states.get(name)
    if known is None:
        states[name] = state
    elif known.is_known and state.is_known:
        states[name] = min(known, state, key=_BADNESS.__getitem__)
    else:
        states[name] = max(known, state, key=_BADNESS.__getitem__)


def _join(total: Gathered, gathered: Gathered) -> None:
    for kind, group in gathered.groups.items():
        total.groups.setdefault(kind, []).extend(group)
    total.set_aside += gathered.set_aside
    total.entries += gathered.entries
    total.failed_types |= gathered.failed_types


def _note_unsent(states: dict[str, DataState], names: set[str]) -> None:
    """A type of which one key came and another did not is there in part: vital signs prove no laboratory.

    One of which no key came is said to be not sent, other than a type that was never asked for.
    """
    for name in names:
        known = states.setdefault(name, DataState.NOT_SENT)
        if known is not DataState.NOT_SENT:
            states[name] = max(known, DataState.INCOMPLETE, key=_BADNESS.__getitem__)


def _note_unpromised(states: dict[str, DataState], total: Gathered) -> None:
    """A type that came without being promised is there in part: its absence elsewhere proves nothing."""
    for name in _types(total) | total.failed_types:
        if states.get(name, DataState.NOT_SENT) is DataState.NOT_SENT:
            states[name] = DataState.INCOMPLETE


def _not_sent(key: str) -> SetAside:
    return aside("F082", Source("", f"/prefetch/{_escaped(key)}"))


def _not_had(key: str, fault: str) -> SetAside:
    return aside("F083", Source("", f"/prefetch/{_escaped(key)}"), detail=fault)
