"""The one client of a process: which server may be asked, by how many calls, within what bounds."""

from __future__ import annotations

import random
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from cds_service.fetch.asking import Asker
from cds_service.fetch.authorization import Authorization
from cds_service.fetch.breaker import Breaker, Breakers
from cds_service.fetch.deadline import Allowance, Deadline
from cds_service.fetch.faults import OF_THE_SERVER, Fault, FetchFault
from cds_service.fetch.one_call import OneCall, Wanted
from cds_service.fetch.policy import Network, Server, listed, named_machine
from cds_service.fetch.queries import Style
from cds_service.fetch.wire import Pin, Resolver, checked_addresses, system_resolver, tls_context

#: Calls that fetch at the same time in one process.
_CALLS = 32


@dataclass(frozen=True, slots=True)
class Access:
    """What a site allows: servers, networks beyond the public ones, bounds, and how servers are asked.

    ``seconds`` is the budget of one call for everything, from the name look-up to the last page;
    ``most_bytes`` that of all its answers, unpacked; ``most_pages`` holds for each search. ``own`` are
    further servers: endpoints of this very process, reached on this machine whatever the networks are.
    """

    servers: tuple[Server, ...] = ()
    own: tuple[Server, ...] = ()
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
    ``requests`` counts what was sent, retries included. ``patient_form`` is how the server wants searches
    to name the patient, where that is not as set; else empty.
    """

    found: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    faults: Mapping[str, Fault] = field(default_factory=dict)
    refusal: Fault | None = None
    requests: int = 0
    patient_form: str = ""


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
        self.tls: ssl.SSLContext | None = (
            tls_context(access.ca_file) if access.servers or access.own else None
        )
        self._calls = threading.BoundedSemaphore(_CALLS)
        #: How each server understands the patient of a search, once it has found something.
        self._forms: dict[str, str] = {}

    def fetch_missing(
        self,
        templates: Mapping[str, str],
        *,
        fhir_server: str,
        authorization: Authorization | None,
        context: Mapping[str, str],
        issuer: str = "",
        begun: Mapping[str, bytes] | None = None,
    ) -> Fetched:
        """Return what the FHIR server of a call says to the given prefetch templates.

        Args:
            templates: Prefetch key to template; only of the keys that were not sent, or not to the end.
            fhir_server: The address the call names; it selects an allowed server, no more.
            authorization: The token of the call; None asks nothing.
            context: FHIR ids that replace ``{{context.name}}``.
            issuer: Verified issuer of the caller, empty where nobody verified one.
            begun: What was sent of keys that were not sent to the end; only further pages are asked for.

        Never raises for what a server does: every key has an answer or a fault.
        """
        if not templates:
            return Fetched()
        server = listed((*self.access.own, *self.access.servers), fhir_server, issuer)
        if server is None or self.tls is None:
            return Fetched(refusal=Fault.NOT_ALLOWED)
        if authorization is None or not authorization.is_sendable or authorization.expires_in <= 0:
            return Fetched(refusal=Fault.SCOPE)
        deadline = Deadline.within(min(self.access.seconds, authorization.expires_in), self.clock)
        if not self._calls.acquire(blocking=False):
            return Fetched(faults=dict.fromkeys(sorted(templates), Fault.CROWDED))
        try:
            return self._fetched(server, authorization, deadline, Wanted(templates, context, begun or {}))
        finally:
            self._calls.release()

    def _fetched(
        self, server: Server, authorization: Authorization, deadline: Deadline, wanted: Wanted
    ) -> Fetched:
        style, known = self.access.style, self._forms.get(server.base)
        try:
            pin = self._pinned(server, deadline)
        except FetchFault as fault:
            return Fetched(faults=dict.fromkeys(sorted(wanted.templates), fault.fault))
        asker = Asker(
            self._breaker(server),
            deadline,
            authorization.token,
            jitter=self.jitter,
            now=self.now,
            is_hurried=authorization.expires_in < self.access.seconds,
        )
        call = OneCall(
            pin,
            asker,
            authorization,
            replace(style, patient_form=known) if known else style,
            self.access.most_pages,
            Allowance(self.access.most_bytes),
            understood=known is not None,
        )
        rows = call.rows(wanted)
        form = call.style.patient_form
        if call.understood:
            self._forms[server.base] = form
        return Fetched(
            {key: row.body for key, row in rows.items() if row.fault is None},
            {key: row.fault for key, row in rows.items() if row.fault is not None},
            requests=asker.requests,
            patient_form="" if form == style.patient_form else form,
        )

    def _breaker(self, server: Server) -> Breaker:
        """Return what counts the faults: of a whole machine, or of one endpoint where they are our own."""
        return self.breakers.of(server.base if server in self.access.own else server.origin)

    def _pinned(self, server: Server, deadline: Deadline) -> Pin:
        """Return where to connect, looked up once. Raises FetchFault."""
        assert self.tls is not None
        networks = (*self.access.networks, *(named_machine(server) if server in self.access.own else ()))
        try:
            addresses = checked_addresses(server, networks, deadline, self.resolver)
        except FetchFault as fault:
            if fault.fault in OF_THE_SERVER:
                self._breaker(server).failed()
            raise
        return Pin(server, addresses, deadline, self.tls)
