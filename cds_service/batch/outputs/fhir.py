"""Findings as FHIR R4: a DetectedIssue a finding, a GuidanceResponse a patient; streamed, with ids that stay.

A finding is a possible contributor seen by a rule. It is no diagnosis, so every DetectedIssue is
``preliminary`` and says so in its text.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from cds_service import __version__
from cds_service.batch.finding_rows import EvidenceRow, FindingRow, MissingRow, PatientRow, rows_of
from cds_service.batch.journal import written_whole
from cds_service.catalogue.titles import title_of
from cds_service.facts import KINDS
from cds_service.fhir.states import main_type
from cds_service.knowledge import Knowledge

RULE_SYSTEM: Final = "urn:twitch-cds:rule"
#: Extensions are named below it: rank, role, strength ...
EXTENSIONS: Final = "urn:twitch-cds:finding:"
#: The module a GuidanceResponse names: the service that looks at a whole record.
MODULE: Final = "urn:twitch-cds:service:twitch-patient-view"

_NAMESPACE: Final = uuid.uuid5(uuid.NAMESPACE_URL, "urn:twitch-cds:batch")
_SEVERITY: Final = {"critical": "high", "warning": "moderate", "info": "low"}
_AUTHOR: Final = {"type": "Device", "display": f"twitch-cds {__version__}"}
_CAVEAT: Final = (
    "Possible contributor found by a rule; no diagnosis. For qualified health professionals; incomplete, "
    "needs clinical judgment. For evaluation, not a medical device."
)
_DRUG_TYPES: Final = frozenset(("MedicationRequest", "MedicationStatement", "MedicationAdministration",
                                "MedicationDispense"))  # fmt: skip
_OTHERS: Final = (
    "{} documents name this patient; this one was judged for itself, without what only the others hold."
)
_KNOWN: Final = frozenset(("present", "none-found"))
_REFERENCE: Final = re.compile(r"[A-Z][A-Za-z]{2,40}/[A-Za-z0-9.\-]{1,64}")
_encode = msgspec.json.Encoder(decimal_format="number").encode


class MismatchedRows(ValueError):
    """A finding without the row of its patient: the two files are not of one run."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One reviewed patient with the findings, as the rows tell them."""

    patient: PatientRow
    findings: tuple[FindingRow, ...]


def judged_patients(patients: Path, findings: Path) -> Iterator[Judged]:
    """Yield every patient of two finished files, which are in the same order, in constant memory.

    Raises:
        MismatchedRows: a finding has no patient.
    """
    groups = groupby(rows_of(findings, FindingRow), key=lambda row: row.place)
    place, found = next(groups, (None, iter(())))
    for patient in rows_of(patients, PatientRow):
        if patient.place == place:
            yield Judged(patient, tuple(found))
            place, found = next(groups, (None, iter(())))
        else:
            yield Judged(patient, ())
    if place is not None:
        raise MismatchedRows("findings.ndjson holds a finding whose patient is not in patients.ndjson")


def write_detected_issues(patients: Path, findings: Path, target: Path, knowledge: Knowledge) -> int:
    """Write a DetectedIssue for each finding; return how many. Raises BatchError, MismatchedRows."""
    judged = judged_patients(patients, findings)
    return _write((issue for one in judged for issue in detected_issues(one, knowledge)), target)


def write_guidance_responses(patients: Path, findings: Path, target: Path, knowledge: Knowledge) -> int:
    """Write a GuidanceResponse for each patient; return how many. Raises BatchError, MismatchedRows."""
    return _write((guidance_response(one, knowledge) for one in judged_patients(patients, findings)), target)


def _write(resources: Iterable[Mapping[str, Any]], target: Path) -> int:
    count = 0
    with written_whole(target) as out:
        for resource in resources:
            out.write(_encode(resource) + b"\n")
            count += 1
    return count


# --- DetectedIssue


def detected_issues(judged: Judged, knowledge: Knowledge) -> list[dict[str, Any]]:
    """Return the DetectedIssues of a patient, in the order of the findings."""
    return [_issue(judged.patient, finding, knowledge) for finding in judged.findings]


def _issue(patient: PatientRow, finding: FindingRow, knowledge: Knowledge) -> dict[str, Any]:
    implicated = [e.source for e in finding.evidence if e.source.partition("/")[0] in _DRUG_TYPES]
    severity = _SEVERITY.get(finding.indicator)
    return _filled(
        {
            "resourceType": "DetectedIssue",
            "id": _issue_id(patient, finding),
            "extension": _extensions(finding),
            "status": "preliminary",
            "code": _rule_code(finding.rule_id, knowledge),
            "severity": severity or "",
            "patient": _reference(patient.patient),
            "identifiedDateTime": patient.as_of,
            "author": _AUTHOR,
            "implicated": [_reference(source) for source in dict.fromkeys(implicated)],
            "evidence": [_evidence(item) for item in finding.evidence],
            "detail": f"{finding.summary} ({_CAVEAT})" if finding.summary else _CAVEAT,
        }
    )


def _rule_code(rule_id: str, knowledge: Knowledge) -> dict[str, Any]:
    rule = knowledge.rules.get(rule_id)
    title = "" if rule is None else rule.title
    return _filled({"coding": [_filled({"system": RULE_SYSTEM, "code": rule_id, "display": title})],
                    "text": title or rule_id})  # fmt: skip


def _extensions(finding: FindingRow) -> list[dict[str, Any]]:
    codes = {
        "role": finding.role,
        "strength": finding.strength,
        "cause": finding.cause,
        "branch": finding.branch,
        "folded-into": finding.folded_into,
        "gave-way-to": finding.gave_way_to,
        "held": finding.held,
    }
    found: list[dict[str, Any]] = [
        {"url": EXTENSIONS + name, "valueCode": code} for name, code in codes.items() if code
    ]
    if finding.rank is not None:
        found.append({"url": f"{EXTENSIONS}rank", "valuePositiveInt": finding.rank})
    if finding.stale:
        found.append({"url": f"{EXTENSIONS}stale", "valueString": finding.stale})
    return found


def _evidence(item: EvidenceRow) -> dict[str, Any]:
    detail = [_reference(item.source)] if item.source else []
    return _filled({"code": [{"text": item.text}] if item.text else [], "detail": detail})


def _reference(source: str) -> dict[str, str]:
    """Return a reference where the text is one, else only its words: a JSON pointer is no reference."""
    return {"reference": source} if _REFERENCE.fullmatch(source) else {"display": source or "not named"}


# --- GuidanceResponse


def guidance_response(judged: Judged, knowledge: Knowledge) -> dict[str, Any]:
    """Return the GuidanceResponse of a patient.

    ``data-required`` where a rule could not be answered or asked for something that is not known; what is
    missing stands in ``dataRequirement``. Rules that broke are told as a warning in ``evaluationMessage``.
    """
    patient = judged.patient
    gaps = _gaps(judged)
    is_open = bool(gaps) or patient.counts.get("unknown", 0) > 0
    broken = patient.counts.get("errored", 0)
    contained = [part for part in (_findings_part(judged), _message_part(broken)) if part]
    response = {
        "resourceType": "GuidanceResponse",
        "id": _id("review", patient),
        "contained": contained,
        "moduleUri": MODULE,
        "status": "data-required" if is_open else "success",
        "subject": _reference(patient.patient),
        "occurrenceDateTime": patient.as_of,
        "performer": _AUTHOR,
        "reasonCode": [_rule_code(finding.rule_id, knowledge) for finding in _ranked(judged)],
        "note": [{"text": text} for text in _notes(patient, knowledge)],
        "evaluationMessage": [{"reference": "#message"}] if broken else [],
        "outputParameters": {"reference": "#findings"} if judged.findings else {},
        "dataRequirement": [_requirement(gap, knowledge) for gap in gaps],
    }
    return _filled(response)


def _ranked(judged: Judged) -> list[FindingRow]:
    shown = [finding for finding in judged.findings if finding.rank is not None and not finding.folded_into]
    return sorted(shown, key=lambda finding: finding.rank or 0)


def _notes(patient: PatientRow, knowledge: Knowledge) -> list[str]:
    counts = patient.counts
    rules = counts.get("rules", 0)
    answers = (
        f"Of {rules} rules, {counts.get('matched', 0)} matched, {counts.get('notMatched', 0)} did not, "
        f"{counts.get('unknown', 0)} could not be answered and {counts.get('errored', 0)} failed. "
        f"Knowledge {knowledge.version}."
    )
    outside = f"Outside the scope of the rules: {patient.outside}." if patient.outside else ""
    caveat = _CAVEAT.replace("Possible contributor", "Possible contributors")
    others = _OTHERS.format(patient.documents) if patient.documents > 1 else ""
    return [text for text in (caveat, answers, outside, others) if text]


def _findings_part(judged: Judged) -> dict[str, Any]:
    """Return the contained Parameters that name every DetectedIssue of the patient; empty for none."""
    names = [
        {"name": "finding", "valueReference": {"reference": f"DetectedIssue/{_issue_id(judged.patient, f)}"}}
        for f in judged.findings
    ]
    return {"resourceType": "Parameters", "id": "findings", "parameter": names} if names else {}


def _message_part(broken: int) -> dict[str, Any]:
    if not broken:
        return {}
    text = f"{broken} rules failed and were not answered."
    issue = {"severity": "warning", "code": "incomplete", "diagnostics": text}
    return {"resourceType": "OperationOutcome", "id": "message", "issue": [issue]}


def _gaps(judged: Judged) -> list[tuple[str, str]]:
    """Return what is missing as pairs of kind and name, each once; no name is the whole kind.

    Whole kinds come first, then what rules lack that could not tell, what most of them ask for first, then
    what the findings lack.
    """
    states = judged.patient.states
    kinds = sorted((kind, "") for kind, state in states.items() if state not in _KNOWN)
    lacked = [_named(gap) for gap in judged.patient.missing]
    named = sorted({_named(gap) for finding in judged.findings for gap in finding.missing})
    return [gap for gap in dict.fromkeys((*kinds, *lacked, *named)) if gap[0] in KINDS]


def _named(gap: MissingRow) -> tuple[str, str]:
    return gap.kind, gap.name


def _requirement(gap: tuple[str, str], knowledge: Knowledge) -> dict[str, Any]:
    kind, name = gap
    codes = [{"path": "code", "code": _codes(kind, name, knowledge)}] if name else []
    return _filled({"type": main_type(kind), "mustSupport": ["code"] if name else [], "codeFilter": codes})


def _codes(kind: str, name: str, knowledge: Knowledge) -> list[dict[str, str]]:
    """Return our own name of what is missing and, for a test, every code its result may have."""
    terminology = knowledge.terminology
    own = {"system": f"urn:twitch-cds:{kind}", "code": name, "display": title_of(kind, name, knowledge)}
    analyte = terminology.analytes.get(name) if kind in ("lab", "vital", "survey") else None
    codes = () if analyte is None else analyte.codes
    uris = terminology.systems.uris
    return [own, *({"system": uris[code.system], "code": code.code} for code in codes)]


# --- ids


def _issue_id(patient: PatientRow, finding: FindingRow) -> str:
    return _id(finding.rule_id, patient)


def _id(what: str, patient: PatientRow) -> str:
    """Return an id that is the same in every run over the same file as of the same instant."""
    parts = (patient.patient, what, patient.as_of, patient.file, str(patient.line or ""))
    return str(uuid.uuid5(_NAMESPACE, "\x1f".join(parts)))


def _filled(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that hold something: FHIR knows no empty ones."""
    return {name: value for name, value in members.items() if value not in ("", [], {}, None)}
