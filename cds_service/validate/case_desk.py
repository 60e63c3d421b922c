"""What every reader of a case shares: the file, the terminology, the moment, and where faults go."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

from cds_service.content import Document, Pointer
from cds_service.errors import Issue
from cds_service.facts import SetAside
from cds_service.terminology import Terminology
from cds_service.validate import case_words as words

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Placed:
    """A value of a case and where in the file it stands."""

    value: Any
    at: Pointer


def lay_over(document: Document, pointers: Iterable[Pointer]) -> dict[str, Any]:
    """Return the patient parts at these places laid over each other, later ones winning.

    Sections that are mappings (labs and the like) are merged one level deep; everything else is
    replaced. Every value is a ``Placed``, every mapping section a dict of them.
    """
    merged: dict[str, Any] = {}
    for pointer in pointers:
        node = document.data
        for step in pointer:
            node = node[step]
        for key, value in node.items():
            if isinstance(value, dict):
                section = merged.setdefault(key, {})
                section.update({name: Placed(part, (*pointer, key, name)) for name, part in value.items()})
            else:
                merged[key] = Placed(value, (*pointer, key))
    return merged


@dataclass
class Desk:
    """Reads strings of one case file and collects every fault and every result set aside."""

    document: Document
    terminology: Terminology
    as_of: datetime
    issues: list[Issue] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)

    def read(self, placed: Placed | None, reader: Callable[..., T], *arguments: Any) -> T | None:
        """Return what a reader makes of its arguments; None, and a fault, when it cannot."""
        try:
            return reader(*arguments)
        except words.WordError as error:
            self.fault(placed, str(error))
        except (OverflowError, ValueError):
            self.fault(placed, "holds a time outside of all calendars")
        return None

    def fault(self, placed: Placed | None, what: str, remedy: str = "") -> None:
        """Note a fault of the case file at the place of a value."""
        where = self.document.where(placed.at if placed else ())
        self.issues.append(Issue(where, "V130", f"{what}.", remedy))


def items_of(placed: Placed | None) -> list[Placed]:
    """Return the entries of a list, or the one entry a single text stands for; ``none`` is no entry."""
    if placed is None or placed.value == "none":
        return []
    if isinstance(placed.value, list):
        return [Placed(item, (*placed.at, index)) for index, item in enumerate(placed.value)]
    return [placed]


def text_of(patient: Mapping[str, Any], key: str, otherwise: str) -> str:
    """Return the text a case says for a key, or ``otherwise``."""
    placed = patient.get(key)
    return otherwise if placed is None else str(placed.value)
