"""On a disk that is really full a run ends with a clear word, keeps what it did, and goes on to the same bytes."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cds_service.batch import run_batch
from tests.batch.broken import lines, patient, result

from .full_disk import AS_OF, FORMATS, outputs

ROOT = Path(__file__).resolve().parents[2]
UNSHARE = ("unshare", "--map-root-user", "--mount")


def refusal():
    """Return why this machine gives nobody a file system of his own; empty where it does."""
    if shutil.which("unshare") is None:
        return "unshare (util-linux) is missing"
    asked = [*UNSHARE, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]
    done = subprocess.run(asked, capture_output=True, text=True)
    return f"the kernel gives no mounts of one's own: {done.stderr.strip()}" if done.returncode else ""


@pytest.fixture(scope="module")
def given(tmp_path_factory):
    """Patients in Bundles and, many more, on lines whose resources wait for them."""
    folder = tmp_path_factory.mktemp("given")
    for path in sorted((ROOT / "fixtures" / "patients").glob("*/bundle.json"))[:8]:
        shutil.copy(path, folder / f"{path.parent.name}.json")
    for name in ("a", "b", "c"):
        rows = [result(f"{name}{n}", f"Patient/p{n % 60}") for n in range(700)]
        (folder / f"{name}.ndjson").write_bytes(lines(*rows))
    (folder / "Patient.ndjson").write_bytes(lines(*(patient(f"p{n}") for n in range(60))))
    (folder / "Medication.ndjson").write_bytes(lines({"resourceType": "Medication", "id": "m"}))
    return folder


@pytest.fixture(scope="module")
def undisturbed(given, knowledge, tmp_path_factory):
    out = tmp_path_factory.mktemp("whole") / "out"
    summary = run_batch(given, out, knowledge=knowledge, as_of=AS_OF, formats=FORMATS)
    assert summary["findings"] > 5
    return outputs(out)


@pytest.fixture(scope="module")
def seen(given, tmp_path_factory):
    if reason := refusal():
        pytest.skip(reason)
    disk = tmp_path_factory.mktemp("disk")
    asked = [*UNSHARE, sys.executable, "-m", "tests.batch.full_disk", str(given), str(disk)]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3_000:]
    assert not list(disk.iterdir()), "the disk was none of its own"
    return json.loads(done.stdout)


pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("full disk")]


def test_a_run_that_is_given_room_bit_by_bit_ends_with_the_bytes_of_one_that_had_it(seen, undisturbed):
    *stopped, last = seen["growing"]
    assert last["outputs"] == undisturbed
    assert {row["code"] for row in stopped} == {"B005", "B009"}
    assert {row["stage"] for row in stopped} >= {"begin", "reading", "outputs"}


def test_what_has_its_final_name_is_whole(seen, undisturbed):
    for row in [*seen["growing"], *(row for pair in seen["taken"] for row in pair)]:
        assert row["outputs"].items() <= undisturbed.items()
        assert "summary.json" in row["outputs"] or row["code"]


def test_too_small_a_disk_is_refused_before_anything_is_read(seen):
    refused = [row for row in seen["growing"] if row["code"] == "B009"]
    assert {row["stage"] for row in refused} == {"begin"}
    for row in refused:
        assert "for what waits for its patient" in row["text"]


def test_room_that_another_program_takes_stops_a_run_and_nothing_is_lost(seen, undisturbed):
    for stopped, last in seen["taken"]:
        assert stopped["code"] == "B005"
        assert "No space left on device" in stopped["text"]
        assert "--resume" in stopped["text"]
        assert stopped["stage"] == "reading"
        assert last["outputs"] == undisturbed


def test_the_command_ends_with_2_and_one_clear_message(seen):
    told = seen["command"]
    assert told["code"] == 2
    assert told["out"] == ""
    assert "B009" in told["err"]
    assert "Make room" in told["err"]
    assert "Traceback" not in told["err"]
