"""Goal R12: a token is taken once, whoever asks at the same time and whatever restarts between."""

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cds_service.errors import StoreError
from cds_service.store import open_store
from tests.databases import drop, everything

ROOT = Path(__file__).resolve().parents[2]
ISSUER = "https://ehr.example"

#: Another process: waits for a line, spends each of the tokens with 64 threads at once, prints who won.
_RIVAL = """
import sys
from tests.auth.test_replay import spend_at_once
print("ready", flush=True)
sys.stdin.readline()
print(*spend_at_once(sys.argv[1], int(sys.argv[2])))
"""


def spend_at_once(url, rounds, threads=64):
    """Return for each round how many of the threads were told that they are first."""
    store = open_store(url)
    used = store.used_tokens()
    barrier = threading.Barrier(threads)

    def one(token_id):
        barrier.wait()
        return used.spend(ISSUER, token_id, 2000, 1000)

    with ThreadPoolExecutor(threads) as pool:
        won = [sum(pool.map(one, [f"token-{turn}"] * threads)) for turn in range(rounds)]
    store.close()
    return won


@pytest.fixture
def used(store):
    return store.used_tokens()


@pytest.mark.slow
def test_R12_of_64_threads_in_each_of_2_processes_one_wins_every_round(url, store):
    rounds = 25
    rival = subprocess.Popen(
        [sys.executable, "-c", _RIVAL, url, str(rounds)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert rival.stdout.readline() == "ready\n"
    rival.stdin.write("go\n")
    rival.stdin.flush()
    ours = spend_at_once(url, rounds)
    theirs = [int(word) for word in rival.communicate(timeout=120)[0].split()]
    assert [sum(pair) for pair in zip(ours, theirs, strict=True)] == [1] * rounds


def test_R12_a_token_stays_used_after_a_restart(url):
    first = open_store(url)
    assert first.used_tokens().spend(ISSUER, "a", 2000, 1000)
    first.close()
    second = open_store(url)
    assert not second.used_tokens().spend(ISSUER, "a", 2000, 1001)
    second.close()


def test_the_same_id_of_another_issuer_is_another_token(used):
    assert used.spend(ISSUER, "a", 2000, 1000)
    assert used.spend("https://other.example", "a", 2000, 1000)
    assert used.spend(ISSUER + "a", "", 2000, 1000)
    assert not used.spend(ISSUER, "a", 2000, 1000)


def test_JWT_9_rows_go_when_the_token_is_over_and_not_before(used, store):
    used.spend(ISSUER, "short", 1100, 1000)
    used.spend(ISSUER, "long", 2000, 1000)
    used.spend(ISSUER, "third", 2000, 1100)
    assert _rows(store) == 3
    used.spend(ISSUER, "fourth", 2000, 1161)
    assert _rows(store) == 3
    assert not used.spend(ISSUER, "long", 2000, 1161)


def test_JWT_14_nothing_of_token_or_issuer_stands_in_the_database(used, store):
    used.spend(ISSUER, "okapi", 2000, 1000)
    kept = repr(everything(store))
    assert "okapi" not in kept and "ehr.example" not in kept


def test_a_database_that_fails_lets_nobody_in(used, url):
    drop(url, "used_tokens")
    with pytest.raises(StoreError, match="cannot be told"):
        used.spend(ISSUER, "a", 2000, 1000)


def _rows(store):
    return len(everything(store)["used_tokens"])
