"""The token of one call, and which resource types it covers.

Source: CDS Hooks 2.0.1 "FHIR Authorization"; SMART App Launch 1 and 2, "Scopes".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum

_SCOPE = re.compile(
    r"(?:patient|user|system)/(?P<type>[A-Za-z]+|\*)\.(?P<may>read|write|\*|c?r?u?d?s?)(?P<part>\?\S+)?"
)
_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_MOST_SCOPES = 2_000


class Coverage(StrEnum):
    """How much of a resource type a token covers."""

    FULL = "full"
    PART = "part"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Authorization:
    """What a call sends in ``fhirAuthorization``; the token is shown nowhere and outlives no call.

    ``expires_in`` is in seconds from when the call came. ``patient`` is the patient the token is for,
    empty when none is named.
    """

    token: str = field(repr=False)
    expires_in: int
    scope: str = field(repr=False)
    patient: str = field(default="", repr=False)

    @property
    def is_sendable(self) -> bool:
        """Whether the token can stand in a header."""
        return _TOKEN.fullmatch(self.token) is not None

    def covers(self, resource_type: str, *, search: bool) -> Coverage:
        """Return how much of a type may be read (by id) or searched.

        A scope without a word of SMART in it is a vendor's own: the server decides then. A scope with a
        query (SMART 2) covers a part, from which nothing can be concluded about the rest.
        """
        found = [match for word in self.scope.split()[:_MOST_SCOPES] if (match := _SCOPE.fullmatch(word))]
        if not found:
            return Coverage.FULL
        fitting = [match for match in found if match["type"] in ("*", resource_type) and _may(match, search)]
        if not fitting:
            return Coverage.NONE
        return Coverage.FULL if any(not match["part"] for match in fitting) else Coverage.PART


def _may(match: re.Match[str], search: bool) -> bool:
    if match["may"] in ("read", "*"):
        return True
    return match["may"] != "write" and ("s" if search else "r") in match["may"]
