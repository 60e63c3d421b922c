"""Ask the servers of an export: with the token where it belongs, patiently, within the time of the export."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Protocol

from cds_service.batch.export.access import ExportAccess
from cds_service.batch.export.words import Told, retry_after
from cds_service.batch.faults import stops
from cds_service.errors import BatchError, Issue
from cds_service.fetch import (
    PASSING,
    Deadline,
    Fault,
    FetchFault,
    Reply,
    Request,
    Server,
    Way,
    exchange,
    tls_context,
)

#: How often in a row something is asked that failed and may succeed later.
TRIES: Final = 5
#: No server is waited for longer than this at a time, whatever it wishes (seconds).
_LONGEST_PAUSE: Final = 600.0
_SHORTEST_PAUSE: Final = 1.0
_BACKOFF_TO: Final = 60.0
_MOST_ERROR: Final = 256 * 1024
_MAY_PASS: Final = PASSING | {Fault.TIMEOUT, Fault.NO_NAME}


class Tokens(Protocol):
    """Gives the token of the server that is asked for the export."""

    def current(self) -> str:
        """Return a token that is still good; empty when there is none to send."""

    def renew(self) -> bool:
        """Get another token after one was refused; false when there is no other."""


@dataclass(slots=True)
class Caller:
    """Asks on behalf of one export; ``home`` is its server."""

    access: ExportAccess
    home: Server
    deadline: Deadline
    tokens: Tokens
    way: Way = field(repr=False)

    @contextlib.contextmanager
    def open(self, request: Request, server: Server, *, with_token: bool) -> Iterator[Reply]:
        """Send a request; a token that is refused is renewed once. Raises FetchFault, BatchError."""
        sends = with_token and server.origin == self.home.origin
        for is_last in (False, True):
            token = self.tokens.current() if sends else ""
            headers = {**request.headers, **({"Authorization": f"Bearer {token}"} if token else {})}
            asked = Request(request.method, request.url, headers, request.body)
            way = Way(self.access.reachable(server), self.way.tls, self.way.stall, self.way.resolver)
            with exchange(asked, server, way, self.deadline) as reply:
                if reply.status == 401 and token and not is_last and self.tokens.renew():
                    continue
                yield reply
                return

    def ask(self, request: Request, server: Server, most: int, *, with_token: bool = True) -> Told:
        """Return a small answer. Raises FetchFault, BatchError."""
        with self.open(request, server, with_token=with_token) as reply:
            is_good = 200 <= reply.status < 300
            try:
                body = reply.whole(most if is_good else _MOST_ERROR)
            except FetchFault:
                if is_good:
                    raise
                body = b""  # an error without words is an error all the same
            return Told(reply.status, reply.headers, body)

    def ask_patiently(self, request: Request, server: Server, most: int, *, with_token: bool = True) -> Told:
        """Return a small answer; what may succeed later is asked again.

        Raises:
            BatchError: There is no answer (B042), or none in time (B045).
        """
        tries = 0
        while True:
            told = None
            try:
                told = self.ask(request, server, most, with_token=with_token)
            except FetchFault as fault:
                failed = fault.fault
                if failed not in _MAY_PASS or tries + 1 >= TRIES:
                    raise self.out_of_reach(failed, server) from None
            if told is not None and (not told.is_passing or (tries + 1 >= TRIES and _has_no_wish(told))):
                return told
            tries += 1
            self.pause(told, tries)

    def pause(self, told: Told | None, tries: int) -> None:
        """Wait as the server wishes, or longer with every try. Raises BatchError (B045)."""
        wish = None if told is None else retry_after(told.headers, self.access.clock.now())
        if wish is None:
            most = min(_BACKOFF_TO, 2.0 ** min(tries, 10))
            wish = self.access.clock.jitter(most / 2, most)
        self.check_time()
        self.access.clock.sleep(min(max(wish, _SHORTEST_PAUSE), _LONGEST_PAUSE, self.deadline.left))
        self.check_time()

    def check_time(self) -> None:
        """Raise BatchError (B045) when the time of the export is over."""
        if self.deadline.left <= 0:
            raise stops("B045", self.home.origin)

    def out_of_reach(self, fault: Fault, server: Server) -> BatchError:
        """Return the error of a server that gave no answer."""
        if self.deadline.left <= 0:
            return stops("B045", self.home.origin)
        return stops("B042", server.origin, fault.value)

    def tell(self, issue: Issue) -> None:
        """Tell what the export lacks."""
        self.access.tell(issue)


def way_of(access: ExportAccess) -> Way:
    """Return how far exchanges may go. Raises BatchError (B042) when there are no authorities to trust."""
    try:
        return Way((), tls_context(access.ca_file), access.stall_seconds)
    except OSError:
        raise stops("B042", "fhir_ca_file", "no certificates that can be read") from None


def _has_no_wish(told: Told) -> bool:
    return "Retry-After" not in told.headers
