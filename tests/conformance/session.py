"""One way to ask a service, whether it runs in this process or at an address; knows HTTP and nothing else."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import requests


def _no_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    assert len(members) == len(pairs), "a member is said twice"
    return members


def _no_constant(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


@dataclass(frozen=True)
class Answer:
    """What came back. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """Return the body, which must be JSON by RFC 8259 with every member said once."""
        return json.loads(self.body.decode("utf-8"), object_pairs_hook=_no_twice, parse_constant=_no_constant)

    @property
    def timeless(self) -> bytes:
        """The body without the instant it was judged at: a service that heeds only its own clock moves on."""
        return re.sub(rb'"asOf": *"[^"]*"', b'"asOf":""', self.body)

    @property
    def text(self) -> str:
        return self.body.decode("utf-8")


class Transport(Protocol):
    """Sends one request."""

    base: str

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer: ...


class InProcess:
    """A service of this process, through the test client of its framework."""

    def __init__(self, client: Any, base: str = "http://127.0.0.1:8000") -> None:
        self.client, self.base = client, base

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        found = self.client.open(path, method=method, data=body, headers=dict(headers))
        return Answer(found.status_code, {k.lower(): v for k, v in found.headers.items()}, found.data)


class Remote:
    """A service at an address."""

    def __init__(self, base: str) -> None:
        self.base = base.rstrip("/")
        self._session = requests.Session()
        self._session.trust_env = False

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        found = self._session.request(
            method, self.base + path, data=body, headers=dict(headers), timeout=30, allow_redirects=False
        )
        return Answer(found.status_code, {k.lower(): v for k, v in found.headers.items()}, found.content)


class Session:
    """What the tests ask through. ``token_command`` is run with the address and prints a token for it."""

    def __init__(self, transport: Transport, *, foreign: bool = False, token_command: str = "") -> None:
        self._transport, self.foreign, self._token_command = transport, foreign, token_command

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if body is not None:
            named = {"Content-Type": "application/json", **named}
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
        if self._token_command and method == "POST":
            named.setdefault("Authorization", f"Bearer {self._token(path)}")
        return self._transport.send(method, path, body, named)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.send("POST", path, body, **headers)

    def discovery(self) -> list[dict[str, Any]]:
        """Return the services on offer."""
        found: list[dict[str, Any]] = self.get("/cds-services").json()["services"]
        return found

    def _token(self, path: str) -> str:
        command = [*shlex.split(self._token_command), self._transport.base + path]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
