"""Trials too long for every test run: kill the store and the server, race for tokens; nothing may be lost.

``python -m tests.trials --store 10000 --server 1000 --tokens 10000`` (``make kill-trials``). A store trial is a
process that keeps answers and says which; it is killed at a random moment, and what it said must be there. A
server trial does the same to the whole server under load. A token is spent by 128 at once; one wins.
"""

import argparse
import http.client
import json
import os
import random
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from cds_service.feedback import Answer
from cds_service.store import open_store

from .databases import running

ROOT = Path(__file__).resolve().parents[1]
_AT = datetime(2026, 11, 20, tzinfo=UTC)
#: A database takes so many trials before a new one is begun.
_TRIALS_A_FILE = 500
_START_SECONDS = 120


class Lost(AssertionError):
    """Something that was acknowledged is not there, or half of something is."""


# --- the store


def store_trials(count, folder, seed=1):
    """Kill a writing process so many times; return how many answers it acknowledged in all.

    Raises:
        Lost: An acknowledged answer is gone, a batch was kept in part or a file is damaged.
    """
    chance, acknowledged = random.Random(seed), 0
    for trial in range(count):
        path = folder / f"store-{trial // _TRIALS_A_FILE}.sqlite3"
        begun, kept = _killed_writer(path, chance)
        acknowledged += sum(len(batch) for batch in kept)
        _check(path, begun, kept)
        if trial % _TRIALS_A_FILE == _TRIALS_A_FILE - 1 or trial == count - 1:
            _check_whole(path)
    return acknowledged


def _killed_writer(path, chance):
    """Return the batches a killed process began to keep, and those it said are kept."""
    mine, its = os.pipe()
    child = os.fork()
    if not child:
        os.close(mine)
        _write_until_killed(path, its)
    os.close(its)
    with open(mine, "rb", buffering=0) as pipe:
        said = b""
        if chance.random() < 0.9:  # else it may die before it has opened the store
            while b"=" not in said and (more := pipe.read(65_536)):
                said += more
        time.sleep(chance.random() * 0.015)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        said += pipe.read()
    lines = [(line[0], line[1:].split()) for line in said.decode().split("\n")[:-1]]
    return [cards for sign, cards in lines if sign == ">"], [cards for sign, cards in lines if sign == "="]


def _write_until_killed(path, pipe):
    """Keep batch after batch; say of each when it begins and when it is kept."""
    try:
        store = open_store(f"sqlite:///{path}")
        for turn in range(1_000_000):
            cards = [str(uuid.uuid4()) for _ in range(1 + turn % 3)]
            os.write(pipe, f">{' '.join(cards)}\n".encode())
            store.ledger.record("s", [Answer(card, "overridden", _AT) for card in cards], received=_AT)
            os.write(pipe, f"={' '.join(cards)}\n".encode())
    finally:
        os._exit(1)


def _check(path, begun, kept):
    found = _there(path, [card for batch in begun for card in batch])
    lost = [card for batch in kept for card in batch if card not in found]
    if lost:
        raise Lost(f"{len(lost)} acknowledged answers are not in {path}")
    halves = [batch for batch in begun if 0 < len(found & set(batch)) < len(batch)]
    if halves:
        raise Lost(f"{len(halves)} batches were kept in part in {path}")


def _there(path, cards):
    if not cards:
        return set()
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        marks = ",".join("?" * len(cards))
        rows = connection.execute(f"SELECT card FROM card_answers WHERE card IN ({marks})", cards)
        return {row[0] for row in rows}


def _check_whole(path):
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=30)) as connection:
        (state,) = connection.execute("PRAGMA integrity_check").fetchone()
        (doubles,) = connection.execute("SELECT count(*) - count(DISTINCT card) FROM card_answers").fetchone()
    if state != "ok" or doubles:
        raise Lost(f"{path} is damaged: {state}, {doubles} answers twice")


# --- the server


def server_trials(count, folder, lanes=2, seed=1):
    """Kill the whole server under load so many times; return how many answers it acknowledged in all.

    Raises:
        Lost: As for the store.
    """
    results, shares = [], [count // lanes + (lane < count % lanes) for lane in range(lanes)]

    def one_lane(lane):
        try:
            path, chance = folder / f"server-{lane}.sqlite3", random.Random(seed * 1000 + lane)
            results.append(sum(_killed_server(path, chance) for _ in range(shares[lane])))
            _check_whole(path)
        except BaseException as error:
            results.append(error)

    threads = [threading.Thread(target=one_lane, args=(lane,)) for lane in range(lanes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return sum(results)


def _killed_server(path, chance):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TWITCH_CDS_STORE_URL": f"sqlite:///{path}"}
    server = subprocess.Popen(
        [sys.executable, "-m", "cds_service", "serve", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    begun, kept, over = [], [], threading.Event()
    try:
        _wait_for(port, server)
        senders = [threading.Thread(target=_send_until, args=(port, begun, kept, over)) for _ in range(4)]
        for sender in senders:
            sender.start()
        time.sleep(chance.random() * 0.4)
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        over.set()
    for sender in senders:
        sender.join()
    _check(path, begun, kept)
    return sum(len(batch) for batch in kept)


def _wait_for(port, server):
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end and server.poll() is None:
        with suppress(OSError, http.client.HTTPException):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
            connection.request("GET", "/livez")
            status = connection.getresponse().status
            connection.close()
            if status == 200:
                return
        time.sleep(0.03)
    raise RuntimeError("the server does not start")


def _send_until(port, begun, kept, over):
    """Send batch after batch until the server is dead; note what was sent, and what was answered 200."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        while not over.is_set():
            cards = [str(uuid.uuid4()) for _ in range(1 + len(begun) % 3)]
            items = [
                {"card": card, "outcome": "overridden", "outcomeTimestamp": _AT.isoformat()} for card in cards
            ]
            begun.append(cards)
            body, headers = json.dumps({"feedback": items}), {"Content-Type": "application/json"}
            connection.request("POST", "/cds-services/twitch-patient-view/feedback", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status == 200:
                kept.append(cards)


# --- tokens


def token_race(url, rounds, threads=64):
    """Let ``threads`` in each of two processes spend the same token, round after round.

    Raises:
        Lost: Nobody won a round, or more than one.
    """
    words = [sys.executable, "-m", "tests.trials", "--rival", url, str(rounds), str(threads)]
    pipe = subprocess.PIPE
    with subprocess.Popen(words, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as rival:
        if rival.stdout.readline() != "ready\n":
            raise RuntimeError("the other process does not start")
        rival.stdin.write("go\n")
        rival.stdin.flush()
        ours = _spend_at_once(url, rounds, threads)
        theirs = [int(word) for word in rival.stdout.read().split()]
    won = [sum(pair) for pair in zip(ours, theirs, strict=True)]
    if won != [1] * rounds:
        raise Lost(f"{sum(wins != 1 for wins in won)} of {rounds} tokens were not spent exactly once")


def _spend_at_once(url, rounds, threads):
    """Return for each round how many of the threads were told that they are first."""
    store = open_store(url)
    used, barrier = store.used_tokens(), threading.Barrier(threads)

    def one(token_id):
        barrier.wait()
        return used.spend("https://ehr.example", token_id, 2000, 1000)

    with ThreadPoolExecutor(threads) as pool:
        won = [sum(pool.map(one, [f"token-{turn}"] * threads)) for turn in range(rounds)]
    store.close()
    return won


def main(words):
    """Run the trials asked for; print what was acknowledged and how long it took."""
    if words[:1] == ["--rival"]:
        print("ready", flush=True)
        sys.stdin.readline()
        print(*_spend_at_once(words[1], int(words[2]), int(words[3])))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("store", "server", "tokens"):
        parser.add_argument(f"--{name}", type=int, default=0, help="how many trials")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(words)
    with tempfile.TemporaryDirectory(prefix="twitch-cds-") as name:
        folder = Path(name)
        if asked.store:
            _told("store", asked.store, lambda: store_trials(asked.store, folder, asked.seed))
        if asked.server:
            _told("server", asked.server, lambda: server_trials(asked.server, folder, seed=asked.seed))
        if asked.tokens:
            url = f"sqlite:///{folder / 'tokens.sqlite3'}"
            _told("token", asked.tokens, lambda: token_race(url, asked.tokens))
            with running() as server:
                if server is not None:
                    _told("token (PostgreSQL)", asked.tokens, lambda: token_race(server.url, asked.tokens))


def _told(what, count, trials):
    started = time.monotonic()
    acknowledged = trials()
    rest = "" if acknowledged is None else f", {acknowledged} answers acknowledged, 0 lost"
    print(f"{count} {what} trials in {time.monotonic() - started:.1f} s{rest}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
