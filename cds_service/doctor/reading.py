"""What the reader of records set aside, told as troubles; and which codes nobody here knows."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from typing import Final

from cds_service.doctor.troubles import Notes
from cds_service.facts import PatientFacts, SetAside
from cds_service.terminology.store import Systems

#: Code of the reader to kind of trouble (docs/errors.md); what other checks tell already has none.
OF_READER: Final[dict[str, str]] = {
    "F010": "D401",
    "F011": "D402",
    "F012": "D313",
    "F013": "D303",
    "F014": "D316",
    "F015": "D403",
    "F016": "D404",
    "F017": "D314",
    "F018": "D405",
    "F019": "D406",
    "F020": "D407",
    "F021": "D408",
    "F022": "D409",
    "F023": "D410",
    "F024": "D411",
    "F025": "D412",
    "F026": "D413",
    "F027": "D414",
    "F028": "D415",
    "F029": "D416",
    "F030": "D417",
    "F031": "D418",
    "F032": "D419",
    "F033": "D420",
    "F034": "D415",
    "F035": "D421",
    "F036": "D422",
    "F037": "D423",
    "F038": "D423",
    "F039": "D406",
    "F040": "D424",
    "F043": "D424",
    "F041": "D425",
    "F042": "D406",
    "F044": "D427",
    "F050": "D428",
    "F051": "D429",
    "F070": "D005",
    "F071": "D431",
    "F072": "D432",
    "F073": "D433",
    "F074": "D401",
    "F077": "D449",
    "F090": "D117",
    "F091": "D450",
}
#: What the checks of prefetch, envelope and server tell themselves, with more words.
_TOLD_ELSEWHERE: Final = frozenset({"F080", "F081", "F082", "F083", "F084", "F085"})
_NEAR: Final = 0.8
_DIGITS: Final = re.compile(r"\D")
_LONGEST_SYSTEM: Final = 120


def note_set_aside(found: tuple[SetAside, ...], notes: Notes) -> None:
    """Note everything the reader could not use."""
    for item in found:
        if item.code in _TOLD_ELSEWHERE:
            continue
        ident = OF_READER.get(item.code, "D448")
        detail = item.code if ident == "D448" else ""
        notes.add(ident, item.source.pointer + item.part, detail)


def note_unread(facts: PatientFacts, systems: Systems, notes: Notes) -> None:
    """Note code systems nobody here knows, with how many codings they have; never a code."""
    unknown: Counter[str] = Counter()
    known = 0
    for (_kind, system, _code), count in facts.unread_codes.items():
        if not system:
            continue  # told with its place by the look at the resources
        if systems.find(system) is None:
            unknown[system[:_LONGEST_SYSTEM]] += count
        else:
            known += count
    for system, count in sorted(unknown.items()):
        near = _near(system, systems)
        ident, more = ("D443", f": did you mean {near}?") if near else ("D442", "")
        notes.add(ident, "record", f"{system}{more}", count=count)
    if known:
        notes.add("D445", "record", count=known)


def _near(system: str, systems: Systems) -> str:
    """Return the address of a known system that this one seems to mean; empty for none.

    Digits must agree: ICD-11 is no misspelled ICD-10.
    """
    digits = _DIGITS.sub("", system)
    fitting = {name.casefold(): name for name in systems.names if _DIGITS.sub("", name) == digits}
    near = difflib.get_close_matches(system.casefold(), sorted(fitting), n=1, cutoff=_NEAR)
    return systems.uris[systems.names[fitting[near[0]]]] if near else ""
