"""A store that fails (R27): never a false 200 for feedback, never a lost card, and it recovers by itself."""

import contextlib
import json
import os
import resource
import sqlite3
import subprocess
import sys
import threading
import uuid
from contextlib import closing
from pathlib import Path

import pytest

from cds_service.errors import SettingsError
from cds_service.settings import Settings
from cds_service.store import open_store
from cds_service.web import create_app

from .conftest import PATH

ROOT = Path(__file__).resolve().parents[2]
FEEDBACK = f"{PATH}/feedback"


def send(client, *cards):
    """Send an override of each card; return status and code of the first issue."""
    items = [
        {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:00:00Z"} for card in cards
    ]
    response = client.post(FEEDBACK, json={"feedback": items})
    if response.status_code == 200:
        return 200, ""
    assert int(response.headers["Retry-After"]) > 0
    return response.status_code, response.get_json()["issue"][0]["details"]["coding"][0]["code"]


def summaries(client, call):
    """Return what the cards of a new call say."""
    response = client.post(PATH, json={**call, "hookInstance": str(uuid.uuid4())})
    assert response.status_code == 200, response.text
    return [card["summary"] for card in response.get_json()["cards"]]


def kept(path):
    with closing(sqlite3.connect(path)) as connection:
        return {row[0] for row in connection.execute("SELECT card FROM card_answers")}


def some_cards(count=1):
    return [str(uuid.uuid4()) for _ in range(count)]


# --- SQLite


def _remove(path):
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()


def test_r27_a_file_that_was_removed_is_made_anew_and_what_is_acknowledged_stands_in_it(
    make_app, call, tmp_path
):
    client, path = make_app().test_client(), tmp_path / "feedback.sqlite3"
    healthy = summaries(client, call)
    assert send(client, *some_cards()) == (200, "")
    _remove(path)
    assert summaries(client, call) == healthy
    (card,) = some_cards()
    assert send(client, card) == (200, "")
    assert kept(path) == {card}


def test_r27_a_folder_that_is_gone_is_503_until_it_is_back(make_app, call, tmp_path):
    folder = tmp_path / "store"
    client = make_app(store_url=f"sqlite:///{folder / 'feedback.sqlite3'}").test_client()
    healthy = summaries(client, call)
    _remove(folder / "feedback.sqlite3")
    folder.rmdir()
    assert send(client, *some_cards()) == (503, "W507")
    assert summaries(client, call) == healthy
    assert client.get("/readyz").status_code == 503
    folder.mkdir()
    assert send(client, *some_cards()) == (200, "")


def test_r27_a_damaged_file_is_503_until_the_good_one_is_back(make_app, call, tmp_path):
    client, path = make_app().test_client(), tmp_path / "feedback.sqlite3"
    healthy, (before, after) = summaries(client, call), some_cards(2)
    assert send(client, before) == (200, "")
    client.application.extensions["twitch-cds"].store.close()  # the log goes into the file
    good = path.rename(tmp_path / "good.sqlite3")
    _remove(path)
    path.write_bytes(b"this is no database" * 1000)
    assert send(client, after) == (503, "W507")
    assert summaries(client, call) == healthy
    with pytest.raises(SettingsError, match="S011"):
        open_store(f"sqlite:///{path}")
    _remove(path)
    good.rename(path)
    assert send(client, after) == (200, "")
    assert kept(path) == {before, after}


def fill_the_disk(folder, calls):
    """In a process of its own: let no file grow, and see what is answered; then let it grow again."""
    path = Path(folder) / "feedback.sqlite3"
    settings = Settings(store_url=f"sqlite:///{path}", allow_as_of=True)
    client, call = create_app(settings).test_client(), json.loads(Path(calls).read_text(encoding="utf-8"))
    healthy, acknowledged, refused = summaries(client, call), [], []
    unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
    largest = max(file.stat().st_size for file in Path(folder).glob("feedback*"))
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest + 40_000, unlimited[1]))
    while len(refused) < 3:
        cards = some_cards(20)
        status = send(client, *cards)
        (acknowledged if status[0] == 200 else refused).append((cards, status))
    assert {status for _, status in refused} == {(503, "W507")}
    assert summaries(client, call) == healthy
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    cards = some_cards(20)
    assert send(client, *cards) == (200, "")
    wanted = {card for batch, _ in acknowledged for card in batch} | set(cards)
    assert acknowledged and kept(path) == wanted
    print("recovered")


@pytest.mark.slow
def test_r27_a_full_disk_is_503_and_what_was_acknowledged_is_there(call, tmp_path):
    calls = tmp_path / "call.json"
    calls.write_text(json.dumps(call), encoding="utf-8")
    script = "import sys; from tests.web.test_store_faults import fill_the_disk; fill_the_disk(*sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path), str(calls)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout == "recovered\n", done.stderr[-3000:]


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes to what is read-only")
def test_r27_a_read_only_file_and_folder_are_503_until_they_can_be_written(make_app, call, tmp_path):
    client, path = make_app().test_client(), tmp_path / "feedback.sqlite3"
    healthy = summaries(client, call)
    store = client.application.extensions["twitch-cds"].store
    store.close()
    path.chmod(0o444)
    tmp_path.chmod(0o555)
    try:
        assert send(client, *some_cards()) == (503, "W507")
        assert summaries(client, call) == healthy
    finally:
        tmp_path.chmod(0o755)
        path.chmod(0o644)
    store.close()
    assert send(client, *some_cards()) == (200, "")


def test_r27_the_fault_is_named_and_nothing_of_the_answer(make_app, tmp_path):
    client, path = make_app().test_client(), tmp_path / "feedback.sqlite3"
    _remove(path)
    path.mkdir()
    comment = {"userComment": "Zebrafinch"}
    item = {"card": some_cards()[0], "outcome": "overridden", "overrideReason": comment}
    body = {"feedback": [{**item, "outcomeTimestamp": "2026-11-20T10:00:00Z"}]}
    response = client.post(FEEDBACK, json=body)
    assert response.status_code == 503
    assert "SQLITE_CANTOPEN" in response.text and "Zebrafinch" not in response.text


# --- PostgreSQL


@pytest.mark.slow
def test_r27_a_server_that_is_stopped_in_the_middle_loses_nothing_it_acknowledged(
    postgresql, knowledge, call
):
    from tests.databases import empty

    empty(postgresql.url)
    app = create_app(Settings(store_url=postgresql.url, allow_as_of=True), knowledge)
    healthy, acknowledged, over = summaries(app.test_client(), call), [], threading.Event()

    def sender():
        client = app.test_client()
        while not over.is_set():
            cards = some_cards(3)
            if send(client, *cards)[0] == 200:
                acknowledged.extend(cards)

    threads = [threading.Thread(target=sender) for _ in range(3)]
    for thread in threads:
        thread.start()
    with contextlib.ExitStack() as stack:
        stack.callback(lambda: [thread.join() for thread in threads])
        stack.callback(over.set)
        while len(acknowledged) < 100:
            over.wait(0.01)
        postgresql.stop()
        try:
            assert send(app.test_client(), *some_cards()) == (503, "W507")
            assert summaries(app.test_client(), call) == healthy
        finally:
            postgresql.start()
    assert send(app.test_client(), *(last := some_cards())) == (200, "")
    assert summaries(app.test_client(), call) == healthy
    store = app.extensions["twitch-cds"].store
    there = {row["card"] for row in store.ledger.answers()}
    store.close()
    assert set(acknowledged) | set(last) <= there
