"""Ask one address one question, outside of any call: checked addresses, no redirects, one deadline."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.fetch.deadline import Allowance, Deadline
from cds_service.fetch.policy import Network, Server
from cds_service.fetch.transport import Answer, Line, Question
from cds_service.fetch.wire import Pin, Resolver, checked_addresses, system_resolver, tls_context


def ask_once(
    question: Question,
    server: Server,
    networks: Sequence[Network],
    *,
    ca_file: str,
    most_bytes: int,
    seconds: float,
    resolver: Resolver = system_resolver,
) -> Answer:
    """Return the answer of ``server`` to a question below its base, of whatever status; no token is sent.

    Raises:
        FetchFault: There is none, or the server stands where nobody may go.
        OSError: The certificate authorities cannot be read.
    """
    deadline = Deadline.within(seconds)
    addresses = checked_addresses(server, networks, deadline, resolver)
    line = Line(Pin(server, addresses, deadline, tls_context(ca_file)), Allowance(most_bytes))
    try:
        return line.ask(question)
    finally:
        line.close()
