"""The outputs that are asked for beside NDJSON, made of the finished rows before anything gets its name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cds_service.batch.outputs.database import write_sqlite
from cds_service.batch.outputs.fhir import write_detected_issues, write_guidance_responses
from cds_service.batch.outputs.tables import write_csv, write_parquet
from cds_service.batch.report.page import write_report
from cds_service.knowledge import Knowledge


def write_outputs(rows: Path, folder: Path, formats: Sequence[str], knowledge: Knowledge) -> list[str]:
    """Write what ``formats`` asks for into ``folder``; return the names of the files, relative to it.

    ``rows`` is where patients.ndjson, findings.ndjson and quarantine.ndjson stand.

    Raises:
        BatchError: A file cannot be written (B005), or a library is not installed (B018).
    """
    patients, findings = rows / "patients.ndjson", rows / "findings.ndjson"
    names = []
    if "csv" in formats:
        write_csv(findings, folder / "findings.csv")
        names.append("findings.csv")
    if "parquet" in formats:
        write_parquet(findings, folder / "findings.parquet")
        names.append("findings.parquet")
    if "sqlite" in formats:
        write_sqlite(rows, folder / "findings.sqlite3")
        names.append("findings.sqlite3")
    if "fhir" in formats:
        issues, responses = "fhir/DetectedIssue.ndjson", "fhir/GuidanceResponse.ndjson"
        write_detected_issues(patients, findings, folder / issues, knowledge)
        write_guidance_responses(patients, findings, folder / responses, knowledge)
        names += [issues, responses]
    return names


def add_report(rows: Path, folder: Path, summary: Mapping[str, Any], timings: Mapping[str, Any]) -> list[str]:
    """Write report.html into ``folder``; return its name. Raises BatchError (B005, B019)."""
    write_report(summary, timings, rows / "quarantine.ndjson", folder / "report.html")
    return ["report.html"]
