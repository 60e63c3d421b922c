"""A record: what was sent about one patient, by resource type, with its places and what could not be read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

from cds_service.facts import DataState, SetAside, Source
from cds_service.fhir.faults import CODES
from cds_service.fhir.resources import Resource

#: A resource with its place: pointer prefix, index in the entry list (-1: none), fullUrl, resource.
Located: TypeAlias = tuple[str, int, "str | None", Any]

#: Of what is set aside for one reason so many are listed: a flood of useless entries makes no flood of words.
MOST_ALIKE: Final = 500


@dataclass(frozen=True, slots=True)
class Part:
    """One JSON document of the record: its place in the input and its original bytes."""

    pointer: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Record:
    """What was sent about one patient, not yet interpreted.

    ``states`` gives what is known per resource type; a type it lacks has ``default_state``.
    ``selections`` is None where the hook has no selection (then every draft counts as selected).
    ``added`` is the place of problems just added, empty for a hook that tells of none. ``entries`` counts
    the resources of a Bundle that was read as one record, readable or not.
    """

    where: str
    parts: tuple[Part, ...] = ()
    groups: Mapping[type[Resource], tuple[Located, ...]] = field(default_factory=dict)
    states: Mapping[str, DataState] = field(default_factory=dict)
    default_state: DataState = DataState.NONE_FOUND
    set_aside: tuple[SetAside, ...] = ()
    drafts: tuple[Located, ...] = ()
    selections: frozenset[str] | None = None
    patient_id: str | None = None
    added: str = ""
    entries: int = 0

    def of(self, *kinds: type[Resource]) -> tuple[Located, ...]:
        """Return the resources of the given types, in the order they were sent."""
        found: tuple[Located, ...] = ()
        for kind in kinds:
            found += self.groups.get(kind, ())
        return found

    def state(self, type_name: str) -> DataState:
        """Return what is known of a resource type."""
        return self.states.get(type_name, self.default_state)

    def noted(self, code: str, pointer: str) -> Record:
        """Return the record with one more thing set aside: a code of ``faults`` and its place."""
        return replace(self, set_aside=(*self.set_aside, aside(code, Source("", pointer))))


def pointer_of(located: Located) -> str:
    """Return the JSON pointer of a resource in the input."""
    prefix, index, _, _ = located
    return prefix if index < 0 else f"{prefix}/entry/{index}/resource"


def source_of(located: Located) -> Source:
    """Return the Source of a resource: ``Type/id`` (empty without id) and its pointer."""
    prefix, index, _, resource = located
    ident = resource.id
    return Source(
        f"{type(resource).__name__}/{ident}" if ident else "",
        prefix if index < 0 else f"{prefix}/entry/{index}/resource",
    )


def aside(
    code: str,
    source: Source,
    *,
    detail: str = "",
    kind: str | None = None,
    name: str | None = None,
    shown: str = "",
    moment: Any = None,
    part: str = "",
) -> SetAside:
    """Return a SetAside whose reason is the sentence of its code; ``detail`` names a field, not a value."""
    what = CODES[code][0]
    return SetAside(
        source, code, f"{what[:-1]} ({detail})." if detail else what, kind, name, shown[:120], moment, part
    )


def first_alike(found: Iterable[SetAside]) -> Iterator[SetAside]:
    """Yield what was set aside, of every code the first 500; one F091 stands for the others of a code."""
    alike: Counter[str] = Counter()
    for item in found:
        alike[item.code] += 1
        if alike[item.code] <= MOST_ALIKE:
            yield item
        elif alike[item.code] == MOST_ALIKE + 1:
            yield aside("F091", item.source, detail=item.code)


def draft_names(located: Located) -> tuple[str, ...]:
    """Return the references by which a selection may name a draft."""
    _, _, full_url, resource = located
    names = [full_url] if full_url else []
    if getattr(resource, "id", None):
        names += [f"{type(resource).__name__}/{resource.id}", resource.id]
    return tuple(names)
