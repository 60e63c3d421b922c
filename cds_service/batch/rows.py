"""What one document gives: rows for the outputs, each with the key it is sorted by, and its counts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

import msgspec

from cds_service.batch.tally import Tally

#: The outputs every run writes, by the name of their file.
STREAMS: Final = ("patients", "findings", "quarantine")
_KEEP: Final = "/.:-_ "
_encode = msgspec.json.Encoder(decimal_format="number").encode


@dataclass(frozen=True, slots=True)
class Place:
    """Where a document stands: its file by the name that is told, its line from 1 (None: the whole file)."""

    file: str
    line: int | None = None

    @property
    def members(self) -> dict[str, Any]:
        """The place as members of a row."""
        return {"file": self.file} if self.line is None else {"file": self.file, "line": self.line}

    @property
    def key(self) -> str:
        """The place as a text that sorts as places do."""
        return f"{_quoted(self.file)}\x01{self.line or 0:012d}"


@dataclass(slots=True)
class Rows:
    """Rows by stream, each ``key TAB json``, and what they add to the summary."""

    patients: list[bytes] = field(default_factory=list)
    findings: list[bytes] = field(default_factory=list)
    quarantine: list[bytes] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    def add(self, other: Rows) -> None:
        """Take in the rows of another document."""
        for name in STREAMS:
            getattr(self, name).extend(getattr(other, name))
        self.tally.add(other.tally)

    def sort(self) -> None:
        """Bring the rows into the order of the outputs."""
        for name in STREAMS:
            getattr(self, name).sort()

    def reviewed(self, patient: str, place: Place, row: Mapping[str, Any]) -> None:
        """Add the row of a patient."""
        self.patients.append(_line((_quoted(patient), place.key), row))

    def found(self, patient: str, place: Place, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add the rows of the findings of a patient, in their order."""
        key = _quoted(patient)
        self.findings += [_line((key, place.key, f"{n:05d}"), row) for n, row in enumerate(rows)]

    def set_aside(
        self,
        place: Place,
        code: str,
        message: str,
        *,
        scope: str,
        pointer: str = "",
        patient: str = "",
        resource: str = "",
    ) -> None:
        """Add a row of what could not be used. ``scope``: file, document, patient, resource, or note."""
        row = {
            **place.members,
            **({"pointer": pointer} if pointer else {}),
            **({"patient": patient} if patient else {}),
            **({"resource": resource} if resource else {}),
            "code": code,
            "message": message,
            "scope": scope,
        }
        self.quarantine.append(
            _line((place.key, _quoted(patient), quote(_padded(pointer), _KEEP), code), row)
        )
        self.tally.quarantined["rows"] += 1
        self.tally.reasons[code] += 1


@lru_cache(maxsize=4096)
def _quoted(text: str) -> str:
    """Return a name as a key: every line of a file asks for the same."""
    return quote(text, _KEEP)


def _padded(pointer: str) -> str:
    """Return a JSON pointer that sorts by its numbers."""
    return "/".join([part.zfill(8) if part.isdigit() else part for part in pointer.split("/")])


def _line(key: Iterable[str], row: Mapping[str, Any]) -> bytes:
    return "\x02".join(key).encode() + b"\t" + _encode(row) + b"\n"
