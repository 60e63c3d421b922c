"""What docs/batch.md shows is run as it stands there, in a folder where a reader would be."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "batch.md").read_text(encoding="utf-8")


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize("command", re.findall(r"```sh\n(twitch-cds batch [^\n]+)\n```", PAGE))
def test_a_command_of_the_page_works(here, command):
    ours = f"{sys.executable} -m cds_service {command.removeprefix('twitch-cds ')}"
    done = subprocess.run(
        ours, shell=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert (done.returncode, done.stderr) == (0, "")
    out = here / re.search(r"--out (\S+)", command)[1]
    assert {"patients.ndjson", "findings.ndjson", "quarantine.ndjson", "summary.json"} <= set(os.listdir(out))


@pytest.mark.slow
def test_the_lines_of_python_work(here):
    code = re.search(r"## From Python\n\n```python\n(.*?)```", PAGE, re.DOTALL)[1]
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Lithium 1.8" in done.stdout
    assert "'critical'" in done.stdout
