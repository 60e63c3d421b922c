"""A batch as a whole: the same bytes however it is run, and nothing lost."""

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.batch import run_batch
from cds_service.batch.inputs.sources import find_sources
from cds_service.batch.inputs.streams import documents, spans
from cds_service.errors import BatchError

ROOT = Path(__file__).resolve().parents[2]
BUNDLES = sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")


@pytest.fixture
def batch(knowledge, tmp_path):
    """Run a batch into a folder of its own; return the outputs by name."""
    runs = iter(range(100))

    def run(inputs, **options):
        out = tmp_path / f"out{next(runs)}"
        run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF, **options)
        return {name: (out / name).read_bytes() for name in OUTPUTS}

    return run


def rows(output):
    return [json.loads(line) for line in output.splitlines()]


@pytest.fixture
def export(tmp_path):
    """The bundled patients as a bulk export: a file a type, patients mixed."""
    folder = tmp_path / "export"
    folder.mkdir()
    lines = {}
    for path in BUNDLES:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            lines.setdefault(entry["resource"]["resourceType"], []).append(json.dumps(entry["resource"]))
    chance = random.Random(5)
    for name, found in lines.items():
        chance.shuffle(found)
        (folder / f"{name}.ndjson").write_text("\n".join(found) + "\n", encoding="utf-8")
    return folder


def test_one_worker_and_three_write_the_same_bytes_in_any_order_of_files(batch):
    one = batch(BUNDLES, workers=1)
    assert batch(BUNDLES[::-1], workers=3) == one
    assert len(rows(one["patients.ndjson"])) == len(BUNDLES)


def test_an_export_gives_every_patient_the_findings_of_his_bundle(batch, export):
    def told(output):
        return {
            (row["patient"], row["ruleId"], row["strength"], row["indicator"], row["summary"])
            for row in rows(output["findings.ndjson"])
        }

    assert told(batch(export, workers=2)) == told(batch(BUNDLES))


def test_an_export_gives_the_same_bytes_in_files_of_another_order(batch, export, tmp_path):
    one = batch(export)
    for path in export.iterdir():
        packed = gzip.compress(path.read_bytes())
        path.unlink()
        path.with_name(path.name).write_bytes(packed)
    again = batch(export, workers=2)
    assert {name: again[name] for name in OUTPUTS[:3]} == {name: one[name] for name in OUTPUTS[:3]}


def test_what_came_in_was_reviewed_or_quarantined(batch, export):
    summary = json.loads(batch(export)["summary.json"])
    for name in ("files", "documents", "resources", "patients"):
        assert summary["input"][name] == summary["reviewed"][name] + summary["quarantined"][name]
    assert summary["input"]["patients"] == len(BUNDLES)


def test_a_folder_in_use_is_not_written_over(batch, knowledge, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("mine")
    with pytest.raises(BatchError, match="B002"):
        run_batch(BUNDLES[:1], tmp_path / "kept", knowledge=knowledge, as_of=AS_OF)
    assert [path.name for path in (tmp_path / "kept").iterdir() if path.name != ".work"] == ["notes.txt"]


def test_files_of_one_name_are_told_by_the_folders_in_which_they_differ(batch, tmp_path):
    for place in ("here/a", "here/b"):
        (tmp_path / place).mkdir(parents=True)
        (tmp_path / place / "bundle.json").write_bytes(BUNDLES[0].read_bytes())
    found = batch([tmp_path / "here" / "a" / "bundle.json", tmp_path / "here" / "b" / "bundle.json"])
    assert [row["file"] for row in rows(found["patients.ndjson"])] == ["a/bundle.json", "b/bundle.json"]


@pytest.mark.parametrize("most", [1, 5, 1000])
def test_a_limit_holds_over_many_files_and_in_an_export(batch, export, most):
    expected = min(most, len(BUNDLES))
    for inputs in (BUNDLES, export):
        found = batch(inputs, limit=most, workers=2)
        assert len(rows(found["patients.ndjson"])) == expected
        assert batch(inputs, limit=most, workers=1) == found


def test_a_byte_order_mark_costs_no_line_of_a_file_read_in_spans(tmp_path):
    path = tmp_path / "Patient.ndjson"
    path.write_bytes(b"\xef\xbb\xbf" + b'{"resourceType":"Patient","id":"1"}\n' * 90_000)
    (source,) = find_sources([str(path)], tmp_path / "none" / "none")
    parts = spans(source, 1_000_000)
    assert len(parts) > 1
    found = [item for part in parts for item in documents(source, "auto", part)]
    assert found == list(documents(source))
    assert {item.data for item in found} == {b'{"resourceType":"Patient","id":"1"}'}
