"""Mend the envelope of a call, so that its data can be looked at in the same run; never used to answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from cds_service.errors import RequestError
from cds_service.hook_call import Call, context_of, read_call
from cds_service.knowledge import Service

_INSTANCE: Final = "00000000-0000-4000-8000-000000000000"
_USER: Final = "Practitioner/unknown"
_UNKNOWN: Final = "unknown"
_EMPTY_BUNDLE: Final = {"resourceType": "Bundle", "type": "collection", "entry": []}
_RAW: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ID_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-")


def mended_call(body: bytes, document: Mapping[str, Any], service: Service) -> Call | None:
    """Return a call of ``service`` with the data of ``body`` as sent; None where even that cannot be read.

    Hook, instance, user and ids are put right or made up; a token for the FHIR server is left out.
    """
    try:
        top = _RAW.decode(body.removeprefix(b"\xef\xbb\xbf"))
        sent = _RAW.decode(top["context"]) if isinstance(document.get("context"), dict) else {}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    call: dict[str, Any] = {
        "hook": service.hook,
        "hookInstance": _INSTANCE,
        "context": _context(sent, document, service.hook),
    }
    if isinstance(document.get("prefetch"), dict):
        call["prefetch"] = top["prefetch"]
    try:
        return read_call(msgspec.json.encode(call), service.hook)
    except RequestError:
        return None


def _context(
    sent: Mapping[str, msgspec.Raw], document: Mapping[str, Any], hook: str
) -> dict[str, msgspec.Raw | Any]:
    form, said = context_of(hook), document.get("context")
    values: Mapping[str, Any] = said if isinstance(said, dict) else {}
    context: dict[str, Any] = {
        "patientId": _id(values.get("patientId")) or _sent_patient(document) or _UNKNOWN,
        "userId": _USER,
    }
    encounter = _id(values.get("encounterId"))
    if encounter or form.needs_encounter:
        context["encounterId"] = encounter or _UNKNOWN
    for name in filter(None, (form.drafts, form.problems)):
        is_object = isinstance(values.get(name), dict)
        context[name] = sent[name] if is_object else _EMPTY_BUNDLE
    if form.selects:
        chosen = values.get("selections")
        context["selections"] = chosen if isinstance(chosen, list) and _are_texts(chosen) else []
    return context


def _are_texts(items: list[Any]) -> bool:
    return all(isinstance(item, str) and item.isprintable() for item in items)


def _id(value: Any) -> str:
    """Return the FHIR id in a reference or address; empty where there is none."""
    last = value.rstrip("/").rpartition("/")[2] if isinstance(value, str) else ""
    return last if 0 < len(last) <= 64 and set(last) <= _ID_LETTERS else ""


def _sent_patient(document: Mapping[str, Any]) -> str:
    prefetch = document.get("prefetch")
    patient = prefetch.get("patient") if isinstance(prefetch, dict) else None
    return _id(patient.get("id")) if isinstance(patient, dict) else ""
