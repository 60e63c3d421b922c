"""An examination as JSON, with its JSON Schema, and the catalogue of everything that can be found."""

from __future__ import annotations

from typing import Any, Final

from cds_service.doctor.examine import Examination
from cds_service.doctor.troubles import KINDS, Kind, Severity, Trouble

_TEXT: Final = {"type": "string"}
_COUNT: Final = {"type": "integer", "minimum": 0}
_COUNTS: Final = {"type": "object", "additionalProperties": _COUNT}


def _object(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        "additionalProperties": False,
    }


_FINDING: Final = _object(
    {
        "id": {"type": "string", "pattern": "^D[0-9]{3}$"},
        "severity": {"enum": [item.value for item in Severity]},
        "what": _TEXT,
        "why": _TEXT,
        "fix": _TEXT,
        "places": {"type": "array", "items": _TEXT, "minItems": 1},
        "count": {"type": "integer", "minimum": 1},
    },
    {"detail": _TEXT},
)
_ANSWER: Final = _object(
    {
        "status": {"type": "integer", "minimum": 200, "maximum": 599},
        "mended": {"type": "boolean"},
        "cards": _COUNTS,
        "rules": _COUNTS,
        "couldNotTell": {
            "type": "array",
            "items": _object({"kind": _TEXT, "reason": _TEXT, "rules": _COUNT}),
        },
    },
    {"code": {"type": "string", "pattern": "^[A-Z][0-9]{3}$"}},
)
#: JSON Schema of what ``doctor --json`` prints.
SCHEMA: Final = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "What twitch-cds doctor found",
    **_object(
        {
            "input": {"enum": ["cds-hooks-request", "fhir"]},
            "service": _TEXT,
            "asOf": {"type": "string", "format": "date-time"},
            "knowledgeVersion": _TEXT,
            "counts": _object({item.value: _COUNT for item in Severity}),
            "answer": _ANSWER,
            "findings": {"type": "array", "items": _FINDING},
        },
        {"values": {"type": "object"}},
    ),
}


def as_data(found: Examination) -> dict[str, Any]:
    """Return an examination as JSON data; ``values`` is there only where it was asked for."""
    answer = found.answer
    data: dict[str, Any] = {
        "input": "cds-hooks-request" if found.is_call else "fhir",
        "service": found.service,
        "asOf": found.as_of.isoformat(timespec="seconds"),
        "knowledgeVersion": found.knowledge_version,
        "counts": counts(found),
        "answer": {
            "status": answer.status,
            **({"code": answer.code} if answer.code else {}),
            "mended": answer.mended,
            "cards": dict(answer.cards),
            "rules": dict(answer.rules),
            "couldNotTell": [
                {"kind": gap.kind, "reason": gap.reason, "rules": gap.rules} for gap in answer.gaps
            ],
        },
        "findings": [_finding(trouble) for trouble in found.troubles],
    }
    return data | ({"values": dict(answer.values)} if answer.values else {})


def counts(found: Examination) -> dict[str, int]:
    """Return how many findings there are of each severity."""
    severities = [trouble.kind.severity for trouble in found.troubles]
    return {item.value: severities.count(item) for item in Severity}


def catalogue_page() -> str:
    """Return the catalogue of all findings as Markdown."""
    lines = [_HEAD]
    for prefix, title in _CHAPTERS.items():
        kinds = [kind for ident, kind in KINDS.items() if ident.startswith(prefix)]
        lines += [f"## {title}", "", *_TABLE, *map(_row, kinds), ""]
    return "\n".join(lines)


def _row(kind: Kind) -> str:
    return f"| `{kind.id}` | {kind.severity.value} | {kind.what} | {kind.why} | {kind.fix} |"


def _finding(trouble: Trouble) -> dict[str, Any]:
    kind = trouble.kind
    return {
        "id": kind.id,
        "severity": kind.severity.value,
        "what": kind.what,
        **({"detail": trouble.detail} if trouble.detail else {}),
        "why": kind.why,
        "fix": kind.fix,
        "places": list(trouble.places),
        "count": trouble.count,
    }


_HEAD: Final = """# What the doctor can find

`twitch-cds doctor REQUEST.json` examines a captured CDS Hooks call: see
[No card appears](integrate.md#no-card-appears-what-to-do). `make docs` writes this list from the code.

- `error`: the service gives no card at all.
- `warning`: cards may be missing or incomplete.
- `note`: worth knowing.

A finding has places (JSON pointers) and a count, never a value of the record.
"""
_TABLE: Final = ("| id | severity | what | why it matters | what to do |", "|---|---|---|---|---|")
_CHAPTERS: Final = {
    "D0": "The file",
    "D1": "Envelope and context",
    "D2": "FHIR server of the call, and the token for it",
    "D3": "Prefetch",
    "D4": "Resources",
    "D5": "The caller's token (`--token`)",
    "D6": "Answers of the FHIR server (`--fetch`)",
    "D7": "The outcome",
    "D8": "Discovery as the EHR has it (`--discovery`)",
}
