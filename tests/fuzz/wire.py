"""Send requests over a socket to the command that is shipped, and look whether it lives and what it logs."""

from __future__ import annotations

import json
import select
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from cryptography.hazmat.primitives import serialization
from shipped import Shipped, children, shipped

from tests.fuzz.framing import Framed, Message, framed
from tests.fuzz.hostile import CANARY, Hostile, calls

_OWN = ("content-length", "transfer-encoding")
_KEY = "client.pem"
_WHERE = "where.json"
#: How long an answer may take before the connection is ended by half, after which no more may come.
_PATIENCE_SECONDS = 0.03


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer: status (0: none came), media type and body."""

    status: int
    media: str = ""
    body: bytes = b""


@contextmanager
def serving(folder: Path) -> Iterator[Wire]:
    """Run the shipped command with its log at its fullest until the block is left."""
    folder.mkdir(parents=True, exist_ok=True)
    with shipped(folder, log_level="debug", memory_key="k" * 32) as service:
        secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        (folder / _KEY).write_bytes(service.key.private_bytes(serialization.Encoding.PEM, *secret))
        wire = Wire(service, service.process.pid)
        (folder / _WHERE).write_text(json.dumps([service.port, service.process.pid]))
        yield wire


def joined(folder: Path) -> Wire:
    """Return the way to a service that another process started in ``folder`` (``serving``)."""
    key = serialization.load_pem_private_key((folder / _KEY).read_bytes(), None)
    port, pid = json.loads((folder / _WHERE).read_text())
    return Wire(Shipped(port, None, folder, 0.0, key), pid)  # type: ignore[arg-type]


class Wire:
    """The way to one running service."""

    def __init__(self, service: Shipped, pid: int) -> None:
        """``service`` may run for others, too; ``pid`` is the process that looks after its workers."""
        self._service = service
        self._pid = pid
        self._workers = children(pid)
        self._seen: dict[str, int] = {}
        self._good = json.dumps(next(one for one in calls() if one["hook"] == "order-sign")).encode()

    @property
    def port(self) -> int:
        """Return where it listens."""
        return self._service.port

    def document(self) -> dict[str, Any]:
        """Return its OpenAPI document."""
        found: dict[str, Any] = json.loads(self._service.get("/openapi.json")[1])
        return found

    def send(self, sent: Hostile, seed: int, seconds: float) -> tuple[Framed, list[Answer]]:
        """Send a request in its framing and return what came back.

        Raises:
            TimeoutError: Nothing came, and the connection was not ended, for ``seconds``.
        """
        whole = framed(self._message(sent), sent.framing, Random(seed))
        return whole, self._exchanged(whole, sent.method, seconds)

    def unhealthy(self) -> list[str]:
        """Return what is wrong with the service: no cards for a good call, a worker lost, words in its log."""
        good = Hostile("POST", "/cds-services/twitch-order-sign", self._good, framing="plain")
        try:
            _, answers = self.send(good, 0, 60)
        except OSError as error:
            return [f"a good call afterwards: {error!r}"]
        found = (
            []
            if answers[0].status == 200 and json.loads(answers[0].body)["cards"]
            else [f"a good call afterwards: {answers}"]
        )
        if children(self._pid) != self._workers:
            found.append(f"other processes than at first: {self._workers}, now {children(self._pid)}")
        log = self._new_log()
        if CANARY in log:
            found.append("patient or token in the log of the command")
        found += [
            f"{word} in the log of the command: {log[log.index(word) :][:1500]}"
            for word in ("Traceback", "panicked")
            if word in log
        ]
        return found

    def _new_log(self) -> str:
        text = ""
        for name in ("out.txt", "err.txt"):
            with (self._service.folder / name).open("rb") as log:
                log.seek(self._seen.get(name, 0))
                text += log.read().decode("utf-8", "replace")
                self._seen[name] = log.tell()
        return text

    def _message(self, sent: Hostile) -> Message:
        path = sent.path.partition("?")[0]
        headers = {"Host": f"127.0.0.1:{self.port}", "Authorization": f"Bearer {self._service.token(path)}"}
        if sent.media:
            headers["Content-Type"] = sent.media
        headers |= {name: value for name, value in sent.headers.items() if name.lower() not in _OWN}
        lines = tuple(f"{name}: {value}".encode("latin-1", "replace") for name, value in headers.items())
        return Message(f"{sent.method} {sent.path} HTTP/1.1".encode(), lines, sent.body)

    def _exchanged(self, whole: Framed, method: str, seconds: float) -> list[Answer]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=seconds) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            try:
                for part in whole.parts:
                    connection.sendall(part)
                if whole.end == "half":
                    select.select([connection], [], [], _PATIENCE_SECONDS)
                    connection.shutdown(socket.SHUT_WR)
            except TimeoutError:
                raise
            except OSError:
                pass  # ended by the server before it read all: an answer may be there
            if whole.end == "reset":
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            if whole.end in ("reset", "close"):
                return []
            return _answers(connection, whole.answers, method)


def _answers(connection: socket.socket, most: int, method: str) -> list[Answer]:
    found: list[Answer] = []
    data = _Incoming(connection)
    while len(found) < most and (answer := data.answer(method if not found else "GET")):
        if answer.status >= 200:
            found.append(answer)
    return found


class _Incoming:
    """What comes from a connection, answer by answer."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._data = b""

    def answer(self, method: str) -> Answer | None:
        """Return the next answer; None when the connection ended before one was whole."""
        while b"\r\n\r\n" not in self._data:
            if not self._more():
                return None
        head, _, self._data = self._data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        status = int(first.split()[1])
        has_none = method == "HEAD" or status < 200 or status in (204, 304)
        size = 0 if has_none else int(headers.get("content-length", 0))
        if "chunked" in headers.get("transfer-encoding", "") and not has_none:
            return Answer(status, headers.get("content-type", ""), self._chunked())
        while len(self._data) < size:
            if not self._more():
                return None
        body, self._data = self._data[:size], self._data[size:]
        return Answer(status, headers.get("content-type", ""), body)

    def _chunked(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._data and self._more():
                pass
            size, _, self._data = self._data.partition(b"\r\n")
            length = int(size or b"0", 16)
            while len(self._data) < length + 2 and self._more():
                pass
            body, self._data = body + self._data[:length], self._data[length + 2 :]
            if not length:
                return body

    def _more(self) -> bool:
        try:
            data = self._connection.recv(1 << 16)
        except ConnectionError:
            return False
        self._data += data
        return bool(data)
