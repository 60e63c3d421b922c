"""However the service is told to stop: calls under way are answered, nothing kept is lost, nobody stays behind."""

import json
import os
import signal
import socket
import sqlite3
import threading
import time
import uuid
from contextlib import closing
from pathlib import Path

import pytest
from shipped import PATH, children, read_answer

pytestmark = pytest.mark.slow


_OPEN = []


@pytest.fixture(autouse=True)
def connections_end():
    yield
    while _OPEN:
        _OPEN.pop().close()


def _connect(service):
    _OPEN.append(socket.create_connection(("127.0.0.1", service.port), timeout=60))
    return _OPEN[-1]


def _sent(service, message):
    connection = _connect(service)
    connection.sendall(message)
    return connection


def _is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _wait_until(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.05)


def _in_progress(service):
    text = service.get("/metrics")[1].decode()
    return next(
        float(line.split()[1]) for line in text.splitlines() if line.startswith("twitch_cds_in_progress ")
    )


@pytest.mark.parametrize(("workers", "kind"), [(1, signal.SIGTERM), (2, signal.SIGTERM), (2, signal.SIGINT)])
def test_calls_under_way_are_answered_whole(serve, large_body, workers, kind):
    with serve(workers=workers) as service:
        workers_of = service.workers()
        calls = [_sent(service, service.message(large_body)) for _ in range(10)]
        _wait_until(lambda: _in_progress(service) > 1)
        service.process.send_signal(kind)
        answers = [read_answer(call) for call in calls]
        assert [status for status, _headers, _body in answers] == [200] * 10
        assert all(json.loads(body)["cards"] for _status, _headers, body in answers)
        assert service.process.wait(60) == 0
        with pytest.raises(OSError):
            _connect(service)
        assert [pid for pid in workers_of if _is_alive(pid)] == []
        assert "Killing" not in service.log
        assert "Traceback" not in service.log


def test_a_sender_who_never_ends_is_waited_for_as_long_as_the_setting_says(serve, body):
    with serve(workers=2, stop_seconds=2) as service:
        workers = service.workers()
        _sent(service, service.message(body)[:-100])
        _wait_until(lambda: _in_progress(service) > 1)
        service.process.send_signal(signal.SIGTERM)
        _wait_until(lambda: _refuses(service))  # nobody is taken in any more
        assert service.process.wait(30) == 0
        assert [pid for pid in workers if _is_alive(pid)] == []


def _refuses(service):
    try:
        _connect(service)
    except ConnectionRefusedError:
        return True
    return False


@pytest.mark.parametrize(
    "tell",
    [
        lambda pid: [os.kill(pid, signal.SIGTERM) for _ in range(5)],
        lambda pid: os.killpg(pid, signal.SIGTERM),  # as systemd does
        lambda pid: [os.kill(pid, signal.SIGINT), os.kill(pid, signal.SIGTERM)],
    ],
    ids=["five times", "the whole group", "both signals"],
)
def test_told_more_than_once_is_told_once(serve, body, tell):
    with serve(workers=2) as service:
        workers = service.workers()
        idle = _sent(service, b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(idle)[0] == 200
        tell(service.process.pid)
        assert service.process.wait(30) == 0
        assert [pid for pid in workers if _is_alive(pid)] == []
        assert "Killing" not in service.log


def test_workers_do_not_outlive_a_service_that_is_killed(serve):
    with serve(workers=2, stop_seconds=5) as service:
        workers = service.workers()
        assert len(workers) == 2
        service.process.kill()
        _wait_until(lambda: not any(_is_alive(pid) for pid in workers))
        assert _refuses(service)  # the next start finds the port free


def test_a_worker_that_dies_is_replaced(serve):
    with serve(workers=1) as service:
        (first,) = service.workers()
        os.kill(first, signal.SIGKILL)
        _wait_until(lambda: children(service.process.pid) not in ([], [first]))
        _wait_until(lambda: not _refuses(service))
        assert service.get("/livez")[0] == 200


def test_acknowledged_feedback_is_there_after_the_stop(serve):
    path = f"{PATH}/feedback"
    kept = []
    with serve(workers=2) as service:

        def answer_cards():
            try:
                while True:
                    card = str(uuid.uuid4())
                    with closing(_sent(service, service.message(_overridden(card), path))) as connection:
                        if read_answer(connection)[0] != 200:
                            return
                    kept.append(card)
            except OSError:
                return

        threads = [threading.Thread(target=answer_cards) for _ in range(4)]
        for thread in threads:
            thread.start()
        _wait_until(lambda: len(kept) > 40)
        assert service.stop() == 0
        for thread in threads:
            thread.join()
        with closing(sqlite3.connect(service.folder / "feedback.sqlite3")) as database:
            found = {row[0] for row in database.execute("SELECT card FROM card_answers")}
            assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert set(kept) - found == set()


def _overridden(card):
    item = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-20T10:05:31Z"}
    return json.dumps({"feedback": [item]}).encode()
