"""A batch over the address of an export: downloaded, reviewed, stopped, gone on with."""

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cds_service.batch import run_batch
from cds_service.batch.export.access import Clock, ExportAccess
from cds_service.errors import BatchError
from cds_service.fetch import parse_server

from . import server as bad
from .server import ExportServer, ndjson

ROOT = Path(__file__).resolve().parents[3]
BUNDLES = sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))[:12]
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)
OUTPUTS = ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json")


@pytest.fixture(scope="module")
def files():
    """The bundled patients as the files of an export, by name."""
    rows = {}
    for path in BUNDLES:
        for entry in json.loads(path.read_text(encoding="utf-8"))["entry"]:
            rows.setdefault(entry["resource"]["resourceType"], []).append(entry["resource"])
    return {f"{name}.a": ndjson(found) for name, found in sorted(rows.items())}


@pytest.fixture
def server(files):
    with ExportServer(files) as running:
        yield running


@pytest.fixture
def run(server, knowledge, tmp_path):
    """Run a batch over the export, or over a folder; return its outputs."""

    def run(given=None, name="out", **options):
        clock = Clock(now=lambda: datetime.now(UTC), sleep=lambda _: None)
        access = ExportAccess((parse_server(server.base),), stall_seconds=5, clock=clock)
        out = tmp_path / name
        chosen = {"as_of": AS_OF, **options}
        run_batch(given or server.url, out, knowledge=knowledge, exports=access, **chosen)
        return {name: (out / name).read_bytes() for name in OUTPUTS}

    return run


@pytest.fixture
def folder(files, tmp_path):
    """The same export, downloaded by somebody else."""
    path = tmp_path / "export"
    path.mkdir()
    for name, body in files.items():
        (path / f"{name.partition('.')[0]}.000.ndjson").write_bytes(body)
    return path


def findings(output):
    rows = [json.loads(line) for line in output["findings.ndjson"].splitlines()]
    return {(row["patient"], row["ruleId"], row["summary"]) for row in rows}


def test_an_export_is_reviewed_as_a_folder_of_the_same_files(run, folder):
    whole = findings(run(folder, "folder"))
    assert findings(run()) == whole
    assert whole


def test_nothing_of_the_download_is_left(run, tmp_path):
    run()
    assert not (tmp_path / "out" / ".work").exists()


def test_a_type_that_cannot_be_had_is_incomplete_never_absent(run, server):
    server.script[("GET", "/files/Observation.a")] = [bad.status(403)]
    kinds = json.loads(run()["summary.json"])["kinds"]
    assert set(kinds["lab"]) == {"incomplete"}


def test_remarks_of_the_server_cost_nothing(run, server):
    whole = findings(run(name="whole"))
    issue = {"severity": "information", "code": "informational", "diagnostics": "done"}
    server.errors["e"] = ndjson([{"resourceType": "OperationOutcome", "issue": [issue]}])
    output = run()
    assert findings(output) == whole
    assert set(json.loads(output["summary.json"])["kinds"]["lab"]) <= {"present", "none-found"}


def test_a_stopped_download_goes_on_at_the_instant_it_was_begun(run, server, tmp_path):
    whole = run(name="whole")
    server.gone.clear()
    server.script[("GET", "/files/Patient.a")] = [bad.stops_here]
    server.script[("DELETE", "/jobs/2")] = [bad.status(500)]
    with pytest.raises(KeyboardInterrupt):
        run()
    assert not (tmp_path / "out" / "summary.json").exists()
    assert run(resume=True, as_of=None) == whole
    assert server.jobs == 2


def test_a_used_folder_is_refused_before_anything_is_asked(run, server, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("x")
    with pytest.raises(BatchError, match="B002"):
        run()
    assert server.seen == []


def test_there_is_nothing_to_resume(run, server):
    with pytest.raises(BatchError, match="B003"):
        run(resume=True)
    assert server.seen == []


def command(*words, **environment):
    """Run the command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "cds_service", *words],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_command_line_reads_an_export_and_tells_what_it_lacks(server, tmp_path):
    server.waits = 0
    server.tokens = {"secret-1"}
    server.manifest["requiresAccessToken"] = True
    server.script[("GET", "/files/Condition.a")] = [bad.status(404)]
    words = ["batch", server.url, "--out", str(tmp_path / "out"), "--as-of", "2026-11-20", "--workers", "1"]
    done = command(*words, TWITCH_CDS_EXPORT_TOKEN="secret-1", TWITCH_CDS_EXPORT_SERVERS=server.base)
    assert done.returncode == 0, done.stderr
    assert "B052" in done.stderr
    assert "secret-1" not in done.stdout + done.stderr
    assert (tmp_path / "out" / "summary.json").exists()


def test_the_command_line_refuses_a_server_nobody_listed(server, tmp_path):
    done = command("batch", server.url, "--out", str(tmp_path / "out"))
    assert done.returncode != 0
    assert "B041" in done.stderr
    assert server.seen == []
