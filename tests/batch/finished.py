"""Rows as a finished run has them, made by real reviews of the bundled patients."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import msgspec

from cds_service.catalogue.thresholds import analyte_frames
from cds_service.fhir import read_bundle
from cds_service.findings import Verdict
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.review import Review, review_patient
from cds_service.unread import unread_rows
from tests.fhir_builder.requests import PATIENTS

encode = msgspec.json.Encoder(decimal_format="number").encode
STORIES = sorted(path.parent.name for path in PATIENTS.glob("*/bundle.json"))


@cache
def knowledge() -> Knowledge:
    return load_knowledge()


@cache
def reviewed(story: str) -> Review:
    expected = msgspec.json.decode((PATIENTS / story / "expected.json").read_bytes())
    record = read_bundle((PATIENTS / story / "bundle.json").read_bytes())
    return review_patient(record, knowledge(), as_of=datetime.fromisoformat(expected["asOf"]))


def patient_row(review: Review, file: str) -> dict[str, Any]:
    told = review.extension()
    return {
        "patient": review.facts.patient,
        "file": file,
        "asOf": told["asOf"],
        "counts": told["counts"],
        "findings": len(told["findings"]),
        "setAside": len(review.facts.set_aside),
        "states": told["dataConsidered"]["kinds"],
        **({"outside": told["outside"]} if "outside" in told else {}),
    }


def finding_rows(review: Review, file: str) -> list[dict[str, Any]]:
    rows = review.extension()["findings"]
    place = {"patient": review.facts.patient, "file": file}
    return [
        {
            **place,
            **row,
            "evidence": [{**e, "file": file, "pointer": "/entry/0/resource"} for e in row["evidence"]],
        }
        for row in rows
    ]


def write_rows(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(encode(row) + b"\n" for row in rows))
    return path


def write_run(folder: Path) -> tuple[Path, Path]:
    """Write patients.ndjson and findings.ndjson of all bundled patients, in the order of a run."""
    stories = sorted(STORIES, key=lambda story: reviewed(story).facts.patient)
    reviews = [(reviewed(story), f"patients/{story}/bundle.json") for story in stories]
    patients = write_rows(folder / "patients.ndjson", (patient_row(*one) for one in reviews))
    findings = write_rows(folder / "findings.ndjson", (row for one in reviews for row in finding_rows(*one)))
    return patients, findings


def summary(times: int = 1) -> dict[str, Any]:
    """The summary of a run over the bundled patients, each of them ``times`` times."""
    reviews = [reviewed(story) for story in STORIES]
    unread: Counter[tuple[str, str, str]] = Counter()
    for review in reviews:
        unread.update(review.facts.unread_codes)
    patients = len(reviews) * times
    totals = {"files": patients, "documents": patients, "resources": 20 * patients, "patients": patients}
    tops = Counter(next((f.indicator for f in r.findings if f.rank == 1), "none") for r in reviews)
    kinds: dict[str, Counter[str]] = {}
    for review in reviews:
        for kind, state in review.facts.states.items():
            kinds.setdefault(kind, Counter())[state.value] += times
    return {
        "product": "twitch-cds",
        "version": "0.1.0",
        "knowledgeVersion": knowledge().version,
        "asOf": "2026-11-20T12:00:00+00:00",
        "input": {**totals, "files": patients + times, "resources": totals["resources"] + 3 * times, "bytes": 40_000 * patients},
        "reviewed": totals,
        "quarantined": {"files": times, "documents": 0, "resources": 3 * times, "patients": 0, "rows": 4 * times},
        "rules": _rules(reviews, times),
        "indicators": {name: count * times for name, count in sorted(tops.items())},
        "kinds": {kind: dict(sorted(states.items())) for kind, states in sorted(kinds.items())},
        "unreadCodes": unread_rows({key: count * times for key, count in unread.items()}),
        "unreadCodesLeftOut": 0,
        "quarantineReasons": {"F023": {"message": "has no unit. Send the unit as UCUM code; it is never assumed.", "count": 3 * times}, "B020": {"message": "cannot be read. Check the file and its rights.", "count": times}},
        "analytes": _analytes(reviews, times),
        "timings": {"file": "timings.json"},
    }  # fmt: skip


def timings() -> dict[str, Any]:
    seconds = {"reading": 11.4, "patients": 0.2, "merging": 1.1, "outputs": 0.9, "total": 13.6}
    return {"workers": 2, "seconds": seconds, "patientsPerSecond": 73.5, "megabytesPerSecond": 2.94}


def _rules(reviews: list[Review], times: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for rule in knowledge().rules.values():
        judged = [f for review in reviews for f in review.findings if f.rule_id == rule.id]
        matched = [f for f in judged if f.verdict is Verdict.MATCH]
        found[rule.id] = {
            "title": rule.title,
            "group": rule.group,
            "matched": len(matched) * times,
            "shown": sum(1 for f in matched if f.rank) * times,
            "unknown": sum(1 for f in judged if f.verdict is Verdict.UNKNOWN) * times,
            "errored": 0,
            "byIndicator": {n: c * times for n, c in sorted(Counter(f.indicator for f in matched).items())},
        }
    return found


def _analytes(reviews: list[Review], times: int) -> dict[str, Any]:
    values: dict[str, Counter[Decimal]] = {}
    for review in reviews:
        for name, results in review.facts.numbers.items():
            last = results[-1].value
            if last is not None:
                values.setdefault(name, Counter())[last] += times
    frames = analyte_frames(knowledge())
    return {
        name: {**frames[name], "patients": counts.total(), "values": {format(v, "f"): n for v, n in sorted(counts.items())}}
        for name, counts in sorted(values.items())
    }  # fmt: skip
