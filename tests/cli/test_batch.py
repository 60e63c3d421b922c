"""The batch as a person runs it: exit codes, a closing table, a bar at a terminal, Ctrl-C and going on."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time

import pytest

from tests.batch.export import server as bad
from tests.batch.export.server import ExportServer

from .conftest import PATIENT, ROOT, WELL

AS_OF = ("--as-of", "2026-11-20")


def summary(folder):
    return json.loads((folder / "summary.json").read_text(encoding="utf-8"))


def test_a_batch_closes_with_a_table_and_the_rules_that_matched(run, tmp_path):
    code, out, err = run("batch", PATIENT.parent, WELL.parent, "--out", tmp_path / "out", *AS_OF)
    assert (code, err) == (0, "")
    assert "│ patients " in out
    assert "hypokalemia-drug" in out
    assert summary(tmp_path / "out")["input"]["patients"] == 2


def test_strict_ends_with_1_when_anything_was_quarantined(run, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert run("batch", WELL, broken, "--out", tmp_path / "a", *AS_OF)[0] == 0
    code, out, _err = run("batch", WELL, broken, "--out", tmp_path / "b", *AS_OF, "--strict")
    assert code == 1
    assert "quarantined" in out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("no-such-file.json",), "B001"),
        ((WELL, "--format", "xlsx"), "B010"),
        ((WELL, "--rules", "no-such-rule"), "B011"),
        ((WELL, "--resume"), "B003"),
    ],
)
def test_what_cannot_begin_is_told_with_code_2(run, tmp_path, words, told):
    code, out, err = run("batch", *words, "--out", tmp_path / "out", *AS_OF)
    assert (code, out) == (2, "")
    assert told in err


def test_only_the_named_rules_are_judged(run, tmp_path):
    run("batch", PATIENT, "--out", tmp_path / "out", *AS_OF, "--rules", "hypokalemia, hypocalcemia")
    assert set(summary(tmp_path / "out")["rules"]) == {"hypokalemia", "hypocalcemia"}


def test_limit_stops_after_so_many_patients(run, tmp_path):
    run("batch", ROOT / "fixtures" / "patients", "--out", tmp_path / "out", *AS_OF, "--limit", 3)
    assert summary(tmp_path / "out")["reviewed"]["patients"] == 3


def test_a_terminal_shows_how_far_it_is(tmp_path):
    text, code = at_a_terminal(tmp_path, ROOT / "fixtures" / "patients", stop_at=None)
    assert code == 0
    assert "Reading" in text
    assert "patients" in text


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on_and_going_on_gives_the_same(run, tmp_path):
    many = tmp_path / "many"
    many.mkdir()
    for number in range(600):
        (many / f"{number:03d}.json").write_bytes(PATIENT.read_bytes().replace(b"absent", b"%06d" % number))
    text, code = at_a_terminal(tmp_path, many, stop_at="Reading")
    assert code == 130
    assert "--resume" in text
    assert not (tmp_path / "out" / "summary.json").exists()
    assert run("batch", many, "--out", tmp_path / "out", "--resume")[0] == 0
    assert run("batch", many, "--out", tmp_path / "whole", *AS_OF)[0] == 0
    for name in ("patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def _hears_ctrl_c():
    """A process that was started in the background has its children ignore Ctrl-C; a terminal's do not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def at_a_terminal(folder, given, *, stop_at=None, **environment):
    """Run a batch at a terminal; press Ctrl-C when a word is shown; return what was shown and the exit code."""
    master, slave = pty.openpty()
    words = ["batch", str(given), "--out", str(folder / "out"), *AS_OF]
    process = subprocess.Popen(
        [sys.executable, "-m", "cds_service", *words],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True, preexec_fn=_hears_ctrl_c,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "120", "TERM": "xterm", **environment},
    )  # fmt: skip
    os.close(slave)
    shown, end = "", time.monotonic() + 120
    while time.monotonic() < end:
        if select.select([master], [], [], 0.2)[0]:
            try:
                shown += os.read(master, 65_536).decode("utf-8", "replace")
            except OSError:
                break  # the other end is closed: it ended
        if stop_at is not None and stop_at in shown:
            os.killpg(process.pid, signal.SIGINT)
            stop_at = None
    os.close(master)
    return shown, process.wait(60)


def test_the_words_of_a_server_are_shown_as_they_are(tmp_path):
    patient = json.dumps({"resourceType": "Patient", "id": "p1"}).encode() + b"\n"
    waits = {"X-Progress": "[/bold] Status set to [red]QUEUED", "Retry-After": "1"}
    with ExportServer({"Patient.a": patient}, waits=0) as server:
        server.script[("GET", "/jobs/1")] = [bad.status(202, waits)]
        shown, code = at_a_terminal(tmp_path, server.url, TWITCH_CDS_EXPORT_SERVERS=server.base)
    assert code == 0, shown
    assert "[/bold] Status set to [red]QUEUED" in shown
    assert "1 of 1 files" in shown
