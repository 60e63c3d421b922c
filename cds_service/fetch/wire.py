"""Connections to addresses that were checked before, every single wait cut off by the deadline.

The name of the server is resolved once, its addresses are checked, and only those are dialled: what
the name means a moment later is of no consequence. Certificates are still checked against the name.
"""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from requests.utils import DEFAULT_CA_BUNDLE_PATH

from cds_service.fetch.deadline import Deadline
from cds_service.fetch.faults import Fault, FetchFault
from cds_service.fetch.policy import Network, Server, may_connect

Resolver: TypeAlias = Callable[[str, int], Sequence[str]]

_MOST_ADDRESSES = 16
_MOST_TRIES = 3
#: Look-ups that may hang at the same time: the system's resolver cannot be interrupted.
_LOOKUPS = threading.BoundedSemaphore(32)


@dataclass(frozen=True, slots=True)
class Pin:
    """Where to connect: the checked addresses of one server, until when, and whom to trust."""

    server: Server
    addresses: tuple[str, ...]
    deadline: Deadline
    tls: ssl.SSLContext

    def dial(self) -> TimedSocket:
        """Return a connection to the first address that answers. Raises OSError."""
        tries = self.addresses[:_MOST_TRIES]
        for place, address in enumerate(tries, start=1):
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            sock = TimedSocket(family, socket.SOCK_STREAM)
            sock.deadline = self.deadline
            try:
                sock.settimeout(self.deadline.need() / (len(tries) - place + 1))
                sock.connect((address, self.server.port))
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.settimeout(self.deadline.need())  # a TLS handshake that follows takes it over as a whole
            except OSError:
                sock.close()
                if place == len(tries):
                    raise
            else:
                return sock
        raise OSError("no address")


class TimedSocket(socket.socket):
    """A socket whose every wait ends at the deadline, however small the portions that arrive."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive, waiting no longer than the deadline."""
        self.settimeout(self.deadline.need())
        return super().recv_into(*args, **kwargs)

    def sendall(self, *args: Any, **kwargs: Any) -> None:
        """Send, waiting no longer than the deadline."""
        self.settimeout(self.deadline.need())
        return super().sendall(*args, **kwargs)


class TimedTLSSocket(ssl.SSLSocket):
    """As TimedSocket, encrypted; ``deadline`` is set right after the handshake."""

    deadline: Deadline

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        """Receive, waiting no longer than the deadline."""
        self.settimeout(self.deadline.need())
        return super().recv_into(*args, **kwargs)

    def send(self, *args: Any, **kwargs: Any) -> int:
        """Send a portion, waiting no longer than the deadline; ``sendall`` is made of these."""
        self.settimeout(self.deadline.need())
        return super().send(*args, **kwargs)


def tls_context(ca_file: str = "") -> ssl.SSLContext:
    """Return what decides whom to trust: the usual public authorities, or those of ``ca_file`` alone.

    Nothing of the environment is used. Raises OSError when the file holds no certificates.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = False  # RFC 6125: only the names a certificate lists
    context.load_verify_locations(ca_file or DEFAULT_CA_BUNDLE_PATH)
    context.sslsocket_class = TimedTLSSocket
    return context


def system_resolver(host: str, port: int) -> Sequence[str]:
    """Return the addresses of a host as the operating system knows them. Raises OSError."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]) for row in found))


def checked_addresses(
    server: Server, networks: Sequence[Network], deadline: Deadline, resolver: Resolver = system_resolver
) -> tuple[str, ...]:
    """Return the addresses of a server, all of which may be connected to.

    Raises:
        FetchFault: No name, no answer in time, or one address among them that may not be connected to.
    """
    found = tuple(_resolved(server, deadline, resolver))[:_MOST_ADDRESSES]
    if not found:
        raise FetchFault(Fault.NO_NAME)
    if not all(may_connect(address, networks, secure=server.is_secure) for address in found):
        raise FetchFault(Fault.NOT_ALLOWED)
    return found


def _resolved(server: Server, deadline: Deadline, resolver: Resolver) -> Sequence[str]:
    if not _LOOKUPS.acquire(timeout=deadline.left):
        raise FetchFault(Fault.TIMEOUT)
    answers: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            answers.put(resolver(server.host, server.port))
        except (OSError, UnicodeError):
            answers.put(())
        finally:
            _LOOKUPS.release()

    threading.Thread(target=look_up, name="fhir-name", daemon=True).start()
    try:
        return answers.get(timeout=max(deadline.left, 0.001))
    except queue.Empty:
        raise FetchFault(Fault.TIMEOUT) from None
