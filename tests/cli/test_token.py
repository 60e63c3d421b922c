"""The commands of docs/integrate.md by which a site tries out tokens, run as they stand there."""

import json
import os
import re
import shlex
import signal
import socket
import stat
import subprocess
import sys
import time

import jwt
import pytest

from .conftest import ROOT

GUIDE = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
SECTION = GUIDE.partition("## Who may call")[2].partition("\n## ")[0]
OPERATE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")


def _blocks(kind):
    return re.findall(rf"^```{kind}\n(.*?)^```$", SECTION, re.MULTILINE | re.DOTALL)


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _answers(url):
    done = subprocess.run(["curl", "-sf", "-o", os.devnull, "--noproxy", "*", url], check=False)
    return done.returncode == 0


@pytest.fixture
def bench(tmp_path):
    """A folder with the command on its path, the fixtures, and the settings of the guide on a free port."""
    command = tmp_path / "bin" / "twitch-cds"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m cds_service "$@"\n')
    command.chmod(0o755)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    port = str(_free_port())
    (tmp_path / "site.toml").write_text(f"port = {port}\n" + _blocks("toml")[0].replace("8000", port))
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TWITCH_CDS_")}
    path = f"{command.parent}:{clean['PATH']}"
    return tmp_path, port, {**clean, "PATH": path, "PYTHONPATH": str(ROOT), "no_proxy": "*"}


@pytest.mark.slow
@pytest.mark.skipif(
    not any(os.access(f"{part}/curl", os.X_OK) for part in os.environ["PATH"].split(":")), reason="no curl"
)
def test_the_guide_leads_to_an_accepted_call_and_a_refused_repeat(bench):
    folder, port, environment = bench
    make, call = _blocks("sh")
    subprocess.run(["sh", "-e"], input=make, cwd=folder, env=environment, text=True, check=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "cds_service", "serve", "--config", "site.toml"],
        cwd=folder, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        for _attempt in range(300):
            if server.poll() is not None or _answers(f"http://127.0.0.1:{port}/livez"):
                break
            time.sleep(0.1)
        script = call.replace("8000", port)
        done = subprocess.run(
            ["sh", "-e"],
            input=script,
            cwd=folder,
            env=environment,
            text=True,
            check=True,
            capture_output=True,
        )
    finally:
        server.send_signal(signal.SIGTERM)
        log = server.communicate(timeout=60)[1]
    accepted, refused = done.stdout.strip().splitlines()
    assert json.loads(accepted)["cards"]
    assert json.loads(refused)["issue"][0]["details"]["coding"][0]["code"] == "W401"
    assert '"refused": "used-before"' in log
    assert "eyJ" not in log


@pytest.mark.parametrize("algorithm", ["ES384", "RS384"])
def test_a_token_is_made_for_one_address_and_five_minutes(run, tmp_path, algorithm):
    assert run("token", "new-key", "keys", "--algorithm", algorithm)[0] == 0
    code, printed, _said = run(
        "token", "make", "keys", "--issuer", "https://a.example", "--audience", "https://b.example/x"
    )
    assert code == 0
    (key,) = json.loads((tmp_path / "keys" / "jwks.json").read_text())["keys"]
    assert not {"d", "p", "q", "dp", "dq", "qi"} & key.keys()
    public = jwt.PyJWK(key)
    found = jwt.decode(
        printed.strip(),
        public,
        algorithms=[algorithm],
        audience="https://b.example/x",
        issuer="https://a.example",
    )
    assert found["exp"] - found["iat"] == 300
    assert jwt.get_unverified_header(printed.strip()) == {"alg": algorithm, "kid": key["kid"], "typ": "JWT"}


def test_the_private_key_is_for_its_owner_only_and_is_never_overwritten(run, tmp_path):
    run("token", "new-key", "keys")
    path = tmp_path / "keys" / "private-key.json"
    before = path.read_bytes()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    code, _printed, said = run("token", "new-key", "keys")
    assert code == 2
    assert "K040" in said
    assert path.read_bytes() == before


def test_a_folder_without_a_key_is_told(run, tmp_path):
    (tmp_path / "keys").mkdir()
    code, _printed, said = run("token", "make", "keys", "--issuer", "a", "--audience", "b")
    assert (code, "K041" in said) == (2, True)


def test_every_reason_of_the_log_is_explained_to_operators():
    from typing import get_args

    from cds_service.auth import Reason

    table = dict(
        re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", OPERATE.partition("### Refused tokens")[2], re.MULTILINE)
    )
    assert set(get_args(Reason)) <= set(table)


def test_the_commands_of_the_guide_are_those_that_are_tested():
    words = [
        shlex.split(line, comments=True) for block in _blocks("sh") for line in block.splitlines() if line
    ]
    assert {"token"} <= {parts[1] for parts in words if parts and parts[0] == "twitch-cds"}
