"""Fetch the key set of a client over the guarded connection: its configured address, and no other."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from cds_service.auth import Fetch
from cds_service.fetch.faults import FetchFault
from cds_service.fetch.once import ask_once
from cds_service.fetch.policy import Network, named_machine, parse_server
from cds_service.fetch.transport import Question

#: A key set is a few kilobytes; what is larger or slower is refused.
_MOST_BYTES = 256 * 1024
_SECONDS = 3.0
_ACCEPT = "application/jwk-set+json, application/json"


def key_set_fetch(networks: Sequence[Network] = (), ca_file: str = "") -> Fetch:
    """Return what fetches a key set: no redirects, no proxies, checked addresses, one deadline.

    Args:
        networks: Networks that may be reached besides the public ones.
        ca_file: Certificate authorities to trust instead of the usual ones; empty: the usual ones.
    """

    def fetch(url: str) -> bytes:
        try:
            return _body(url, networks, ca_file)
        except (FetchFault, ValueError) as fault:
            raise OSError(str(fault)) from None

    return fetch


def _body(url: str, networks: Sequence[Network], ca_file: str) -> bytes:
    parts = urlsplit(url)
    server = parse_server(f"{parts.scheme}://{parts.netloc}")
    question = Question(url, accept=_ACCEPT)
    reachable = [*networks, *named_machine(server)]
    answer = ask_once(question, server, reachable, ca_file=ca_file, most_bytes=_MOST_BYTES, seconds=_SECONDS)
    if answer.status != 200:
        raise OSError("the key set is not answered with 200")
    return answer.body
