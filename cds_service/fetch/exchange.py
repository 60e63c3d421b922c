"""One exchange with a server whose answer may be large: streamed, unpacked within bounds, never stalling.

For what takes minutes or hours (bulk data). Where it may go, whom it trusts and that nothing is followed is
as for every other question.
"""

from __future__ import annotations

import contextlib
import ssl
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import requests

from cds_service.fetch.deadline import Deadline, Pace
from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.policy import Network, Server
from cds_service.fetch.transport import TROUBLES, PinnedAdapter, kind_of_trouble, portions_of
from cds_service.fetch.wire import Pin, Resolver, checked_addresses, system_resolver

_PORTION: Final = 262_144
_GZIP: Final = 31
#: So many times its size may a packed answer unpack to; resources in JSON pack to a tenth or a thirtieth.
_MOST_RATIO: Final = 300
#: Unpacked bytes from which on the ratio counts.
_RATIO_FROM: Final = 16 * 1024 * 1024
_HEADERS: Final = {"Accept-Encoding": "identity", "User-Agent": "twitch-cds"}


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent; ``headers`` come on top of the usual ones."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Way:
    """Networks that may be reached besides the public ones, whom to trust, the longest silence (seconds)."""

    networks: tuple[Network, ...]
    tls: ssl.SSLContext
    stall: float
    resolver: Resolver = system_resolver


class Reply:
    """Status and headers of an answer, whatever they are, and its body as it comes."""

    def __init__(self, response: requests.Response, deadline: Deadline) -> None:
        """Take an answer whose body was not read."""
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._deadline = deadline

    @property
    def is_packed(self) -> bool:
        """Whether the body travels compressed; a position in it is then none in what it holds."""
        return self._packing not in ("", "identity")

    def portions(self) -> Iterator[bytes]:
        """Yield the unpacked body. Raises FetchFault when it breaks off, stalls or unfolds endlessly."""
        try:
            portions = portions_of(self._response.raw)
            yield from _unpacked(portions, self._packing) if self.is_packed else portions
        except FetchFault:
            raise
        except TROUBLES as error:
            raise FetchFault(kind_of_trouble(error, self._deadline)) from None

    def whole(self, most: int) -> bytes:
        """Return the unpacked body. Raises FetchFault (TOO_LARGE) when it has more than ``most`` bytes."""
        body = bytearray()
        for portion in self.portions():
            body += portion
            if len(body) > most:
                raise FetchFault(Fault.TOO_LARGE)
        return bytes(body)

    @property
    def _packing(self) -> str:
        return self.headers.get("Content-Encoding", "").strip().lower()


@contextlib.contextmanager
def exchange(request: Request, server: Server, way: Way, deadline: Deadline) -> Iterator[Reply]:
    """Send a request to an address of ``server`` and give the answer, of whatever status.

    Redirects are answers like others: nothing follows them. ``deadline`` is that of the whole exchange.

    Raises:
        FetchFault: There is no answer, or the address is none of the server.
    """
    if not request.url.startswith(f"{server.origin}/"):
        raise FetchFault(Fault.NOT_ALLOWED)
    pace = Pace(deadline.ends, deadline.clock, way.stall)
    addresses = checked_addresses(
        server, way.networks, Deadline.within(min(way.stall, deadline.left)), way.resolver
    )
    adapter = PinnedAdapter(Pin(server, addresses, pace, way.tls))
    try:
        response = _sent(adapter, request, pace)
        try:
            yield Reply(response, pace)
        finally:
            response.close()
    finally:
        adapter.close()


def _sent(adapter: PinnedAdapter, request: Request, pace: Pace) -> requests.Response:
    try:
        headers = {**_HEADERS, **request.headers}
        prepared = requests.Request(request.method, request.url, headers=headers, data=request.body).prepare()
        prepared.url = request.url  # as it was given: an address may be signed
        left = pace.need()
        return adapter.send(prepared, stream=True, timeout=(left, left))
    except TROUBLES as error:
        raise FetchFault(kind_of_trouble(error, pace)) from None


def _unpacked(portions: Iterator[bytes], packing: str) -> Iterator[bytes]:
    """Yield what is packed with gzip, one or several members; a bomb is noticed while it unfolds."""
    if packing not in ("gzip", "x-gzip"):
        raise FetchFault(Fault.UNPACKING)
    packed, unpacked = 0, 0
    unpacker = zlib.decompressobj(_GZIP)
    try:
        for portion in portions:
            packed += len(portion)
            while portion:
                if unpacker.eof:
                    unpacker = zlib.decompressobj(_GZIP)
                found = unpacker.decompress(portion, _PORTION)
                unpacked += len(found)
                if unpacked > max(_RATIO_FROM, _MOST_RATIO * packed):
                    raise FetchFault(Fault.TOO_LARGE)
                yield found
                portion = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
    except zlib.error:
        raise FetchFault(Fault.UNPACKING) from None
    if packed and not unpacker.eof:
        raise FetchFault(Fault.UNPACKING)  # it ended before the packing did
