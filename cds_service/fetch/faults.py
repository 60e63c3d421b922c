"""What can go wrong between a question to a FHIR server and its answer, in words fit for logs and cards."""

from __future__ import annotations

from enum import StrEnum


class Fault(StrEnum):
    """Why a question has no usable answer. A word, never an address, a header or a text of the server."""

    NOT_ALLOWED = "address not allowed"
    NO_NAME = "server name not found"
    BROKEN = "no connection, or it broke off"
    TLS = "certificate or encryption refused"
    TIMEOUT = "no answer in time"
    TOO_LARGE = "answer too large"
    UNPACKING = "compression that cannot be undone"
    REDIRECT = "redirected"
    REFUSED = "access refused"
    ABSENT = "not found"
    BUSY = "server busy"
    SERVER = "server error"
    STATUS = "unexpected status"
    NOT_FHIR = "answer is no FHIR"
    OUTCOME = "error report instead of data"
    OTHER_TYPE = "answer of another resource type"
    OTHER_PATIENT = "answer about another patient"
    IGNORED = "question not understood by the server"
    STALE = "outdated copy"
    RESTING = "server failed lately, not asked"
    CROWDED = "too many questions at once"
    SCOPE = "not covered by the token"
    QUESTION = "question cannot be filled in"


#: Faults that say something about the server or the way to it, and not about one question.
OF_THE_SERVER = frozenset({Fault.NO_NAME, Fault.BROKEN, Fault.TLS, Fault.TIMEOUT, Fault.SERVER, Fault.BUSY})
#: Faults after which the same question may succeed.
PASSING = frozenset({Fault.BROKEN, Fault.BUSY, Fault.SERVER})


class FetchFault(Exception):
    """A question failed. Holds the kind of fault and nothing of question, answer or token.

    ``wait`` is how many seconds the server asked to be left alone; None when it said nothing.
    """

    def __init__(self, fault: Fault, wait: float | None = None) -> None:
        """Keep the kind and the wish of the server."""
        super().__init__(fault.value)
        self.fault = fault
        self.wait = wait
