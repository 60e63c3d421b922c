"""Read one CDS Hooks call and have it answered: the envelope here, FHIR and rules further below.

The envelope is read strictly (a member said twice could name two patients), what it carries is
read leniently by ``cds_service.fhir``. Reads no clock: the evaluation date is handed in.

Source: CDS Hooks 2.0.1, "Calling a CDS Service".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import msgspec

from cds_service.cards.limits import NO_LIMITS, CardLimits
from cds_service.errors import Issue, RequestError
from cds_service.fetch import Authorization, Fault, Fetched, has_next
from cds_service.fhir import Record, read_added, read_drafts, read_prefetch
from cds_service.json_text.bounds import MAX_DEPTH, is_crowded, is_deeper
from cds_service.json_text.members import Repeated, TooMany, members_of
from cds_service.knowledge import Knowledge, Service
from cds_service.review import Review, review_patient
from cds_service.triage.answers import RecallAnswers, no_answers
from cds_service.triage.repeats import Recall, nothing_shown

#: Name of the request extension that moves the evaluation date (only where the settings allow it).
AS_OF_EXTENSION = "org.twitch-cds.asOf"

_MOST_SELECTIONS = 1_000


@dataclass(frozen=True, slots=True)
class ContextForm:
    """What the context of a hook holds beside the patient: the hook definitions of CDS Hooks.

    ``drafts`` and ``problems`` are the members with a Bundle of draft orders and of added problems,
    empty where the hook has none. ``selects``: the context says which drafts are being chosen.
    """

    drafts: str = ""
    problems: str = ""
    selects: bool = False
    needs_user: bool = True
    needs_encounter: bool = False

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the members that every context of the hook has."""
        who = ("patientId", "userId" * self.needs_user, "encounterId" * self.needs_encounter)
        return tuple(filter(None, (*who, self.drafts, "selections" * self.selects, self.problems)))


_PLAIN = ContextForm()
_CONTEXTS = {
    "order-select": ContextForm(drafts="draftOrders", selects=True),
    "order-sign": ContextForm(drafts="draftOrders"),
    "encounter-start": ContextForm(needs_encounter=True),
    "encounter-discharge": ContextForm(needs_encounter=True),
    "medication-refill": ContextForm(drafts="medications", needs_user=False),
    "problem-list-item-create": ContextForm(problems="conditions"),
}


def context_of(hook: str) -> ContextForm:
    """Return what the context of a hook holds beside the patient."""
    return _CONTEXTS.get(hook, _PLAIN)


_UUID = re.compile(r"(urn:uuid:)?[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
#: A FHIR instant; Python reads more than that: weeks, offsets of seconds, no seconds at all.
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.ASCII)
_FHIR_ID = re.compile(r"[A-Za-z0-9.\-]{1,64}")


@dataclass(frozen=True, slots=True)
class Call:
    """One checked call. ``encounter_id`` and ``as_of`` are None when the caller sent none.

    ``user_id`` is empty only where the hook can come without a user. ``prefetch`` holds the values as
    sent, unread; a key that was not sent is absent. ``drafts`` is the Bundle of draft orders of the
    context, ``problems`` that of problems just added, both unread, None for a hook that has none;
    ``selections`` are the references of the drafts being chosen, None for a hook without selection
    (then all of them count). ``server`` is the FHIR server as sent, unread; it tells apart patients of
    equal id. ``authorization`` is the token for that server, None when none was sent;
    ``fetched`` what the server said to keys that were not prefetched.
    """

    hook: str
    hook_instance: str
    patient_id: str
    user_id: str
    encounter_id: str | None = None
    as_of: datetime | None = None
    prefetch: Mapping[str, msgspec.Raw] = field(default_factory=dict)
    drafts: msgspec.Raw | None = None
    selections: tuple[str, ...] | None = None
    problems: msgspec.Raw | None = None
    server: bytes = b""
    authorization: Authorization | None = None
    fetched: Fetched = field(default_factory=Fetched)

    @property
    def fhir_server(self) -> str:
        """Address of the FHIR server the call names; empty when it names none that is a text."""
        try:
            return _TEXT.decode(self.server) if self.server else ""
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return ""

    def missing(self, service: Service) -> dict[str, str]:
        """Return the prefetch keys of a service that were not sent, with their templates.

        A key sent with null, an empty Bundle or an error was looked for: it is not missing.
        """
        return {key: text for key, text in service.prefetch.items() if key not in self.prefetch}

    def begun(self, service: Service) -> dict[str, bytes]:
        """Return the Bundles of a service's keys that were sent without their further pages."""
        sent = {key: bytes(raw) for key, raw in self.prefetch.items() if key in service.prefetch}
        return {key: body for key, body in sent.items() if has_next(body)}

    @property
    def fetch_context(self) -> dict[str, str]:
        """The ids that stand for the tokens of prefetch templates."""
        ids = {"patientId": self.patient_id, "encounterId": self.encounter_id or ""}
        return {name: value for name, value in ids.items() if value}

    def with_fetched(self, fetched: Fetched) -> Call:
        """Return the call as if what was fetched had been prefetched, whole where only a page was."""
        found = {key: msgspec.Raw(body) for key, body in fetched.found.items()}
        return replace(self, prefetch={**self.prefetch, **found}, fetched=fetched)


def read_call(body: bytes, hook: str) -> Call:
    """Return the call in ``body``, which must be a call of ``hook``.

    Raises:
        RequestError: Not JSON, or not a call of this hook; the issue names the place in the body.
    """
    if is_deeper(body):
        raise _too_deep("", "the request")
    if is_crowded(body):
        raise _crowded("")
    top = _members(body, "", "the request")
    if "hook" in top and _text(top, "", "hook") != hook:
        raise _fault(
            "H006", "/hook", f"is not {hook}.", "Call the service that discovery lists for this hook."
        )
    form = context_of(hook)
    context = _members(top["context"], "/context", "the context") if "context" in top else {}
    _refuse_if_short(top, context, form)
    instance = _text(top, "", "hookInstance")
    if not _UUID.fullmatch(instance):
        raise _fault("H007", "/hookInstance", "is not a UUID.", "Send a new UUID with every call.")
    authorization = _authorization(top)
    patient_id = _fhir_id(_text(context, "/context", "patientId"), "/context/patientId")
    if authorization is not None and authorization.patient not in ("", patient_id):
        raise _fault(
            "H014",
            "/fhirAuthorization/patient",
            "is another patient than that of the context.",
            "Send the token of the patient in context.",
        )
    return Call(
        hook=hook,
        hook_instance=instance.lower().removeprefix("urn:uuid:"),
        patient_id=patient_id,
        user_id=_user(context, form),
        encounter_id=_encounter(context, form),
        as_of=_as_of(top),
        prefetch=_optional_members(top, "prefetch"),
        drafts=context[form.drafts] if form.drafts else None,
        selections=_selections(context) if form.selects else None,
        problems=context[form.problems] if form.problems else None,
        server=bytes(top.get("fhirServer", b"")),
        authorization=authorization,
    )


def answer_call(
    call: Call,
    service: Service,
    knowledge: Knowledge,
    *,
    as_of: datetime,
    base_url: str,
    recall: Recall = nothing_shown,
    recall_answers: RecallAnswers = no_answers,
    limits: CardLimits = NO_LIMITS,
) -> Review:
    """Review the patient of a call as of the given instant; ``base_url`` stands in the links of cards.

    ``recall`` tells which marks of cautions were told before about this patient, or to this user;
    ``recall_answers`` which findings of this patient clinicians have answered,
    ``limits`` what the client can show.

    Raises:
        PatientDataError: The prefetched data cannot be used at all.
    """
    return review_patient(
        record_of(call, service),
        knowledge,
        as_of=as_of,
        hook=call.hook,
        patient_id=call.patient_id,
        encounter_id=call.encounter_id,
        base_url=base_url,
        instance=call.hook_instance,
        recall=recall,
        recall_answers=recall_answers,
        limits=limits,
    )


def record_of(call: Call, service: Service) -> Record:
    """Return what was prefetched, with the draft orders and the added problems of the context.

    Raises:
        NotFhir: The drafts or problems are no FHIR.
    """
    faults = {key: fault.value for key, fault in call.fetched.faults.items()}
    record = read_prefetch(call.prefetch, patient_id=call.patient_id, keys=service.promises, faults=faults)
    if call.fetched.refusal is not None:
        record = record.noted(*_REFUSALS[call.fetched.refusal])
    form = context_of(call.hook)
    if call.drafts is not None:
        record = read_drafts(
            record, call.drafts, selections=call.selections, pointer=f"/context/{form.drafts}"
        )
    if call.problems is not None:
        record = read_added(record, call.problems, pointer=f"/context/{form.problems}")
    return record


_TEXT = msgspec.json.Decoder(str)
_TEXTS = msgspec.json.Decoder(list[str])


def _members(data: bytes | msgspec.Raw, where: str, what: str) -> dict[str, msgspec.Raw]:
    """Return the members of a JSON object, unread. Raises RequestError for anything else."""
    try:
        return members_of(data)
    except Repeated:
        raise _fault("H005", where, f"{what} says a member twice.", "Say every member once.") from None
    except TooMany:
        raise _crowded(where) from None
    except msgspec.ValidationError:
        raise _fault("H004", where, f"{what} is not a JSON object.", "Send an object in braces.") from None
    except msgspec.DecodeError as error:
        raise _fault("H002", where, f"{what} is not JSON: {error}.", "Send JSON in UTF-8.") from None
    except UnicodeDecodeError:
        raise _fault("H002", where, f"{what} is not UTF-8.", "Send JSON in UTF-8.") from None
    except RecursionError:
        raise _too_deep(where, what) from None


def _crowded(where: str) -> RequestError:
    return _fault("H015", where, "holds more values than any call has.", "Send a narrower prefetch.")


def _too_deep(where: str, what: str) -> RequestError:
    remedy = f"Send at most {MAX_DEPTH} objects and lists inside each other; FHIR needs less than half of it."
    return _fault("H003", where, f"{what} is nested too deeply.", remedy)


def _optional_members(top: Mapping[str, msgspec.Raw], name: str) -> dict[str, msgspec.Raw]:
    raw = top.get(name)
    return {} if raw is None or bytes(raw) == b"null" else _members(raw, f"/{name}", f"the {name}")


def _refuse_if_short(
    top: Mapping[str, msgspec.Raw], context: Mapping[str, msgspec.Raw], form: ContextForm
) -> None:
    """Name every member that is required and missing, so that who builds a client learns them at once."""
    absent = [f"/{name}" for name in ("hook", "hookInstance", "context") if name not in top]
    absent += [f"/context/{name}" for name in form.required if name not in context]
    if absent:
        remedy = "CDS Hooks requires it in every call."
        raise RequestError(*(Issue(where, "H008", "is missing.", remedy) for where in absent))


def _text(members: Mapping[str, msgspec.Raw], where: str, name: str) -> str:
    """Return the text of a member, which must be there; it must not be blank."""
    try:
        text = _TEXT.decode(members[name])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        text = ""
    if not text.strip():
        raise _fault("H009", f"{where}/{name}", "is not a text.", "Send a text that is not empty.")
    return text


def _fhir_id(text: str, where: str) -> str:
    if not _FHIR_ID.fullmatch(text):
        raise _fault("H010", where, "is not a FHIR id.", "Send the bare id, without resource type.")
    return text


def _user(context: Mapping[str, msgspec.Raw], form: ContextForm) -> str:
    if not form.needs_user and ("userId" not in context or bytes(context["userId"]) == b"null"):
        return ""
    return _text(context, "/context", "userId")


def _encounter(context: Mapping[str, msgspec.Raw], form: ContextForm) -> str | None:
    if form.needs_encounter:
        return _fhir_id(_text(context, "/context", "encounterId"), "/context/encounterId")
    return _optional_id(context, "encounterId")


def _optional_id(context: Mapping[str, msgspec.Raw], name: str) -> str | None:
    if name not in context or bytes(context[name]) == b"null":
        return None
    return _fhir_id(_text(context, "/context", name), f"/context/{name}")


def _selections(context: Mapping[str, msgspec.Raw]) -> tuple[str, ...]:
    """Return the references of the drafts being chosen."""
    raw = context["selections"]
    try:
        chosen = _TEXTS.decode(raw) if bytes(raw).count(b",") < _MOST_SELECTIONS else None
    except (msgspec.MsgspecError, UnicodeDecodeError):
        chosen = None
    if chosen is None or len(chosen) > _MOST_SELECTIONS:
        what = f"is not a list of at most {_MOST_SELECTIONS} texts."
        raise _fault("H013", "/context/selections", what, "Send references such as MedicationRequest/1.")
    return tuple(chosen)


def _authorization(top: Mapping[str, msgspec.Raw]) -> Authorization | None:
    """Return the token of the call, None when it has none; one that is not whole has no token to send.

    A token without the server it is for is refused (invariant cds-r-1).
    """
    if "fhirAuthorization" in top and "fhirServer" not in top:
        raise _fault("H011", "/fhirServer", "is missing beside fhirAuthorization.", "Send both or neither.")
    if "fhirAuthorization" not in top:
        return None
    _optional_members(top, "fhirAuthorization")
    try:
        sent = _TOKEN.decode(top["fhirAuthorization"])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return Authorization("", 0, "")
    if sent.token_type.lower() != "bearer":
        return Authorization("", 0, "")
    patient = (sent.patient or "").removeprefix("Patient/")
    return Authorization(sent.access_token, sent.expires_in, sent.scope, patient)


class _Token(msgspec.Struct):
    """What ``fhirAuthorization`` must hold (CDS Hooks 2.0.1, "FHIR Authorization")."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str
    subject: str
    patient: str | None = None


_TOKEN = msgspec.json.Decoder(_Token)

#: Why a server was not asked: code and place of the note.
_REFUSALS = {Fault.NOT_ALLOWED: ("F084", "/fhirServer"), Fault.SCOPE: ("F085", "/fhirAuthorization")}


def _as_of(top: Mapping[str, msgspec.Raw]) -> datetime | None:
    extension = _optional_members(top, "extension")
    if AS_OF_EXTENSION not in extension:
        return None
    where = f"/extension/{AS_OF_EXTENSION}"
    text = _text(extension, "/extension", AS_OF_EXTENSION)
    try:
        instant = datetime.fromisoformat(text) if _INSTANT.fullmatch(text) else None
    except ValueError:
        instant = None
    if instant is None:
        raise _fault("H012", where, "is not a date-time with zone.", "Write 2026-11-20T12:00:00Z.")
    return instant


def _fault(code: str, where: str, what: str, remedy: str) -> RequestError:
    return RequestError(Issue(where or "/", code, what, remedy))
