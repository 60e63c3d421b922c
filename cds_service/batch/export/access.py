"""What a site allows of bulk exports, and the address of one: decided before anything is asked."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from urllib.parse import parse_qsl

from cds_service.batch.faults import stops
from cds_service.errors import Issue
from cds_service.fetch import Network, Server, named_machine, next_address, parse_server

_EXPORT: Final = re.compile(
    r"(?P<base>[Hh][Tt][Tt][Pp][Ss]?://[^?#]+?)(?P<level>/Patient|/Group/[A-Za-z0-9\-.]{1,64})?"
    r"/(?:\$|%24)export(?:\?(?P<query>[^#]*))?"
)
_WEB: Final = re.compile(r"https?://", re.IGNORECASE)
_ORIGIN: Final = re.compile(r"https?://(?![^/?#]*@)[A-Za-z0-9.\-\[\]:]{1,200}", re.IGNORECASE)
_SINCE: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+\-]\d\d:\d\d)")


def _nobody(_issue: Issue) -> None:
    """Tell nobody."""


def _no_date() -> datetime:
    raise LookupError("the date is handed in: nothing here reads it")


@dataclass(frozen=True, slots=True)
class Clock:
    """The time an export goes by: seconds that only run forward, the date, and how to wait.

    ``now`` is handed in by those who may read a clock. ``jitter`` chooses a number between two.
    """

    seconds: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = _no_date
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[float, float], float] = random.uniform


@dataclass(frozen=True, slots=True)
class ExportAccess:
    """What a site allows of exports, and how it proves who it is.

    ``servers`` may be asked for exports, tokens and files; ``networks`` may be reached besides the public
    ones. ``stall_seconds`` is the longest silence, ``total_seconds`` the time for a whole export,
    ``most_bytes`` its size unpacked. ``token`` is used as it is; else ``client_id`` and ``key_file`` get one
    (SMART Backend Services) at ``token_url``, or where the server says. ``tell`` hears what an export lacks.
    """

    servers: tuple[Server, ...] = ()
    networks: tuple[Network, ...] = ()
    ca_file: str = ""
    stall_seconds: float = 60.0
    total_seconds: float = 24 * 3600.0
    most_bytes: int = 100 << 30
    token: str = field(default="", repr=False)
    client_id: str = ""
    key_file: str = ""
    key_id: str = ""
    token_url: str = ""
    scope: str = "system/*.read"
    tell: Callable[[Issue], None] = _nobody
    clock: Clock = field(default_factory=Clock)

    def reachable(self, server: Server) -> tuple[Network, ...]:
        """Return the networks a listed server may stand in."""
        return (*self.networks, *named_machine(server))

    def place_of(self, home: Server, asked: str, link: str) -> tuple[Server, str] | None:
        """Return the server and the address of a link of ``home``; None when it leads where nobody may go.

        Allowed are the origin of ``home`` and the listed servers.
        """
        own = origin_of(home)
        for server in (own, *self.servers):
            address = next_address(server, asked, link)
            if address is not None:
                return (own if server.origin == own.origin else server), address
        return None


@dataclass(frozen=True, slots=True)
class ExportAddress:
    """An export that may be asked for: its server, the level below it, and the instant of ``_since``."""

    server: Server
    level: str
    since: str

    @property
    def url(self) -> str:
        """The address of the kick-off, without parameters."""
        return f"{self.server.base}{self.level}/$export"

    @property
    def where(self) -> str:
        """The place that messages name: the server, no id."""
        return self.server.origin


def is_address(text: str) -> bool:
    """Whether an input is an address, not a name of a file."""
    return _WEB.match(text) is not None


def origin_of(server: Server) -> Server:
    """Return the origin of a server as a server."""
    return Server(server.scheme, server.host, server.port, "")


def origin_named(link: str) -> str:
    """Return the origin a link leads to, fit for a message; empty when it names none."""
    found = _ORIGIN.match(link)
    return found[0].lower() if found else ""


def parse_export(text: str, access: ExportAccess) -> ExportAddress:
    """Return the export an input names.

    Raises:
        BatchError: It is none (B040), or of a server that is not listed (B041).
    """
    found = _EXPORT.fullmatch(text)
    shown = text.partition("?")[0].partition("/Group/")[0][:200]
    try:
        server = parse_server(found["base"]) if found else None
    except ValueError:
        server = None
    if found is None or server is None:
        raise stops("B040", shown)
    parameters = parse_qsl(found["query"] or "", keep_blank_values=True)
    since = dict(parameters).get("_since", "").replace(" ", "+")  # a plus that was not encoded
    if len(parameters) > 1 or (parameters and not _SINCE.fullmatch(since)):
        raise stops("B040", shown, "the only parameter is _since, an instant with zone")
    for listed in access.servers:
        if listed.base == server.base:
            return ExportAddress(listed, found["level"] or "", since)
    raise stops("B041", server.origin)
