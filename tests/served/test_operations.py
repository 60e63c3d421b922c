"""What an operator sees of a service with two workers: one truth in the metrics, JSON in the log."""

import json
import os
import signal
import socket
import time
from contextlib import closing, suppress
from http.client import HTTPConnection

import pytest
from prometheus_client.parser import text_string_to_metric_families
from shipped import PATH, read_answer

pytestmark = pytest.mark.slow

_FORGED = 'x"}\\n{"event": "forged"}'


def _asked(service, message):
    with closing(socket.create_connection(("127.0.0.1", service.port), timeout=60)) as connection:
        connection.sendall(message)
        return read_answer(connection)[0]


def _families(service):
    text = service.get("/metrics")[1].decode()
    return {family.name: family for family in text_string_to_metric_families(text)}


def _total(families, name, **labels):
    samples = families[f"twitch_cds_{name}"].samples
    return sum(item.value for item in samples if labels.items() <= item.labels.items())


def test_who_is_refused_sees_the_refusal_whatever_he_still_sends(serve):
    with serve(max_body_mib=1) as service:
        for size in (100, 100_000, 1024 * 1024):
            for _ in range(5):
                client = HTTPConnection("127.0.0.1", service.port, timeout=60)
                with closing(client):
                    with suppress(BrokenPipeError):  # it was answered before all was sent
                        client.request("POST", PATH, b" " * size, {"Content-Type": "application/json"})
                    assert client.getresponse().status == 401


def test_every_scrape_adds_up_all_workers_and_every_line_of_the_log_is_json(serve, body):
    route = "/cds-services/<service_id>"
    forged = body.replace(b'"hookInstance": "2f6f0a3e', b'"hookInstance": "\\n{\\"event\\": \\"forged\\"}', 1)
    with serve(workers=2) as service:
        assert [_asked(service, service.message(body)) for _ in range(8)] == [200] * 8
        headers = {"X-Request-ID": _FORGED, "User-Agent": _FORGED}
        assert _asked(service, service.message(forged, headers=headers)) == 400
        strange = service.message(body).replace(PATH.encode(), b"/cds-services/%0A%7B%22event%22%3A1%7D", 1)
        assert _asked(service, strange) in (401, 404)
        for _ in range(6):  # whichever worker is asked
            families = _families(service)
            assert _total(families, "requests", route=route, status="200") == 8
            assert _total(families, "request_seconds", route=route) >= 8
            assert _total(families, "in_progress") == 1
        assert len([name for name in families if name.startswith("twitch_cds_")]) >= 25
        assert all(len(family.samples) < 200 for family in families.values())
        assert all(family.documentation for family in families.values())
        os.kill(service.workers()[0], signal.SIGKILL)
        end = time.monotonic() + 60
        while "Unexpected exit" not in service.log:
            assert time.monotonic() < end, "the server did not tell of the worker that died"
            time.sleep(0.1)
        assert _total(_families(service), "requests", route=route, status="200") == 8  # nothing is forgotten
        assert service.stop() == 0
        lines = [json.loads(line) for line in (service.folder / "err.txt").read_text().splitlines()]
        assert (service.folder / "out.txt").read_text() == ""
    assert all({"time", "level", "event"} <= line.keys() for line in lines)
    assert lines[0]["event"] == "started"
    assert "forged" not in json.dumps(lines)
    requests = [line for line in lines if line["event"] == "request"]
    assert len(requests) == 10
    assert all({"requestId", "knowledge", "ms", "outcome", "status"} <= line.keys() for line in requests)
    answered = [line for line in requests if line["outcome"] == "answered"]
    assert len(answered) == 8
    assert all({"hookInstance", "client", "cards", "service"} <= line.keys() for line in answered)
