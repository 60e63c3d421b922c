"""The summary of a run: totals, rates, what nobody could read, and the proof that nothing was lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from cds_service import __version__
from cds_service.batch import faults
from cds_service.batch.faults import stops
from cds_service.batch.tally import Tally, parts
from cds_service.facts import DataState
from cds_service.fhir import CODES
from cds_service.knowledge import Knowledge
from cds_service.text.neutral import exact

_COUNTED: Final = ("files", "bytes", "documents", "resources", "patients")
_MOST_CODES: Final = 1_000
_ANSWERS: Final = {"match": "matched", "no-match": "notMatched", "unknown": "unknown", "errored": "errored"}
_INDICATORS: Final = ("critical", "warning", "info", "none")


def check(tally: Tally, written: Mapping[str, int]) -> None:
    """Hold what came in against what became of it, and that against the rows that were written.

    Raises:
        BatchError: Something is missing (B008).
    """
    for name in ("files", "documents", "resources", "patients"):
        given, became = tally.given[name], tally.reviewed[name] + tally.quarantined[name]
        if given != became:
            raise stops("B008", "summary", f"{name}: {given} in, {became} reviewed or quarantined")
    if tally.reviewed["patients"] != written["patients"]:
        raise stops("B008", "patients.ndjson", f"{written['patients']} rows")
    if tally.quarantined["rows"] != written["quarantine"]:
        raise stops("B008", "quarantine.ndjson", f"{written['quarantine']} rows")


def summary_of(
    tally: Tally,
    knowledge: Knowledge,
    as_of: str,
    findings: int,
    several: int,
    frames: Mapping[str, Mapping[str, Any]],
) -> dict[str, Any]:
    """Return the summary, sorted: the same run gives the same bytes.

    ``findings`` counts their rows, ``several`` the patients who stand in several documents.
    ``frames`` are title, kind, usual range and the thresholds of the rules for each analyte, in its
    canonical unit (``thresholds.analyte_frames``).
    """
    codes, left_out = _unread(tally)
    return {
        "product": "twitch-cds",
        "version": __version__,
        "knowledgeVersion": knowledge.version,
        "asOf": as_of,
        "input": {name: tally.given[name] for name in _COUNTED},
        "reviewed": {name: tally.reviewed[name] for name in _COUNTED if name != "bytes"},
        "quarantined": {
            **{name: tally.quarantined[name] for name in _COUNTED if name != "bytes"},
            "rows": tally.quarantined["rows"],
            "defects": tally.quarantined["defects"],
        },
        "patientsInSeveralDocuments": several,
        "findings": findings,
        "indicators": {name: tally.indicators[name] for name in _INDICATORS},
        "rules": _rules(tally, knowledge),
        "kinds": _kinds(tally),
        "analytes": _analytes(tally, frames),
        "quarantineReasons": {
            code: {"message": _message(code), "count": count} for code, count in sorted(tally.reasons.items())
        },
        "unreadCodes": codes,
        "unreadCodesLeftOut": left_out,
        "resourceTypes": dict(sorted(tally.resources.items())),
        "incompleteTypes": [name for name, state in tally.states().items() if state is DataState.INCOMPLETE],
        "timings": {"file": "timings.json"},
    }


def _rules(tally: Tally, knowledge: Knowledge) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = defaultdict(dict)
    for rule_id, word, count in parts(tally.rules):
        counts[rule_id][word] = count
    return {
        rule_id: {
            "title": rule.title,
            "group": rule.group,
            **{name: counts[rule_id].get(word, 0) for word, name in _ANSWERS.items()},
            "shown": counts[rule_id].get("shown", 0),
            "byIndicator": {name: counts[rule_id][name] for name in _INDICATORS if name in counts[rule_id]},
        }
        for rule_id, rule in sorted(knowledge.rules.items())
        if rule_id in counts
    }


def _kinds(tally: Tally) -> dict[str, dict[str, int]]:
    kinds: dict[str, dict[str, int]] = defaultdict(dict)
    for kind, state, count in parts(tally.kinds):
        kinds[kind][state] = count
    return dict(kinds)


def _analytes(tally: Tally, frames: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    analytes: dict[str, Any] = {}
    for name, unit, value, count in parts(tally.values):
        row = analytes.setdefault(name, {**frames.get(name, {}), "unit": unit, "patients": 0, "values": {}})
        row["patients"] += count
        row["values"][value] = row["values"].get(value, 0) + count
    for row in analytes.values():
        row["values"] = dict(sorted(row["values"].items(), key=lambda pair: float(pair[0])))
    return analytes


def _unread(tally: Tally) -> tuple[list[dict[str, Any]], int]:
    rows = sorted(parts(tally.unread), key=lambda row: (-row[3], row[:3]))
    told = [
        {"kind": kind, "system": exact(system), "code": exact(code), "count": count}
        for kind, system, code, count in rows[:_MOST_CODES]
    ]
    return told, max(0, len(rows) - _MOST_CODES)


def _message(code: str) -> str:
    known = {**CODES, **faults.CODES}.get(code)
    return known[0] if known else ""
