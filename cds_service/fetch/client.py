"""Fetch what was not prefetched: every key its queries, all of them together within one deadline."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

from cds_service.fetch.authorization import Authorization, Coverage
from cds_service.fetch.breaker import Breakers
from cds_service.fetch.deadline import Allowance, Deadline
from cds_service.fetch.faults import OF_THE_SERVER, PASSING, Fault, FetchFault
from cds_service.fetch.pages import Joined, Page, read_one, read_page
from cds_service.fetch.policy import Network, Server, listed, next_address
from cds_service.fetch.queries import Query, Style, filled
from cds_service.fetch.transport import Answer, Line, Question
from cds_service.fetch.wire import Pin, Resolver, checked_addresses, system_resolver, tls_context

#: Connections one call opens at most, and calls that fetch at the same time in one process.
_LINES = 6
_CALLS = 32
#: A copy older than this in a cache on the way is not the record (seconds).
_STALE_SECONDS = 300
_CLOCK_SKEW_SECONDS = 3_600
_BACKOFF = (0.05, 0.15)
_BY_STATUS = {
    401: Fault.REFUSED,
    403: Fault.REFUSED,
    404: Fault.ABSENT,
    410: Fault.ABSENT,
    429: Fault.BUSY,
    503: Fault.BUSY,
    500: Fault.SERVER,
    502: Fault.SERVER,
    504: Fault.SERVER,
}


@dataclass(frozen=True, slots=True)
class Access:
    """What a site allows: servers, networks beyond the public ones, bounds, and how servers are asked.

    ``seconds`` is the budget of one call for everything, from the name look-up to the last page;
    ``most_bytes`` that of all its answers, unpacked; ``most_pages`` holds for each search.
    """

    servers: tuple[Server, ...] = ()
    networks: tuple[Network, ...] = ()
    seconds: float = 2.0
    most_bytes: int = 32 * 1024 * 1024
    most_pages: int = 20
    style: Style = field(default_factory=Style)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched: a resource or Bundle for a key, or the fault that left it without.

    ``refusal`` says why nothing was asked at all; None when something was, or nothing was needed.
    ``requests`` counts what was sent, retries included.
    """

    found: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    refusal: Fault | None = None
    requests: int = 0


class FhirClient:
    """Asks the FHIR servers of a site; one for the whole process, used by many threads."""

    def __init__(
        self,
        access: Access,
        *,
        resolver: Resolver = system_resolver,
        clock: Callable[[], float] = time.monotonic,
        jitter: Callable[[float, float], float] = random.uniform,
        now: Callable[[], float] | None = None,
    ) -> None:
        """Prepare to ask; without servers in ``access`` every question is refused.

        ``clock`` only runs forward; ``now`` gives seconds since 1970, to know old copies by their date
        (None: only by their age). ``jitter`` chooses a pause between two numbers of seconds.

        Raises:
            OSError: The file of certificate authorities cannot be read.
        """
        self.access = access
        self.resolver = resolver
        self.clock = clock
        self.jitter = jitter
        self.now = now
        self.breakers = Breakers(clock)
        self.tls: ssl.SSLContext | None = tls_context(access.ca_file) if access.servers else None
        self._calls = threading.BoundedSemaphore(_CALLS)

    def fetch_missing(
        self,
        templates: Mapping[str, str],
        *,
        fhir_server: str,
        authorization: Authorization | None,
        context: Mapping[str, str],
        issuer: str = "",
    ) -> Fetched:
        """Return what the FHIR server of a call says to the given prefetch templates.

        Args:
            templates: Prefetch key to template; only of the keys that were not sent.
            fhir_server: The address the call names; it selects an allowed server, no more.
            authorization: The token of the call; None asks nothing.
            context: FHIR ids that replace ``{{context.name}}``.
            issuer: Verified issuer of the caller, empty where nobody verified one.

        Never raises for what a server does: every key has an answer or a fault.
        """
        if not templates:
            return Fetched()
        server = listed(self.access.servers, fhir_server, issuer)
        if server is None or self.tls is None:
            return Fetched(refusal=Fault.NOT_ALLOWED)
        if authorization is None or not authorization.is_sendable or authorization.expires_in <= 0:
            return Fetched(refusal=Fault.SCOPE)
        deadline = Deadline.within(min(self.access.seconds, authorization.expires_in), self.clock)
        if not self._calls.acquire(blocking=False):
            return Fetched(faults=dict.fromkeys(sorted(templates), Fault.CROWDED))
        try:
            return _Fetching(self, server, authorization, deadline).all_of(templates, context)
        finally:
            self._calls.release()


@dataclass(slots=True)
class _Fetching:
    """The fetching of one call."""

    client: FhirClient
    server: Server
    authorization: Authorization
    deadline: Deadline
    pin: Pin | None = None
    requests: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)
    lines: list[Line] = field(default_factory=list)
    allowance: Allowance = field(init=False)

    def __post_init__(self) -> None:
        self.allowance = Allowance(self.client.access.most_bytes)

    def all_of(self, templates: Mapping[str, str], context: Mapping[str, str]) -> Fetched:
        """Fetch every key; a fault of one is no fault of another."""
        keys = sorted(templates)
        try:
            self.pin = self._pinned()
        except FetchFault as fault:
            return Fetched(faults=dict.fromkeys(keys, fault.fault))
        try:
            with ThreadPoolExecutor(min(_LINES, len(keys)), thread_name_prefix="fhir") as threads:
                rows = list(threads.map(lambda key: self._key(templates[key], context), keys))
        finally:
            for line in self.lines:
                line.close()
        found = {key: row for key, row in zip(keys, rows, strict=True) if isinstance(row, bytes)}
        faults = {key: row for key, row in zip(keys, rows, strict=True) if isinstance(row, Fault)}
        return Fetched(found, faults, requests=self.requests)

    def _pinned(self) -> Pin:
        client, breaker = self.client, self.client.breakers.of(self.server.origin)
        assert client.tls is not None
        try:
            addresses = checked_addresses(self.server, client.access.networks, self.deadline, client.resolver)
        except FetchFault as fault:
            if fault.fault in OF_THE_SERVER:
                breaker.failed()
            raise
        return Pin(self.server, addresses, self.deadline, client.tls)

    def _line(self) -> Line:
        """Return a connection nobody uses at the moment."""
        assert self.pin is not None
        with self.lock:
            return self.lines.pop() if self.lines else Line(self.pin, self.allowance)

    def _key(self, template: str, context: Mapping[str, str]) -> bytes | Fault:
        line = self._line()
        joined = Joined()
        try:
            for query in filled(template, context, self.client.access.style):
                coverage = self.authorization.covers(query.resource_type, search=query.is_search)
                if coverage is Coverage.NONE:
                    return Fault.SCOPE
                joined.has_gap |= coverage is Coverage.PART
                if not query.is_search:
                    question = query.question(self.server, self.client.access.style)
                    return read_one(self._ask(line, question).body, query)
                self._search(line, query, joined)
            return joined.bundle()
        except FetchFault as fault:
            return self._remains(joined, fault.fault)
        finally:
            with self.lock:
                self.lines.append(line)

    def _remains(self, joined: Joined, fault: Fault) -> bytes | Fault:
        """Return the pages that came before a fault: what is there counts, the rest is a gap."""
        if not any(page.entries for page in joined.pages):
            return fault
        joined.has_gap = True
        return joined.bundle()

    def _search(self, line: Line, query: Query, joined: Joined) -> None:
        """Follow a search to its last page, or as far as it may be followed."""
        question = query.question(self.server, self.client.access.style)
        seen = {question.url}
        pages: list[Page] = []
        while True:
            body = self._ask(line, question).body
            page = read_page(body, query, first=not pages)
            pages.append(page)
            joined.add(page, body)
            if not page.next:
                break
            following = next_address(self.server, question.url, page.next)
            if following is None or following in seen or len(pages) >= self.client.access.most_pages:
                joined.has_gap = True
                break
            seen.add(following)
            question = Question(following)
        matches = sum(page.matches for page in pages)
        joined.has_gap |= pages[0].total > matches or not pages[0].patient_heeded

    def _ask(self, line: Line, question: Question) -> Answer:
        """Return a good answer; ask again where that may help, was earned and fits the deadline."""
        breaker = self.client.breakers.of(self.server.origin)
        while True:
            if self.deadline.left <= 0:
                raise FetchFault(Fault.TIMEOUT)
            if not breaker.admits():
                raise FetchFault(Fault.RESTING)
            try:
                answer = self._once(line, question)
            except FetchFault as fault:
                (breaker.failed if fault.fault in OF_THE_SERVER else breaker.succeeded)()
                pause = self._pause(fault, question)
                if pause is None or not breaker.may_retry():
                    raise
                time.sleep(pause)
            else:
                breaker.succeeded()
                return answer

    def _pause(self, fault: FetchFault, question: Question) -> float | None:
        """Return how many seconds to wait before asking again; None when that is of no use."""
        if fault.fault not in PASSING or question.form is not None:
            return None
        pause = self.client.jitter(*_BACKOFF) if fault.wait is None else fault.wait
        return pause if pause < self.deadline.left / 2 else None

    def _once(self, line: Line, question: Question) -> Answer:
        with self.lock:
            self.requests += 1
        answer = line.ask(question, self.authorization.token)
        if answer.status != 200:
            fault = Fault.REDIRECT if 300 <= answer.status < 400 else Fault.STATUS
            raise FetchFault(_BY_STATUS.get(answer.status, fault), _wait(answer))
        if _is_stale(answer, self.client.now):
            raise FetchFault(Fault.STALE)
        return answer


def _wait(answer: Answer) -> float | None:
    """Return the seconds of Retry-After; a date in it counts as long. None without the header."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else float("inf")


def _is_stale(answer: Answer, now: Callable[[], float] | None) -> bool:
    """Whether a cache on the way answered with an old copy, by its Age or its Date."""
    age = answer.headers.get("Age", "").strip()
    if age.isascii() and age.isdigit() and int(age[:9]) > _STALE_SECONDS:
        return True
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", ""))
        seconds = (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return False
    return now is not None and now() - seconds > _CLOCK_SKEW_SECONDS
