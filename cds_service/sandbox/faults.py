"""Spoil an answer of the FHIR endpoint as real servers do: late, failed, HTML, another patient, cut off.

Nothing is kept between requests: which fault there is stands in the address that is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from cds_service.sandbox.records import Library

#: Beyond what the service waits for, in seconds, and never longer than that altogether.
_LONGER, _LONGEST = 0.5, 12.0


class FaultKind(StrEnum):
    """What is wrong with every answer of a spoiled endpoint."""

    SLOW = "slow"
    ERROR = "error"
    HTML = "html"
    OTHER_PATIENT = "other-patient"
    CUT = "cut"


def fault_of(name: str) -> FaultKind | None:
    """Return the fault of a name; None when there is no such fault."""
    return next((kind for kind in FaultKind if kind.value == name), None)


def delay_seconds(limit_seconds: float) -> float:
    """Return how long a slow answer takes where the service waits for ``limit_seconds``."""
    return min(limit_seconds + _LONGER, _LONGEST)


def cut_off(body: bytes) -> bytes:
    """Return the first half of a body, as a connection that breaks leaves it."""
    return body[: len(body) // 2]


HTML_PAGE = "<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"

SERVER_ERROR: Mapping[str, Any] = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "fatal",
            "code": "exception",
            "details": {"text": "The server failed (a fault of the sandbox, switched on by the address)."},
        }
    ],
}


def of_another_patient(patient_id: str, library: Library) -> str:
    """Return the id of the patient that a server mixes up with this one; with an unknown one, the first."""
    ids = [story.patient_id for story in library.stories]
    bare = patient_id.rpartition("/")[2]
    place = ids.index(bare) + 1 if bare in ids else 0
    return ids[place % len(ids)] if ids else patient_id
