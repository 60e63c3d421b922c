"""The suite asks a service at an address as it asks one in process, with a token for every call."""

import shlex
import subprocess
import sys
import threading

import pytest
from werkzeug.serving import make_server

from .conftest import ROOT, written_call
from .session import Remote, Session

ISSUER = "https://ehr.example"
PATH = "/cds-services/twitch-patient-view"


def _cli(*words):
    return [sys.executable, "-m", "cds_service", "token", *map(str, words)]


@pytest.fixture
def address(make_session, tmp_path):
    """Serve an installation that asks for tokens; its keys lie in ``tmp_path / "keys"``."""
    from cds_service.auth import read_clients

    subprocess.run(_cli("new-key", tmp_path / "keys"), cwd=ROOT, check=True, capture_output=True)
    with make_server("127.0.0.1", 0, lambda *_: [], threaded=True) as free:
        port = free.server_port
    base = f"http://127.0.0.1:{port}"
    clients = read_clients([{"issuer": ISSUER, "jwks_file": str(tmp_path / "keys" / "jwks.json")}])
    app = make_session(clients=clients, public_base_url=base)._transport.client.application
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield base
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_service_at_an_address_is_asked_with_a_token_for_every_call(address, tmp_path):
    command = shlex.join(_cli("make", tmp_path / "keys", "--issuer", ISSUER, "--audience"))
    session = Session(Remote(address), foreign=True, token_command=command)
    assert len(session.discovery()) == 7
    call = written_call("patient-view")
    assert [session.post(PATH, call).status for _ in range(2)] == [200, 200]
    assert Session(Remote(address), foreign=True).post(PATH, call).status == 401


def test_json_with_a_member_said_twice_is_no_answer(session):
    answer = type(session.get("/cds-services"))(200, {}, b'{"services": [], "services": []}')
    with pytest.raises(AssertionError):
        answer.json()
