"""When outputs cannot be written: said in words, nothing half-written under its name, and it goes on from there."""

import io
import json
import os
import resource
import sys
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from cds_service.batch import run_batch
from cds_service.cli.batch import command
from cds_service.errors import BatchError
from tests.batch.broken import bundle, lines, patient, result

AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")


@pytest.fixture
def inputs(tmp_path):
    place = tmp_path / "in"
    place.mkdir()
    for n in range(6):
        (place / f"{n}.json").write_bytes(bundle(patient(f"b{n}"), result("o", f"Patient/b{n}")))
    rows = [row for n in range(30) for row in (patient(f"p{n}"), result(f"o{n}", f"Patient/p{n}"))]
    (place / "all.ndjson").write_bytes(lines(*rows, {"resourceType": "Medication", "id": "m"}))
    return place


@contextmanager
def largest_file(size):
    """Let no file of this process grow beyond ``size`` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("workers", [1, 2])
def test_a_disk_that_takes_no_more_stops_the_run_and_it_goes_on(inputs, knowledge, tmp_path, workers):
    run_batch(inputs, tmp_path / "whole", knowledge=knowledge, as_of=AS_OF)
    whole = {name: (tmp_path / "whole" / name).read_bytes() for name in OUTPUTS}
    out, stops, resume = tmp_path / "out", 0, False
    for size in (0, 300, 2_000, 12_000, 20_000, 40_000, 80_000, 1 << 30):
        try:
            with largest_file(size):
                run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF, workers=workers, resume=resume)
        except BatchError as error:
            stops += 1
            assert error.issues[0].code == "B005"
            assert "--resume" in error.issues[0].remedy
        else:
            break
        for name in OUTPUTS:
            assert not (out / name).exists() or (out / name).read_bytes() == whole[name]
        resume = (out / ".work" / "plan.json").exists()
    assert stops > 2
    assert {name: (out / name).read_bytes() for name in OUTPUTS} == whole
    assert not (out / ".work").exists()


def test_a_folder_that_cannot_be_made_is_told(inputs, knowledge, tmp_path):
    (tmp_path / "file").write_text("mine")
    for out in (tmp_path / "file", tmp_path / "file" / "out", "/proc/no/out"):
        with pytest.raises(BatchError, match="B005"):
            run_batch(inputs, out, knowledge=knowledge, as_of=AS_OF)
    assert (tmp_path / "file").read_text() == "mine"


def test_nothing_of_ours_stays_in_a_folder_of_others(inputs, knowledge, tmp_path):
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "notes.txt").write_text("mine")
    with pytest.raises(BatchError, match="B002"):
        run_batch(inputs, tmp_path / "kept", knowledge=knowledge, as_of=AS_OF)
    assert os.listdir(tmp_path / "kept") == ["notes.txt"]


def test_the_standard_input_of_a_run_that_never_began_is_not_taken_for_the_next(
    knowledge, tmp_path, monkeypatch
):
    def ran(ident):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(bundle(patient(ident)))))
        return run_batch("-", tmp_path / "out", knowledge=knowledge, as_of=AS_OF)

    (tmp_path / "out" / ".work").mkdir(parents=True)
    (tmp_path / "out" / ".work" / "stdin").write_bytes(bundle(patient("old")))
    ran("new")
    row = json.loads((tmp_path / "out" / "patients.ndjson").read_text())
    assert (row["patient"], row["file"]) == ("Patient/new", "stdin")


def test_outputs_inside_the_inputs_are_not_read(inputs, knowledge, tmp_path):
    first = run_batch(inputs, inputs / "out", knowledge=knowledge, as_of=AS_OF)
    second = run_batch(inputs, inputs / "again", knowledge=knowledge, as_of=AS_OF)
    assert first["input"] == second["input"]


def test_the_command_line_ends_with_2_and_says_what_to_do(inputs, tmp_path):
    (tmp_path / "file").write_text("mine")
    done = CliRunner().invoke(
        command, [str(inputs), "--out", str(tmp_path / "file" / "out"), "--as-of", "latest"]
    )
    assert isinstance(done.exception, BatchError)
