"""Look at the envelope of a call: hook, instance, context, names of members."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final

from cds_service.doctor.troubles import Notes, pointer
from cds_service.hook_call import AS_OF_EXTENSION, context_of
from cds_service.knowledge import Service

#: Names of hooks before CDS Hooks 1.0, and what stands for them today (hook definitions of CDS Hooks).
_OLD_HOOKS: Final = {
    "medication-prescribe": "order-select or order-sign",
    "order-review": "order-sign",
    "order-entry": "order-select",
    "diagnosis-select": "problem-list-item-create",
    "encounter-end": "encounter-discharge",
}
_TOP: Final = (
    "hook",
    "hookInstance",
    "fhirServer",
    "fhirAuthorization",
    "context",
    "prefetch",
    "extension",
)
#: Members CDS Hooks had at the top before 1.0.
_OLD_TOP: Final = ("user", "patient", "encounter", "redirect", "oauth", "patientId", "userId", "encounterId")
_CONTEXT: Final = (
    "userId",
    "patientId",
    "encounterId",
    "draftOrders",
    "selections",
    "medications",
    "conditions",
)
_UUID: Final = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_FHIR_ID: Final = re.compile(r"[A-Za-z0-9.\-]{1,64}")
_USER: Final = re.compile(r"(Practitioner|PractitionerRole|Patient|RelatedPerson)/[A-Za-z0-9.\-]{1,64}")
_NEAR: Final = 0.75


def check_envelope(call: Mapping[str, Any], service: Service, hooks: Collection[str], notes: Notes) -> None:
    """Note what is wrong with the members of a call of ``service``; ``hooks`` are those there are."""
    if _is_said(call.get("hook")):
        _check_hook(call["hook"], service, hooks, notes)
    else:
        notes.add("D101", "/hook", _wrapper(call))
    instance = call.get("hookInstance")
    if not isinstance(instance, str) or not _UUID.fullmatch(instance):
        notes.add("D105", "/hookInstance")
    _check_names(call, _TOP, "", notes)
    for name in _OLD_TOP:
        if name in call:
            notes.add("D120", pointer("", name))
    for name in ("prefetch", "extension"):
        if call.get(name) is not None and not isinstance(call[name], dict):
            notes.add("D123", pointer("", name))
    context = call.get("context")
    if isinstance(context, dict):
        _check_context(context, service.hook, notes)
    else:
        notes.add("D106", "/context")


def check_evaluation_date(call: Mapping[str, Any], is_allowed: bool, notes: Notes) -> None:
    """Note an evaluation date that is no instant, or that the service would not heed."""
    extension = call.get("extension")
    if not isinstance(extension, dict) or AS_OF_EXTENSION not in extension:
        return
    place = pointer("/extension", AS_OF_EXTENSION)
    if evaluation_date(call) is None:
        notes.add("D122", place)
    elif not is_allowed:
        notes.add("D121", place)


def evaluation_date(call: Mapping[str, Any]) -> datetime | None:
    """Return the instant a call wants to be judged at; None where it names none that is one."""
    extension = call.get("extension")
    sent = extension.get(AS_OF_EXTENSION) if isinstance(extension, dict) else None
    try:
        instant = datetime.fromisoformat(sent) if isinstance(sent, str) else None
    except ValueError:
        return None
    return instant if instant is not None and instant.tzinfo is not None else None


def _wrapper(call: Mapping[str, Any]) -> str:
    """Return where the call lies when it was put into a member of another object; empty when it was not."""
    inner = (name for name, value in sorted(call.items()) if isinstance(value, dict) and "hook" in value)
    name = next(inner, None)
    return "" if name is None else f"the whole call lies in {pointer('', name)}: send what is in it"


def _check_hook(hook: str, service: Service, hooks: Collection[str], notes: Notes) -> None:
    if hook in _OLD_HOOKS:
        notes.add("D103", "/hook", f"{hook} is {_OLD_HOOKS[hook]} today")
    elif hook not in hooks:
        near = difflib.get_close_matches(hook, sorted(hooks), n=1)
        notes.add(
            "D102", "/hook", f"did you mean {near[0]}?" if near else f"hooks: {', '.join(sorted(hooks))}"
        )
    elif hook != service.hook:
        notes.add("D104", "/hook", f"{service.id} answers {service.hook}")


def _check_context(context: Mapping[str, Any], hook: str, notes: Notes) -> None:
    form = context_of(hook)
    if not _is_said(context.get("patientId")):
        notes.add("D107", "/context/patientId")
    else:
        _check_id(context["patientId"], "patientId", notes)
    _check_user(context.get("userId"), form.needs_user, notes)
    encounter = context.get("encounterId")
    if encounter is None and form.needs_encounter:
        notes.add("D112", "/context/encounterId")
    elif encounter is not None:
        _check_id(encounter, "encounterId", notes)
    for name in filter(None, (form.drafts, form.problems)):
        _check_bundle(context, name, notes)
    if form.selects:
        _check_selections(context.get("selections"), notes)
    _check_names(context, _CONTEXT, "/context", notes)


def _is_said(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _check_id(value: Any, name: str, notes: Notes) -> None:
    place = pointer("/context", name)
    if isinstance(value, str) and "/" in value:
        notes.add("D108", place)
    elif not isinstance(value, str) or not _FHIR_ID.fullmatch(value):
        notes.add("D109", place)


def _check_user(user: Any, is_needed: bool, notes: Notes) -> None:
    if not _is_said(user):
        if is_needed or user is not None:
            notes.add("D110", "/context/userId")
    elif not _USER.fullmatch(user):
        notes.add("D111", "/context/userId")


def _check_bundle(context: Mapping[str, Any], name: str, notes: Notes) -> None:
    place, bundle = pointer("/context", name), context.get(name)
    if name not in context:
        notes.add("D113", place, name)
    elif not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        notes.add("D114", place, name)
    elif not bundle.get("entry"):
        notes.add("D115", place, name)


def _check_selections(selections: Any, notes: Notes) -> None:
    if not isinstance(selections, list) or not all(isinstance(item, str) for item in selections):
        notes.add("D116", "/context/selections")
    elif not selections:
        notes.add("D118", "/context/selections")


def _check_names(members: Mapping[str, Any], known: Collection[str], place: str, notes: Notes) -> None:
    """Note members that look like one that is read and are not: a wrong letter is a lost member."""
    folded = {_folded(name): name for name in known}
    for name in sorted(set(members) - set(known) - set(_OLD_TOP)):
        near = difflib.get_close_matches(_folded(name), sorted(folded), n=1, cutoff=_NEAR)
        if near and folded[near[0]] not in members:
            notes.add("D119", pointer(place, name), f"did you mean {folded[near[0]]}?")


def _folded(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")
