"""Ask a FHIR server a question the user asked for: one POST, no redirects, bounded in time and size."""

from __future__ import annotations

import http.client
import time
from urllib.parse import urlsplit

from cds_service.errors import Issue, RequestError, SettingsError
from cds_service.terminology.expansion import Fetch

#: Longest wait for the next bytes, and for a whole answer, in seconds.
_SOCKET_SECONDS = 30
_ANSWER_SECONDS = 120
_MAX_ANSWER = 16_000_000
_CHUNK = 65_536
_HEADERS = {"Content-Type": "application/fhir+json", "Accept": "application/fhir+json"}


def expander(server: str) -> Fetch:
    """Return what sends a question to ``[server]/ValueSet/$expand``.

    Neither proxies nor credentials of the environment are used.

    Raises:
        SettingsError: The address is no plain http(s) address.
    """
    parts = urlsplit(server)
    plain = parts.scheme in ("http", "https") and parts.hostname and not (parts.query or parts.fragment)
    if not plain or parts.username or parts.password:
        raise SettingsError(
            Issue("--server", "S030", "is no plain http(s) address.", "Write https://server.example/fhir.")
        )
    path = f"{parts.path.rstrip('/')}/ValueSet/$expand"

    def fetch(body: bytes) -> bytes:
        secure = parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(parts.hostname or "", parts.port, timeout=_SOCKET_SECONDS)
        try:
            connection.request("POST", path, body, _HEADERS)
            with connection.getresponse() as response:
                return _body_of(response)
        except (OSError, http.client.HTTPException) as error:
            raise _fault("T070", f"does not answer ({type(error).__name__}).") from None
        finally:
            connection.close()

    return fetch


def _body_of(response: http.client.HTTPResponse) -> bytes:
    if response.status != http.client.OK:
        raise _fault("T071", f"answers with status {response.status}; redirects are not followed.")
    deadline = time.monotonic() + _ANSWER_SECONDS
    received = bytearray()
    while chunk := response.read1(_CHUNK):
        received += chunk
        if len(received) > _MAX_ANSWER:
            raise _fault("T072", "answers with more than 16 MB.")
        if time.monotonic() > deadline:
            raise _fault("T073", "takes longer than two minutes to answer.")
    return bytes(received)


def _fault(code: str, what: str) -> RequestError:
    return RequestError(Issue("terminology server", code, what, "Check the address, and ask again."))
