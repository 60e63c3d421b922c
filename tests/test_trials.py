"""Short versions of the long trials (``make kill-trials``): R24 and R12."""

import subprocess
import sys
from pathlib import Path

import pytest

from .trials import token_race

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.slow
@pytest.mark.parametrize("what", [["--store", "150"], ["--server", "3"]], ids=["store", "server"])
def test_r24_what_was_acknowledged_survives_every_kill(what):
    done = subprocess.run(
        [sys.executable, "-m", "tests.trials", *what], cwd=ROOT, capture_output=True, text=True, timeout=600
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "answers acknowledged, 0 lost" in done.stdout
    assert " 0 answers" not in done.stdout


@pytest.mark.slow
def test_R12_of_64_threads_in_each_of_2_processes_one_wins_every_round(url, store):
    token_race(url, 25)
