"""Codes of records that no value set knows: counted by system and code, never with anything of a patient.

A code nobody reads is not an absent finding. The counts tell a site which local codes to map
(``docs/sites.md``). They are bounded, and so is every text in them: a code is whatever the sender wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.text.neutral import exact

#: (kind of data, code system, code)
UnreadKey = tuple[str, str, str]

_MAX_KEYS = 10_000
_MAX_SYSTEM = 200
_MAX_CODE = 60
_NO_SYSTEM = "(no system)"


class UnreadCodes:
    """Adds up the unread codes of many patients; what does not fit any more is counted without its code.

    Adding in any order gives the same rows as long as no more than ``most`` different codes are met.
    """

    def __init__(self, most: int = _MAX_KEYS) -> None:
        """Start at nothing; keep at most so many different codes."""
        self._most = most
        self._counts: dict[UnreadKey, int] = {}
        self._records: dict[UnreadKey, int] = {}
        self.not_listed = 0

    def add(self, unread: Mapping[UnreadKey, int], records: int = 1) -> None:
        """Add the counts of one patient (``PatientFacts.unread_codes``), or of ``records`` of them."""
        for key, count in _bounded(unread).items():
            if key not in self._counts and len(self._counts) >= self._most:
                self.not_listed += count
                continue
            self._counts[key] = self._counts.get(key, 0) + count
            self._records[key] = self._records.get(key, 0) + records

    def merge(self, other: UnreadCodes) -> None:
        """Add what another counter has gathered, as of a second worker."""
        for key, count in other._counts.items():
            self.add({key: count}, other._records[key])
        self.not_listed += other.not_listed

    def rows(self, most: int | None = None) -> list[dict[str, Any]]:
        """Return kind, system, code, count and number of patients, the most frequent first."""
        rows = unread_rows(self._counts, most)
        return [{**row, "patients": self._records[_key(row)]} for row in rows]


def unread_rows(unread: Mapping[UnreadKey, int], most: int | None = None) -> list[dict[str, Any]]:
    """Return unread codes as rows of kind, system, code and count: the most frequent first."""
    ordered = sorted(_bounded(unread).items(), key=lambda item: (-item[1], item[0]))
    return [
        {"kind": kind, "system": system, "code": code, "count": count}
        for (kind, system, code), count in ordered[:most]
    ]


def _bounded(unread: Mapping[UnreadKey, int]) -> dict[UnreadKey, int]:
    """Return the counts under keys of bounded length, harmless where they are shown."""
    found: dict[UnreadKey, int] = {}
    for (kind, system, code), count in unread.items():
        key = (kind, exact(system, _MAX_SYSTEM) or _NO_SYSTEM, exact(code, _MAX_CODE))
        found[key] = found.get(key, 0) + count
    return found


def _key(row: Mapping[str, Any]) -> UnreadKey:
    return row["kind"], row["system"], row["code"]
