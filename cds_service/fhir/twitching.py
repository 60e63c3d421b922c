"""Merge all sightings of the twitch into one: evidence level and facets (specification 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from cds_service.facts import Twitch
from cds_service.fhir.reading import Reading, Sighting

_PERSISTENCE: Final = ("spreading", "persistent", "intermittent")

Value = TypeVar("Value")


def merge_twitch(reading: Reading) -> Twitch | None:
    """Return the twitch the current sightings describe together, or None without any."""
    current = sorted(
        (sighting for sighting in reading.sightings if is_current(reading, sighting)), key=_order
    )
    if not current:
        return None
    level = max(sighting.level for sighting in current)
    best = next(sighting for sighting in current if sighting.level == level)
    recorded = [moment for sighting in current if (moment := sighting.recorded) is not None]
    since = [moment for sighting in current if (moment := sighting.since) is not None]
    onsets = [moment for sighting in current if (moment := sighting.onset) is not None]
    courses = {sighting.course for sighting in current}
    return Twitch(
        level,
        best.source,
        best.display,
        _sites(current),
        _side(current),
        min(onsets, key=lambda moment: moment.earliest, default=None),
        min((*recorded, *since), key=lambda moment: moment.earliest, default=None),
        max(recorded, key=lambda moment: moment.latest, default=None),
        next((course for course in _PERSISTENCE if course in courses), None),
        _traits(current),
        all(sighting.patient_reported for sighting in current),
        best.origin,
        tuple(dict.fromkeys(sighting.source for sighting in current)),
    )


def is_current(reading: Reading, sighting: Sighting) -> bool:
    """Whether a sighting counts today: named in the encounter, recent, or chronic and active.

    An active problem without any date counts: the list says that it is there now.
    """
    if sighting.in_encounter:
        return True
    moments = [moment for moment in (sighting.onset, sighting.recorded) if moment is not None]
    if not moments:
        return sighting.active
    age = min(reading.times.now - moment.latest for moment in moments)
    return age <= (reading.recency.twitch_active if sighting.active else reading.recency.twitch)


def _order(sighting: Sighting) -> tuple[int, int, str, str]:
    recorded = sighting.recorded
    return (
        -sighting.level,
        -(recorded.latest if recorded else 0),
        sighting.source.reference,
        sighting.source.pointer,
    )


def _sites(sightings: Iterable[Sighting]) -> frozenset[str]:
    return frozenset().union(*(sighting.sites for sighting in sightings))


def _side(sightings: Iterable[Sighting]) -> str | None:
    sides = {sighting.side for sighting in sightings if sighting.side}
    if not sides:
        return None
    return sides.pop() if len(sides) == 1 else "both"


def _traits(sightings: Iterable[Sighting]) -> dict[str, bool]:
    """Return what is said of the twitch; where records contradict each other nothing is known."""
    said: dict[str, set[bool]] = {}
    for sighting in sightings:
        for name, value in sighting.traits.items():
            said.setdefault(name, set()).add(value)
    return {name: values.pop() for name, values in sorted(said.items()) if len(values) == 1}
