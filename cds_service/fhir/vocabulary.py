"""Words FHIR R4 and HL7 v3/v2 themselves fix: status words, result flags, encounter classes, answers.

Each table names its page in the FHIR R4 specification (hl7.org/fhir/R4). These words belong to the
message format; what is clinical stands in ``terminology/``.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from typing import Final

from cds_service.fhir.datatypes import Coding, Concept, Concepts

# valueset-observation-status, and the DSTU2/STU3 words.
RESULT_USABLE: Final = frozenset(("final", "amended", "corrected", "preliminary"))
RESULT_CORRECTED: Final = frozenset(("amended", "corrected"))
RESULT_KNOWN: Final = RESULT_USABLE | {
    "registered",
    "cancelled",
    "entered-in-error",
    "unknown",
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
DONE: Final = frozenset(
    ("completed", "in-progress", "in progress", "active", "stopped", "on-hold", "unknown")
)
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
FLAG_MARKED: Final = frozenset(("LL", "HH", "AA", "LU", "HU", "L*", "H*"))
FLAG_POSITIVE: Final = frozenset(("POS", "DET", "ABN", "A", "AA"))
FLAG_NEGATIVE: Final = frozenset(("NEG", "ND"))

#: A result whose whole value is one of these words has a direction and no number (specification 3.1).
DIRECTION_WORDS: Final = {
    "low": "low",
    "decreased": "low",
    "below normal": "low",
    "l": "low",
    "critically low": "low",
    "high": "high",
    "elevated": "high",
    "increased": "high",
    "above normal": "high",
    "h": "high",
    "critically high": "high",
    "normal": "normal",
    "within normal limits": "normal",
}
_MARKED_WORDS: Final = frozenset(("critically low", "critically high"))

#: Words of a specimen note or flag that make a sample unreliable (specification 3.1 "Validity").
SAMPLE_WORDS: Final = (
    "hemoly",
    "haemoly",
    "infusion arm",
    "drip arm",
    "iv arm",
    "contaminat",
    "unsuitable",
    "edta",
    "delayed separation",
    "old sample",
    "clotted",
    "insufficient sample",
)
_SAMPLE_DENIALS: Final = (
    "no hemoly",
    "not hemoly",
    "no haemoly",
    "not haemoly",
    "non-hemoly",
    "non-haemoly",
    "nonhemoly",
    "without hemoly",
    "without haemoly",
    "no evidence of hemoly",
    "not contaminat",
    "hemolysis index normal",
    "hemolysis: none",
    "hemolysis none",
    "hemolysis absent",
    "no evidence of haemoly",
    "no edta",
    "no contaminat",
    "no visible hemoly",
)

# valueset-data-absent-reason: what was never measured is missing, not unreadable.
NEVER_MEASURED: Final = frozenset(
    ("not-performed", "not-asked", "asked-declined", "not-applicable", "not-permitted", "unsupported")
)

_YES: Final = frozenset(
    (
        "yes",
        "y",
        "true",
        "present",
        "positive",
        "pos",
        "detected",
        "observed",
        "found",
        "reported",
        "+",
        "++",
        "+++",
        "1+",
        "2+",
        "3+",
        "4+",
        "abnormal",
        "confirmed",
        "mild",
        "moderate",
        "severe",
        "sometimes",
        "often",
        "always",
        "frequent",
        "constant",
        "intermittent",
    )
)
_NO: Final = frozenset(
    (
        "no",
        "n",
        "false",
        "absent",
        "negative",
        "neg",
        "not detected",
        "not observed",
        "not present",
        "none",
        "not found",
        "denied",
        "denies",
        "never",
        "0",
        "normal",
        "-",
        "not reported",
    )
)

# v2-0203/v3 test-data tags: security-labels "HTEST".
TEST_TAGS: Final = frozenset(("HTEST",))

#: How names of situations begin that speak of the past.
_HISTORY: Final = (
    "history of",
    "past history of",
    "personal history of",
    "past medical history of",
    "h/o",
    "hx of",
    "previous ",
    "resolved ",
)

#: IPS: entries that only say that nothing is known or nothing is there.
ABSENT_UNKNOWN: Final = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips"

_LEFT, _RIGHT, _BOTH = "left", "right", "both"


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


def is_history(texts: Iterable[str]) -> bool:
    """Whether a concept's own name says that it speaks of the past ("History of seizure (situation)")."""
    return any(text.strip().lower().startswith(_HISTORY) for text in texts)


def flags_of(interpretation: Concepts) -> set[str]:
    """Return the HL7 result flags of an interpretation, upper case; the code system may be missing."""
    found: set[str] = set()
    for concept in listed(interpretation):
        flags = {flag for coding in codings(concept) if (flag := _flag_of(coding))}
        found |= flags or ({_flag_of_text(concept.text)} if concept.text else set())
    return found


def _flag_of(coding: Coding) -> str:
    if coding.code and (not coding.system or coding.system.rstrip("/") in FLAG_SYSTEMS):
        return coding.code.strip().upper()
    return _flag_of_text(coding.display or "")


def _flag_of_text(text: str) -> str:
    word = " ".join(text.lower().split())
    return DIRECTION_WORDS.get(word, "")[:1].upper() or (word.upper() if len(word) <= 2 else "")


def direction_of(flags: Set[str]) -> str | None:
    """Return low, normal or high when the flags agree on one direction, else None."""
    found = {FLAG_DIRECTION[flag] for flag in flags if flag in FLAG_DIRECTION}
    return found.pop() if len(found) == 1 else None


def direction_word(text: str | None) -> tuple[str, bool] | None:
    """Return (direction, marked) when a whole text is a direction word, else None."""
    word = " ".join((text or "").lower().split())
    found = DIRECTION_WORDS.get(word)
    return (found, word in _MARKED_WORDS) if found else None


def is_doubtful_sample(text: str) -> bool:
    """Whether a note or flag says the sample cannot be trusted."""
    lower = text.lower()
    if not any(word in lower for word in SAMPLE_WORDS):
        return False
    for denial in _SAMPLE_DENIALS:
        lower = lower.replace(denial, "")
    return any(word in lower for word in SAMPLE_WORDS)


def answer_of(text: str | None) -> bool | None:
    """Return whether an answer word affirms or denies; None for anything else."""
    word = " ".join((text or "").strip().strip(".()").lower().split())
    if word in _NO:
        return False
    return True if word in _YES else None


def side_of(texts: Iterable[str]) -> str | None:
    """Return left, right or both when the texts name exactly that, else None."""
    words = set(
        " ".join(texts)
        .lower()
        .replace("-", " ")
        .replace(",", " ")
        .replace(")", " ")
        .replace("(", " ")
        .split()
    )
    if words & {"bilateral", "bilaterally", _BOTH} or {_LEFT, _RIGHT} <= words:
        return _BOTH
    if _LEFT in words:
        return _LEFT
    return _RIGHT if _RIGHT in words else None
