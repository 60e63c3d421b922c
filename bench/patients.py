"""Synthetic records of a wanted size, and the table every benchmark prints."""

from __future__ import annotations

import copy
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from cds_service.knowledge import Service

ROOT = Path(__file__).resolve().parents[1]
AS_OF = "2026-11-20T12:00:00Z"
TWITCHING = "lip-twitching-on-furosemide"
WELL = "no-twitching"

_KEYS = {
    "Patient": "patient",
    "Encounter": "encounters",
    "Condition": "problems",
    "Observation": "labs",
    "MedicationRequest": "medicationRequests",
}

#: What a result carries besides its result in a real record.
_BALLAST = {
    "meta": {"versionId": "3", "lastUpdated": "2024-03-02T10:11:12Z", "source": "#laboratory"},
    "text": {
        "status": "generated",
        "div": "<div>" + "Result of the laboratory, for bench only. " * 10 + "</div>",
    },
    "identifier": [{"system": "https://ehr.example/results", "value": "0000-1111-2222"}],
    "encounter": {"reference": "Encounter/visit", "display": "Visit"},
    "performer": [{"reference": "Organization/laboratory", "display": "Example laboratory"}],
    "issued": "2024-03-02T10:11:12Z",
}


def bundle_of(story: str) -> bytes:
    """Return the Bundle of a bundled patient."""
    return (ROOT / "fixtures" / "patients" / story / "bundle.json").read_bytes()


def request_of(story: str, service: Service, wanted_bytes: int = 0) -> bytes:
    """Return a CDS Hooks request with the record of a story, grown with old results to the wanted size."""
    resources = [entry["resource"] for entry in json.loads(bundle_of(story))["entry"]]
    prefetch: dict[str, Any] = dict.fromkeys(service.prefetch)
    for resource in resources:
        key = _KEYS[resource["resourceType"]]
        if key == "patient":
            prefetch[key] = resource
            continue
        name = next(item for item in prefetch if item.split("-")[0] == key)
        searchset = prefetch[name] or {"resourceType": "Bundle", "type": "searchset", "entry": []}
        searchset["entry"].append({"resource": resource})
        prefetch[name] = searchset
    _grow(prefetch, wanted_bytes)
    request = {
        "hook": service.hook,
        "hookInstance": "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
        "context": {"patientId": prefetch["patient"]["id"], "userId": "Practitioner/bench"},
        "prefetch": prefetch,
        "extension": {"org.twitch-cds.asOf": AS_OF},
    }
    return json.dumps(request).encode()


def _grow(prefetch: dict[str, Any], wanted_bytes: int) -> None:
    """Add results of past years until the record has the wanted size."""
    name = next(key for key, value in prefetch.items() if key.startswith("labs") and value)
    entries = prefetch[name]["entry"]
    patterns = [copy.deepcopy(entry) for entry in entries]
    size = len(json.dumps(prefetch))
    number = 0
    while size < wanted_bytes:
        entry = copy.deepcopy(patterns[number % len(patterns)])
        entry["resource"]["id"] = f"old-{number}"
        entry["resource"]["effectiveDateTime"] = f"20{10 + number % 15:02}-0{1 + number % 9}-1{number % 10}"
        entry["resource"].update(_BALLAST)
        entries.append(entry)
        size += len(json.dumps(entry)) + 2
        number += 1


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds of each round, after three that are not counted."""
    for _ in range(3):
        work()
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return times


def percentile(times: Sequence[float], share: float) -> float:
    """Return the time that the given share of rounds did not exceed."""
    return sorted(times)[min(int(len(times) * share), len(times) - 1)]


def median(times: Sequence[float]) -> float:
    """Return the median time."""
    return statistics.median(times)


def show(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table."""
    table = Table(title=title, title_justify="left")
    for name in head:
        table.add_column(name, justify="left" if name == head[0] else "right")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
