"""Words FHIR R4 and HL7 v3/v2 themselves fix: status words, result flags, encounter classes.

Each table names its page in the FHIR R4 specification (hl7.org/fhir/R4). These words belong to the
message format; what is clinical, and what people write, stands in ``terminology/``.
"""

from __future__ import annotations

from collections.abc import Set
from typing import Final

from cds_service.fhir.datatypes import Coding, Concept, Concepts
from cds_service.terminology import ResultWords

# valueset-observation-status, and the DSTU2/STU3 words.
RESULT_USABLE: Final = frozenset(("final", "amended", "corrected", "preliminary"))
RESULT_CORRECTED: Final = frozenset(("amended", "corrected"))
# "unknown" is not among them: a result with it is there, and nobody can tell whether it holds.
RESULT_KNOWN: Final = RESULT_USABLE | {
    "registered",
    "cancelled",
    "entered-in-error",
    "partial",
    "appended",
    "modified",
}
REPORT_USABLE: Final = RESULT_USABLE | {"partial", "appended", "modified"}

# valueset-condition-clinical, valueset-condition-ver-status.
CONDITION_ACTIVE: Final = frozenset(("active", "recurrence", "relapse"))
CONDITION_PAST: Final = frozenset(("inactive", "remission", "resolved"))
WITHDRAWN: Final = frozenset(("entered-in-error",))
REFUTED: Final = frozenset(("refuted",))

# valueset-encounter-status (R4 and R5).
ENCOUNTER_OPEN: Final = frozenset(("arrived", "triaged", "in-progress", "onleave", "on-hold"))
ENCOUNTER_DROPPED: Final = frozenset(("cancelled", "entered-in-error", "planned", "discontinued"))

# valueset-medicationrequest-status and its relatives; valueset-medicationrequest-intent.
REQUEST_STOPPED: Final = frozenset(("stopped", "cancelled", "completed", "ended"))
REQUEST_IGNORED: Final = frozenset(("entered-in-error", "draft", "proposed", "unknown"))
REQUEST_KNOWN: Final = REQUEST_STOPPED | REQUEST_IGNORED | {"active", "on-hold"}
INTENT_TAKEN: Final = frozenset(
    ("order", "plan", "original-order", "instance-order", "reflex-order", "filler-order")
)
# valueset-request-status: an order that is over or was never meant.
ORDER_WITHDRAWN: Final = frozenset(("revoked", "completed", "entered-in-error"))
NOT_DONE: Final = frozenset(
    (
        "not-done",
        "entered-in-error",
        "preparation",
        "cancelled",
        "declined",
        "aborted",
        "suspended",
        "rejected",
        "rescheduled",
        "scheduled",
        "draft",
    )
)

# v3-ActEncounterCode, and the words of DSTU2.
CLASS_SETTING: Final = {
    "IMP": "inpatient",
    "ACUTE": "inpatient",
    "NONAC": "inpatient",
    "OBSENC": "inpatient",
    "SS": "inpatient",
    "EMER": "emergency",
    "INPATIENT": "inpatient",
    "EMERGENCY": "emergency",
}

# v3-ObservationInterpretation and v2-0078.
FLAG_SYSTEMS: Final = frozenset(
    (
        "http://terminology.hl7.org/CodeSystem/v3-ObservationInterpretation",
        "http://terminology.hl7.org/CodeSystem/v2-0078",
        "http://hl7.org/fhir/v2/0078",
        "http://hl7.org/fhir/ValueSet/observation-interpretation",
        "http://hl7.org/fhir/v3/ObservationInterpretation",
        "urn:oid:2.16.840.1.113883.5.83",
    )
)
FLAG_DIRECTION: Final = {
    "L": "low",
    "LL": "low",
    "LU": "low",
    "<": "low",
    "L*": "low",
    "LX": "low",
    "H": "high",
    "HH": "high",
    "HU": "high",
    ">": "high",
    "H*": "high",
    "HX": "high",
    "N": "normal",
}
#: The flag of a (direction, panic mark) said in words.
FLAG_OF: Final = {
    ("low", False): "L",
    ("low", True): "LL",
    ("high", False): "H",
    ("high", True): "HH",
    ("normal", False): "N",
    ("normal", True): "N",
}
FLAG_MARKED: Final = frozenset(("LL", "HH", "AA", "LU", "HU", "L*", "H*"))
FLAG_POSITIVE: Final = frozenset(("POS", "DET", "ABN", "A", "AA"))
FLAG_NEGATIVE: Final = frozenset(("NEG", "ND"))

# valueset-data-absent-reason: what was never measured is missing, not unreadable.
NEVER_MEASURED: Final = frozenset(
    ("not-performed", "not-asked", "asked-declined", "not-applicable", "not-permitted", "unsupported")
)

# v2-0203/v3 test-data tags: security-labels "HTEST".
TEST_TAGS: Final = frozenset(("HTEST",))

#: IPS: entries that only say that nothing is known or nothing is there.
ABSENT_UNKNOWN: Final = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"


def codings(concept: Concept | None) -> list[Coding]:
    """Return the codings of a concept, whether sent as a list or (wrongly) as one object."""
    if concept is None or concept.coding is None:
        return []
    return concept.coding if type(concept.coding) is list else [concept.coding]  # type: ignore[list-item]


def listed(concepts: Concepts) -> list[Concept]:
    """Return concepts as a list, whether sent as a list, as one object or not at all."""
    if concepts is None:
        return []
    return [concepts] if isinstance(concepts, Concept) else concepts


def word_of(value: Concept | str | None) -> str | None:
    """Return the code word of a status sent as a concept (R4) or as a plain word (STU3), trimmed."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip().lower() or None
    for coding in codings(value):
        if coding.code:
            return coding.code.strip().lower()
    return value.text.strip().lower() if value.text else None


def words_of(concept: Concept | None) -> list[str]:
    """Return every text of a concept: its own and its codings' displays, without repeats, in order."""
    if concept is None:
        return []
    texts = [concept.text] if concept.text else []
    texts += [coding.display for coding in codings(concept) if coding.display]
    return list(dict.fromkeys(texts))


def display_of(concept: Concept | None, fallback: str = "") -> str:
    """Return the text a clinician would read for a concept."""
    words = words_of(concept)
    if words:
        return words[0][:200]
    for coding in codings(concept):
        if coding.code:
            return coding.code[:60]
    return fallback


def flags_of(interpretation: Concepts, words: ResultWords) -> set[str]:
    """Return the HL7 result flags of an interpretation, upper case; the code system may be missing."""
    found: set[str] = set()
    for concept in listed(interpretation):
        flags = {flag for coding in codings(concept) if (flag := _flag_of(coding, words))}
        found |= flags or ({_flag_of_text(concept.text, words)} if concept.text else set())
    return found


def _flag_of(coding: Coding, words: ResultWords) -> str:
    if coding.code and (not coding.system or coding.system.rstrip("/") in FLAG_SYSTEMS):
        return coding.code.strip().upper()
    return _flag_of_text(coding.display or "", words)


def _flag_of_text(text: str, words: ResultWords) -> str:
    """Return the flag a word stands for: itself when it is as short as one."""
    found = words.direction(text)
    if found is not None:
        return FLAG_OF[found]
    flag = " ".join(text.upper().split())
    return flag if len(flag) <= 2 else ""


def direction_of(flags: Set[str]) -> str | None:
    """Return low, normal or high when the flags agree on one direction, else None."""
    found = {FLAG_DIRECTION[flag] for flag in flags if flag in FLAG_DIRECTION}
    return found.pop() if len(found) == 1 else None
