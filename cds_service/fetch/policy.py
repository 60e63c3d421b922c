"""Which FHIR servers may be asked, and at which network addresses: pure decisions, refusing by default.

An address is never taken from the caller: what the caller sends only selects an entry of the list,
and every question is built from that entry. Odd spellings therefore cannot lead anywhere else.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote, urljoin, urlsplit

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

_MAX_URL = 2_000
_MAX_NEXT_URL = 8_000
_BASE = re.compile(r"(https?)://(\[[0-9a-f:.]+\]|[a-z0-9.\-]+)(?::([0-9]{1,5}))?((?:/[A-Za-z0-9._~\-]+)*)/?")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9\-]{0,61}[a-z0-9])?")
_LOOKS_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")
#: So often may a path be percent-encoded over again; nobody has reason to do it even twice.
_MOST_UNQUOTINGS = 5
_PORTS = {"http": 80, "https": 443}
#: What may stand in an address as it is; everything else is percent-encoded.
_URL_TEXT = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%|]*")
#: Addresses that embed one of IPv4 (RFC 6052); Python names the other forms itself.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True, order=True)
class Server:
    """The base of one FHIR server, in the one spelling all comparisons use.

    ``host`` is lower-case, an IPv6 address without brackets; ``path`` has no slash at its end.
    ``issuer`` is the client (``iss`` of its token) that may name this server; empty for every client.
    """

    scheme: str
    host: str
    port: int
    path: str
    issuer: str = ""

    @property
    def base(self) -> str:
        """The address all questions begin with."""
        return f"{self.origin}{self.path}"

    @property
    def origin(self) -> str:
        """Scheme, host and port; a usual port is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    @property
    def is_secure(self) -> bool:
        """Whether the way to the server is encrypted."""
        return self.scheme == "https"


def parse_server(text: str) -> Server:
    """Return the server of a base address such as ``https://fhir.example/r4``.

    Raises:
        ValueError: The text is no plain absolute http(s) address (user, query, fragment, percent signs,
            dot segments and numbers that merely look like an address are refused).
    """
    scheme, separator, rest = text.partition("://")
    host, slash, path = rest.partition("/")
    found = _BASE.fullmatch(f"{scheme.lower()}{separator}{host.lower()}{slash}{path}")
    if found is None or len(text) > _MAX_URL or not text.isascii():
        raise ValueError("no plain http(s) address")
    if any(part in (".", "..") for part in found[4].split("/")):
        raise ValueError("an address with dot segments")
    port = int(found[3]) if found[3] else _PORTS[found[1]]
    if not 1 <= port <= 65535:
        raise ValueError("a port that does not exist")
    return Server(found[1], _host(found[2]), port, found[4])


def parse_entry(text: str) -> Server:
    """Return an entry of the list: ``SERVER``, or ``SERVER for ISSUER``. Raises ValueError."""
    address, word, issuer = text.strip().partition(" for ")
    if word and (not issuer.strip() or " " in issuer.strip()):
        raise ValueError("no issuer after for")
    found = parse_server(address.strip())
    return Server(found.scheme, found.host, found.port, found.path, issuer.strip())


def parse_network(text: str) -> Network:
    """Return a network such as ``10.1.0.0/16``. Raises ValueError."""
    return ipaddress.ip_network(text.strip())


def listed(servers: Iterable[Server], text: str, issuer: str = "") -> Server | None:
    """Return the entry that ``text`` names and ``issuer`` may name; None when there is none.

    ``issuer`` is the verified issuer of the caller, empty when nobody verified one.
    """
    try:
        asked = parse_server(text)
    except ValueError:
        return None
    for server in servers:
        is_same = (server.scheme, server.host, server.port, server.path) == (
            asked.scheme, asked.host, asked.port, asked.path,
        )  # fmt: skip
        if is_same and server.issuer in ("", issuer):
            return server
    return None


def may_connect(text: str, networks: Sequence[Network], *, secure: bool) -> bool:
    """Whether a resolved address may be connected to.

    Public addresses may; those of private networks and of this machine only when a network of the
    settings holds them. Link-local, multicast, reserved and unspecified ones never may. Without
    encryption only this machine may be reached.
    """
    try:
        address = _inner(ipaddress.ip_address(text))
    except ValueError:
        return False
    if address.is_unspecified or address.is_multicast or address.is_link_local:
        return False
    if address.is_reserved and not address.is_loopback:
        return False
    if not secure and not address.is_loopback:
        return False
    if any(address.version == network.version and address in network for network in networks):
        return True
    is_site_local = isinstance(address, ipaddress.IPv6Address) and address.is_site_local
    return address.is_global and not is_site_local


def named_machine(server: Server) -> tuple[Network, ...]:
    """Return this machine's network where a server is named as on this machine: somebody wrote it so.

    For addresses an operator wrote, never for those of a caller. Empty for every other server.
    """
    if server.host == "localhost":
        return (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
    try:
        address = ipaddress.ip_address(server.host)
    except ValueError:
        return ()
    return (ipaddress.ip_network(address),) if address.is_loopback else ()


def next_address(server: Server, asked: str, link: str) -> str | None:
    """Return the address of the next page; None when the link leads out of the server.

    ``asked`` is the address the page came from, for links that are relative.
    """
    if not link or len(link) > _MAX_NEXT_URL or not _URL_TEXT.fullmatch(link):
        return None
    try:
        parts = urlsplit(urljoin(asked, link))
        deep = _unquoted(parts.path)
        found = parse_server(f"{parts.scheme}://{parts.netloc}")
    except ValueError:
        return None
    path = parts.path
    is_ours = (found.scheme, found.host, found.port) == (server.scheme, server.host, server.port)
    is_below = path == server.path or path.startswith(f"{server.path}/")
    names = {part.partition(";")[0] for part in deep.split("/")}  # ";" begins what some servers leave out
    is_plain = deep.isprintable() and "\\" not in deep and not {".", ".."} & names
    if not (is_ours and is_below and is_plain) or parts.fragment:
        return None
    return f"{server.origin}{path}" + (f"?{parts.query}" if parts.query else "")


def _unquoted(path: str) -> str:
    """Return a path as the last server behind any number of proxies may read it. Raises ValueError."""
    for _ in range(_MOST_UNQUOTINGS):
        path, before = unquote(path, errors="strict"), path
        if path == before:
            return path
    raise ValueError("quoted too often")


def _host(text: str) -> str:
    if text.startswith("["):
        return str(ipaddress.IPv6Address(text[1:-1]))
    labels = text.split(".")
    if _LOOKS_NUMERIC.fullmatch(labels[-1]):
        return str(ipaddress.IPv4Address(text))
    if len(text) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("no host name")
    return text


def _inner(address: Address) -> Address:
    """Return the IPv4 address an IPv6 address stands for, or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.scope_id:
        raise ValueError("an address of one interface")
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
