"""Start the command that is shipped, ``twitch-cds serve``, and speak to it as a trusted client does.

Used by the benchmarks and by the tests of the running service: a real process, sockets, tokens, log.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from patients import ROOT

ISSUER = "https://ehr.example"
PATH = "/cds-services/twitch-patient-view"
_START_SECONDS = 90
_STOP_SECONDS = 60
_TOKEN_SECONDS = 3600


@dataclass(slots=True)
class Shipped:
    """A running service: where it listens, its process, and the files it writes."""

    port: int
    process: subprocess.Popen[bytes]
    folder: Path
    start_seconds: float
    key: Any = field(repr=False)

    @property
    def base(self) -> str:
        """Address of the service."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Everything the service wrote to standard output and standard error."""
        return "".join((self.folder / name).read_text() for name in ("out.txt", "err.txt"))

    def token(self, path: str = PATH, **claims: Any) -> str:
        """Return a token for one call of ``path``, signed ES384; ``claims`` replace its claims."""
        now = int(time.time())
        full = {"iss": ISSUER, "aud": self.base + path, "iat": now, "exp": now + _TOKEN_SECONDS}
        full.update({"jti": str(uuid.uuid4()), **claims})
        return jwt.encode(full, self.key, algorithm="ES384", headers={"kid": "one", "typ": "JWT"})

    def message(self, body: bytes, path: str = PATH, headers: Mapping[str, str] | None = None) -> bytes:
        """Return the bytes of a whole request with a token of its own."""
        head = {
            "Host": f"127.0.0.1:{self.port}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Authorization": f"Bearer {self.token(path)}",
            **(headers or {}),
        }
        lines = [f"POST {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items())]
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body

    def get(self, path: str) -> tuple[int, bytes]:
        """Return status and body of a GET."""
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read()
        finally:
            client.close()

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return children(self.process.pid)

    def stop(self, kind: int = signal.SIGTERM) -> int:
        """Tell the service to stop and return its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(kind)
        return self.process.wait(_STOP_SECONDS)


@contextmanager
def shipped(
    folder: Path,
    *,
    command: tuple[str, ...] = (sys.executable, "-m", "cds_service"),
    environment: Mapping[str, str] | None = None,
    clients: Sequence[Mapping[str, Any]] = (),
    **settings: Any,
) -> Iterator[Shipped]:
    """Run the service in ``folder`` with one trusted client until the block is left.

    Args:
        folder: Empty folder for settings, keys, database and log.
        command: How the program is called.
        environment: Variables of the process; None: ours, with this checkout first on the path.
        clients: Trusted clients beside the one whose tokens are made here.
        settings: Settings beside those that a client and a free port need.
    """
    key = ec.generate_private_key(ec.SECP384R1())
    port = free_port()
    config = _write_settings(folder, key, port, settings, clients)
    if environment is None:
        ours = {name: value for name, value in os.environ.items() if not name.startswith("TWITCH_CDS_")}
        environment = {**ours, "PYTHONPATH": str(ROOT)}
    started = time.perf_counter()
    with (folder / "out.txt").open("wb") as out, (folder / "err.txt").open("wb") as err:
        process = subprocess.Popen(
            [*command, "serve", "--config", str(config)],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=err,
            start_new_session=True,
        )
    service = Shipped(port, process, folder, 0.0, key)
    try:
        _wait_until_ready(service)
        service.start_seconds = time.perf_counter() - started
        yield service
    finally:
        workers = service.workers()
        try:
            service.stop()
        finally:
            for pid in (process.pid, *workers):
                _kill(pid)
            process.wait()


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def children(pid: int) -> list[int]:
    """Return the ids of the living child processes of a process (Linux)."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue
        if parent == str(pid) and state != "Z":
            found.append(int(entry.name))
    return sorted(found)


def rss_mib(pid: int) -> float:
    """Return the resident memory of a process in MiB (Linux)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process has used, in seconds (Linux)."""
    user, system = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def open_files(pid: int) -> int:
    """Return how many files and sockets a process has open (Linux)."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def read_answer(connection: socket.socket) -> tuple[int, dict[str, str], bytes]:
    """Read one whole answer.

    Raises:
        ConnectionError: The connection ended before the answer was whole.
    """
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(connection)
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    while len(body) < int(headers.get("content-length", 0)):
        body += _more(connection)
    return int(lines[0].split()[1]), headers, body


def _more(connection: socket.socket) -> bytes:
    data = connection.recv(1 << 16)
    if not data:
        raise ConnectionError("the connection ended before the answer was whole")
    return data


def _write_settings(
    folder: Path, key: Any, port: int, settings: Mapping[str, Any], clients: Sequence[Mapping[str, Any]]
) -> Path:
    public = jwt.algorithms.ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": "one", "use": "sig", "alg": "ES384"}]}
    (folder / "jwks.json").write_text(json.dumps(keys))
    values = {
        "port": port,
        "public_base_url": f"http://127.0.0.1:{port}",
        "store_url": f"sqlite:///{folder / 'feedback.sqlite3'}",
        "allow_as_of": True,
        **settings,
    }
    client = {
        "issuer": ISSUER,
        "jwks_file": str(folder / "jwks.json"),
        "max_life_seconds": _TOKEN_SECONDS,
    }
    lines = [f"{name} = {json.dumps(value)}" for name, value in values.items()]
    for table in (client, *clients):
        lines += ["[[clients]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    config = folder / "site.toml"
    config.write_text("\n".join(lines) + "\n")
    return config


def _wait_until_ready(service: Shipped) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if service.process.poll() is not None:
            break
        try:
            if service.get("/readyz")[0] == 200:
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the service did not start:\n{service.log}")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
