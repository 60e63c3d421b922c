"""Ask a FHIR server what the user asked for: one POST over the guarded connection, bounded in all."""

from __future__ import annotations

from collections.abc import Sequence

from cds_service.errors import Issue, RequestError, SettingsError
from cds_service.fetch import (
    Fault,
    FetchFault,
    Network,
    Question,
    Server,
    ask_once,
    named_machine,
    parse_server,
)
from cds_service.terminology.expansion import Fetch

#: Longest wait for a whole answer, in seconds, and its largest size, unpacked.
_ANSWER_SECONDS = 120.0
_MAX_ANSWER = 16_000_000
_JSON = "application/fhir+json"


def expander(server: str, networks: Sequence[Network] = (), ca_file: str = "") -> Fetch:
    """Return what sends a question to ``[server]/ValueSet/$expand``.

    The address is the user's own word, so it needs no list; where its name leads is checked as for every
    FHIR server. Neither proxies nor credentials of the environment are used.

    Args:
        server: Base address of the terminology server.
        networks: Networks that may be reached besides the public ones.
        ca_file: Certificate authorities to trust instead of the usual ones; empty: the usual ones.

    Raises:
        SettingsError: The address is no plain http(s) address.
    """
    try:
        found = parse_server(server)
    except ValueError:
        raise SettingsError(
            Issue("--server", "S030", "is no plain http(s) address.", "Write https://server.example/fhir.")
        ) from None
    reachable = [*networks, *named_machine(found)]
    return lambda body: _expanded(body, found, reachable, ca_file)


def _expanded(body: bytes, server: Server, networks: Sequence[Network], ca_file: str) -> bytes:
    question = Question(f"{server.base}/ValueSet/$expand", body, content_type=_JSON)
    try:
        answer = ask_once(
            question, server, networks, ca_file=ca_file, most_bytes=_MAX_ANSWER, seconds=_ANSWER_SECONDS
        )
    except FetchFault as fault:
        raise _told(fault.fault) from None
    except OSError:
        what = "fhir_ca_file holds no certificates that can be read."
        raise SettingsError(Issue("settings", "S028", what, "Name a file of certificates in PEM.")) from None
    if answer.status != 200:
        raise _fault("T071", f"answers with status {answer.status}; redirects are not followed.")
    return answer.body


def _told(fault: Fault) -> RequestError:
    if fault is Fault.TOO_LARGE:
        return _fault("T072", "answers with more than 16 MB.")
    if fault is Fault.TIMEOUT:
        return _fault("T073", "takes longer than two minutes to answer.")
    if fault is Fault.NOT_ALLOWED:
        what = "is in a network that may not be reached."
        return _fault(
            "T074", what, "Name its network in the setting fhir_networks; http is for this machine only."
        )
    return _fault("T070", f"does not answer ({fault.value}).")


def _fault(code: str, what: str, to_do: str = "Check the address, and ask again.") -> RequestError:
    return RequestError(Issue("terminology server", code, what, to_do))
