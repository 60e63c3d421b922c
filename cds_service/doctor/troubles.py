"""One trouble in the form all are shown, and the notes they are gathered in. Never a value of the record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from cds_service.doctor.of_access import ACCESS_KINDS
from cds_service.doctor.of_prefetch import PREFETCH_KINDS
from cds_service.doctor.of_records import RECORD_KINDS
from cds_service.doctor.of_requests import REQUEST_KINDS

#: Places that are shown of one trouble; all are counted.
MOST_PLACES = 5
_LONGEST_DETAIL = 300
_LONGEST_PLACE = 300


class Severity(StrEnum):
    """How much a trouble matters; worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of trouble: what it is, why it matters, what to do.

    ``error``: the service gives no card at all. ``warning``: cards may be missing or incomplete.
    """

    id: str
    severity: Severity
    what: str
    why: str
    fix: str


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        ident: Kind(ident, Severity(severity), what, why, fix)
        for ident, (severity, what, why, fix) in sorted(
            {**REQUEST_KINDS, **PREFETCH_KINDS, **RECORD_KINDS, **ACCESS_KINDS}.items()
        )
    }
)


@dataclass(frozen=True, slots=True)
class Trouble:
    """One kind of trouble at one or more places.

    ``detail`` says which key, type, member or setting; empty where the places say it all. ``places`` are
    the first JSON pointers (at most ``MOST_PLACES``), ``more`` how many others there are.
    ``count`` is how often it is wrong: more than the places where one stands for several things.
    """

    kind: Kind
    detail: str
    places: tuple[str, ...]
    more: int
    count: int


class Notes:
    """Gathers troubles; the same one at many places becomes one."""

    def __init__(self) -> None:
        """Start with none."""
        self._places: dict[tuple[str, str], dict[str, None]] = {}
        self._counts: dict[tuple[str, str], int] = {}

    def add(self, ident: str, where: str = "", detail: str = "", *, count: int = 1) -> None:
        """Take one trouble; ``where`` is a JSON pointer, ``detail`` no value of the record.

        The same trouble at the same place counts once.
        """
        key = (KINDS[ident].id, _plain(detail, _LONGEST_DETAIL))
        places = self._places.setdefault(key, {})
        place = _plain(where or "/", _LONGEST_PLACE)
        if place not in places:
            places[place] = None
            self._counts[key] = self._counts.get(key, 0) + count

    def has(self, *idents: str) -> bool:
        """Whether one of these kinds was met."""
        return any(ident in idents for ident, _detail in self._places)

    @property
    def has_error(self) -> bool:
        """Whether the service gives no card for what was met."""
        return any(KINDS[ident].severity is Severity.ERROR for ident, _detail in self._places)

    def troubles(self) -> tuple[Trouble, ...]:
        """Return all troubles: the worst first, then by id and detail."""
        order = list(Severity)
        rows = sorted(self._places, key=lambda key: (order.index(KINDS[key[0]].severity), *key))
        return tuple(self._trouble(key) for key in rows)

    def _trouble(self, key: tuple[str, str]) -> Trouble:
        places = tuple(self._places[key])
        more = max(len(places) - MOST_PLACES, 0)
        return Trouble(KINDS[key[0]], key[1], places[:MOST_PLACES], more, self._counts[key])


def pointer(base: str, *steps: str | int) -> str:
    """Return a JSON pointer (RFC 6901) below another."""
    return base + "".join(f"/{str(step)[:80].replace('~', '~0').replace('/', '~1')}" for step in steps)


def _plain(text: str, limit: int) -> str:
    """Return a text a terminal can only show: what the sender wrote may stand in keys and systems."""
    return "".join(sign if sign.isprintable() else "?" for sign in text[:limit])
