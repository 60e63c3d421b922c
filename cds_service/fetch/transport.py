"""Ask one question over a pinned connection: no redirects, proxies, netrc or cookies; bounded in all.

Requests' adapter is used without its session: the session looks at the environment and reads the whole
body of a redirect before anybody can object.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cds_service.fetch.deadline import Allowance, Deadline
from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.wire import Pin

# Its messages quote addresses, and addresses hold patient ids: it says nothing, at whatever level others log.
logging.getLogger("urllib3").setLevel(logging.CRITICAL + 1)
logging.getLogger("urllib3").propagate = False

#: Everything a connection, its libraries and the server's words can raise.
TROUBLES = (
    OSError,
    ValueError,
    http.client.HTTPException,
    requests.RequestException,
    urllib3.exceptions.HTTPError,
)
_CHUNK = 65_536
_GZIP = 31
_HEADERS = {
    "Accept-Encoding": "gzip",
    "Cache-Control": "no-cache",
    "Prefer": "handling=strict",
    "User-Agent": "twitch-cds",
}


@dataclass(frozen=True, slots=True)
class Question:
    """One request: an address below the server's base; ``body`` is that of a POST, None for a GET.

    ``content_type`` says what the body is, ``accept`` what the answer shall be.
    """

    url: str = field(repr=False)
    body: str | bytes | None = field(default=None, repr=False)
    content_type: str = "application/x-www-form-urlencoded"
    accept: str = "application/fhir+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """Status, headers and the whole unpacked body of an answer."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Line:
    """A connection to one server, for one thread, until the deadline of its pin."""

    def __init__(self, pin: Pin, allowance: Allowance) -> None:
        """Prepare; nothing is connected before the first question."""
        self._pin = pin
        self._allowance = allowance
        self._adapter = PinnedAdapter(pin)

    def ask(self, question: Question, token: str = "") -> Answer:
        """Return the answer to a question, of whatever status.

        Raises:
            FetchFault: There is none, or none that may be taken in.
        """
        try:
            return self._ask(question, token)
        except FetchFault:
            raise
        except TROUBLES as error:
            raise FetchFault(kind_of_trouble(error, self._pin.deadline)) from None

    def close(self) -> None:
        """Close the connection."""
        self._adapter.close()

    def _ask(self, question: Question, token: str) -> Answer:
        headers = {**_HEADERS, "Accept": question.accept}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        if question.body is not None:
            headers["Content-Type"] = question.content_type
        method = "GET" if question.body is None else "POST"
        prepared = requests.Request(method, question.url, headers=headers, data=question.body).prepare()
        left = self._pin.deadline.need()
        response = self._adapter.send(prepared, stream=True, timeout=(left, left))
        try:
            return Answer(response.status_code, response.headers, self._body(response))
        finally:
            response.close()

    def _body(self, response: requests.Response) -> bytes:
        if response.status_code != requests.codes.ok:
            return b""  # what stands in it is not used, so it is not taken in
        packing = response.headers.get("Content-Encoding", "identity").strip().lower()
        portions = portions_of(response.raw)
        if packing == "gzip":
            portions = _unpacked(portions)
        elif packing not in ("", "identity"):
            raise FetchFault(Fault.UNPACKING)
        body = bytearray()
        for portion in portions:
            self._pin.deadline.need()
            self._allowance.take(len(portion))
            body += portion
        return bytes(body)


def kind_of_trouble(error: Exception, deadline: Deadline) -> Fault:
    """Return the fault one of ``TROUBLES`` is."""
    if deadline.left <= 0:
        return Fault.TIMEOUT
    if isinstance(error, requests.exceptions.SSLError):
        return Fault.BROKEN if _hung_up(error) else Fault.TLS
    timeouts = (TimeoutError, requests.Timeout, urllib3.exceptions.TimeoutError)
    return Fault.TIMEOUT if isinstance(error, timeouts) else Fault.BROKEN


def _hung_up(error: Exception) -> bool:
    """Whether the other side ended an encrypted connection without a word: a restart, and no refusal.

    The error of ssl is an argument of urllib3's, the ``reason`` of an argument of the one of requests.
    """
    retries = next(iter(error.args), None)
    reason = getattr(retries, "reason", retries)
    return any(
        isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in getattr(reason, "args", ())
    )


def portions_of(raw: Any) -> Iterator[bytes]:
    """Yield what arrives of a body, as it was sent."""
    while portion := raw.read(_CHUNK, decode_content=False):
        yield portion


def _unpacked(portions: Iterator[bytes]) -> Iterator[bytes]:
    """Yield what is packed with gzip, in small portions so that a bomb is noticed while it unfolds."""
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for packed in portions:
            while packed and not unpacker.eof:
                yield unpacker.decompress(packed, _CHUNK)
                packed = unpacker.unconsumed_tail
            if unpacker.eof:
                return
    except zlib.error:
        raise FetchFault(Fault.UNPACKING) from None
    raise FetchFault(Fault.UNPACKING)  # it ended before the packing did


class PinnedAdapter(HTTPAdapter):
    """Requests' adapter, connecting where the pin says and nowhere else."""

    def __init__(self, pin: Pin) -> None:
        self._pin = pin
        super().__init__(pool_connections=1, pool_maxsize=1)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        """Make the connections those of the pin."""
        super().init_poolmanager(connections, maxsize, block, ssl_context=self._pin.tls, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pools(self._pin)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        """Leave the choice of authorities to the context of the pin."""
        conn.cert_reqs = "CERT_REQUIRED"


def _pools(pin: Pin) -> dict[str, type[HTTPConnectionPool]]:
    """Return connection pools that can only reach the pin."""

    class Plain(HTTPConnection):
        def _new_conn(self) -> Any:
            return pin.dial()

    class Encrypted(HTTPSConnection):
        def _new_conn(self) -> Any:
            return pin.dial()

        def connect(self) -> None:
            super().connect()
            self.sock.deadline = pin.deadline  # type: ignore[union-attr]

    class PlainPool(HTTPConnectionPool):
        ConnectionCls = Plain

    class EncryptedPool(HTTPSConnectionPool):
        ConnectionCls = Encrypted

    return {"http": PlainPool, "https": EncryptedPool}
