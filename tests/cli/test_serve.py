"""The service as it runs in production: its own process, its own server, a real socket."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from .conftest import PATIENT, ROOT


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _get(url, data=None):
    request = urllib.request.Request(url, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=30) as answer:
        return answer.status, json.loads(answer.read())


@pytest.fixture
def server(tmp_path):
    port = _free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "cds_service",
            "serve",
            "--port",
            str(port),
            "--config",
            str(ROOT / "evaluation.toml"),
        ],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    base = f"http://127.0.0.1:{port}"
    for _attempt in range(300):
        try:
            _get(f"{base}/livez")
            break
        except OSError:
            if process.poll() is not None:
                pytest.fail(process.stderr.read())
            time.sleep(0.1)
    yield base, process
    if process.poll() is None:
        process.terminate()
        process.communicate(timeout=60)


@pytest.mark.slow
def test_serve_answers_survives_bad_input_and_stops_on_request(server):
    base, process = server
    service = _get(f"{base}/cds-services")[1]["services"][0]
    bundle = json.loads(PATIENT.read_text())
    patient = bundle["entry"][0]["resource"]
    call = {
        "hook": "patient-view",
        "hookInstance": "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
        "context": {"patientId": patient["id"], "userId": "Practitioner/x"},
        "prefetch": {**dict.fromkeys(service["prefetch"]), "patient": patient, "problems": bundle},
        "extension": {"org.twitch-cds.asOf": "2026-11-20T12:00:00Z"},
    }
    url = f"{base}/cds-services/{service['id']}"
    status, body = _get(url, json.dumps(call).encode())
    assert status == 200
    assert body["cards"]
    assert all(card["source"]["url"].startswith(base) for card in body["cards"] if "url" in card["source"])
    for bad in (b"no json", b"[" * 100_000, b'{"hook": NaN}'):
        with pytest.raises(urllib.error.HTTPError) as refused:
            _get(url, bad)
        assert refused.value.code == 400
        refused.value.close()
    assert _get(f"{base}/readyz")[0] == 200
    process.send_signal(signal.SIGTERM)
    _out, log = process.communicate(timeout=60)
    assert process.returncode == 0
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    assert [line["status"] for line in lines if "status" in line] == [200, 200, 400, 400, 400]
    assert "Traceback" not in log


@pytest.mark.slow
def test_ctrl_c_at_a_terminal_stops_the_service_without_force(server):
    _base, process = server
    os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group, workers too
    _out, log = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "refused" not in log


@pytest.mark.slow
def test_a_port_that_is_taken_is_refused(server):
    base, _process = server
    port = base.rpartition(":")[2]
    second = subprocess.run(
        [sys.executable, "-m", "cds_service", "serve", "--port", port],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert second.returncode == 2
    assert "S021" in second.stderr
