"""All sets of data made by others: read without an exception; all that is unused has place and reason."""

from __future__ import annotations

import gzip
import tarfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.errors import PatientDataError
from cds_service.fhir import CODES, latest_clinical_date, read_bundle
from tests.fhir.builders import facts

DATA = Path(__file__).resolve().parents[3] / "shared" / "fhir-data"
SETS = sorted(path.name for path in DATA.iterdir() if path.is_dir()) if DATA.is_dir() else []
#: Of each set at most so many documents: the run stays short, every file kind is met.
MOST = 700

pytestmark = pytest.mark.skipif(not SETS, reason="the shared FHIR data are not beside the project")


def documents(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.iterdir()):
        if path.name.endswith(".tar.gz"):
            with tarfile.open(path) as archive:
                for member in archive:
                    handle = archive.extractfile(member) if member.isfile() else None
                    if handle is not None and member.name.endswith((".json", ".ndjson")):
                        yield from lines(member.name, handle.read())
        elif path.name.endswith((".json.gz", ".ndjson.gz")):
            yield from lines(path.name, gzip.decompress(path.read_bytes()))


def lines(name: str, data: bytes) -> Iterator[tuple[str, bytes]]:
    if ".ndjson" not in name:
        yield name, data
        return
    rows = [row for row in data.splitlines() if row.strip()]
    for number in range(0, len(rows), max(1, len(rows) // 60)):
        yield f"{name}:{number + 1}", rows[number]


@pytest.mark.parametrize("name", SETS or ["none"])
def test_a_set_is_read_without_an_exception(name: str) -> None:
    outcome: Counter[str] = Counter()
    for where, data in list(documents(DATA / name))[:MOST]:
        try:
            record = read_bundle(data, where=where)
            now = latest_clinical_date(record) or datetime(2026, 11, 20, tzinfo=UTC)
            found = facts(record, as_of=now)
        except PatientDataError as error:
            issue = error.issues[0]
            assert issue.code in CODES and issue.what and issue.remedy
            assert issue.where == where
            outcome[issue.code] += 1
            continue
        outcome["read"] += 1
        for aside in found.set_aside:
            assert aside.code in CODES and aside.reason
            assert aside.source.pointer or aside.source.reference
    assert outcome["read"] > 0


@pytest.mark.parametrize("name", ["synthea-2019-bundles", "smart-stu3-patients"])
def test_patients_of_the_two_large_sets_have_facts(name: str) -> None:
    if name not in SETS:
        pytest.skip("set not there")
    with_labs = with_drugs = patients = 0
    for where, data in documents(DATA / name):
        try:
            found = facts(read_bundle(data, where=where), as_of=datetime(2026, 11, 20, tzinfo=UTC))
        except PatientDataError:
            continue
        patients += 1
        with_labs += any(results for results in found.numbers.values())
        with_drugs += bool(found.drugs)
        assert found.patient.startswith("Patient/")
        assert found.age_days is None or found.age_days > 0
    assert patients >= 25
    assert with_labs >= 20
    assert with_drugs >= 15
