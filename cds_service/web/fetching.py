"""Read a call and fetch what it did not send, before it takes a turn at being judged.

Waiting for another server costs no turn: while one FHIR server is slow, other calls are answered.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from cds_service.fetch import Fetched, FhirClient, parse_server
from cds_service.hook_call import Call, read_call
from cds_service.knowledge import Service
from cds_service.settings import Settings
from cds_service.settings.refusals import refuse_unreadable_authorities
from cds_service.web.request_log import note, noted
from cds_service.web.state import State

_T = TypeVar("_T")


def fhir_client(settings: Settings, own: Iterable[str] = ()) -> FhirClient:
    """Return the one client of this process; ``own`` are addresses of FHIR endpoints it serves itself.

    Raises:
        SettingsError: The certificate authorities cannot be read.
    """
    refuse_unreadable_authorities(settings)
    access = replace(settings.fhir_access, own=tuple(map(parse_server, own)))
    return FhirClient(access, jitter=random.uniform, now=time.time)


def in_turn(body: bytes, service: Service, state: State, answer: Callable[[Call], _T]) -> _T:
    """Return what ``answer`` makes of the call in ``body``, complete with what its FHIR server says.

    Only keys that were not sent are asked for, and further pages of those that were sent without them; and
    only where the call brings a token.

    Raises:
        RequestError: No call of this service.
        Refusal: Too many calls are waiting.
    """
    with state.turns.turn():
        call = read_call(body, service.hook)
        note(hookInstance=call.hook_instance)
        if call.authorization is None:
            return answer(call)
        missing, begun = call.missing(service), call.begun(service)
        if not missing and not begun:
            return answer(call)
    templates = missing | {key: service.prefetch[key] for key in begun}
    call = call.with_fetched(_fetched(call, templates, begun, state))
    with state.turns.turn():
        return answer(call)


def _fetched(call: Call, templates: Mapping[str, str], begun: Mapping[str, bytes], state: State) -> Fetched:
    started = time.perf_counter()
    fetched = state.fhir.fetch_missing(
        templates,
        fhir_server=call.fhir_server,
        authorization=call.authorization,
        context=call.fetch_context,
        issuer=noted("client"),
        begun=begun,
    )
    note(fetched=len(fetched.found), fetchMs=round((time.perf_counter() - started) * 1000, 2))
    if fetched.faults:
        note(fetchFaults=dict(sorted(Counter(fault.value for fault in fetched.faults.values()).items())))
    if fetched.patient_form:
        note(fetchPatientForm=fetched.patient_form)
    if fetched.refusal is not None:
        note(fetchRefused=fetched.refusal.value)
    return fetched
