"""The whole examination: from the file of a call to its troubles and the answer it would have had."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cds_service.auth import Fetch
from cds_service.doctor.authorization import check_server
from cds_service.doctor.discovery import check_discovery
from cds_service.doctor.document import read_json
from cds_service.doctor.envelope import check_envelope, check_evaluation_date, evaluation_date
from cds_service.doctor.mend import mended_call
from cds_service.doctor.outcome import Answer, answered, note_outcome
from cds_service.doctor.prefetch import check_look_back, check_prefetch, check_value
from cds_service.doctor.reading import note_set_aside, note_unread
from cds_service.doctor.resources import check_resources, resources_of
from cds_service.doctor.server import check_answers
from cds_service.doctor.token import check_token
from cds_service.doctor.troubles import Notes, Severity, Trouble
from cds_service.errors import CdsError, Issue, PatientDataError, RequestError, SettingsError
from cds_service.fetch import FhirClient
from cds_service.fhir import Record, latest_clinical_date, read_bundle
from cds_service.hook_call import Call, context_of, read_call, record_of
from cds_service.knowledge import Knowledge, Service
from cds_service.review import Review, review_patient
from cds_service.settings import Settings

_DEFAULT_HOOK: Final = "patient-view"
_LATEST: Final = "latest"
#: Code of an error that refuses a whole record to kind of trouble.
_OF_REFUSAL: Final = {
    "F006": "D324",
    "F007": "D317",
    "F008": "D317",
    "F005": "D305",
    "F003": "D007",
    "H003": "D007",
}


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the person at the terminal asks for beside the file.

    ``now`` is the clock. ``as_of`` is the instant of the call where one is given, ``latest`` for the newest
    date of the record. ``base_url`` is the address of the service as the EHR calls it, empty for that of
    the settings. ``fhir`` and ``key_fetch`` are None where nobody may be asked. ``with_values`` shows what
    tells of the patient.
    """

    now: datetime
    as_of: datetime | str | None = None
    service_id: str = ""
    token: str | None = None
    base_url: str = ""
    discovery: bytes | None = None
    fhir: FhirClient | None = None
    key_fetch: Fetch | None = None
    with_values: bool = False


@dataclass(frozen=True, slots=True)
class Examination:
    """What an examination found. ``is_call`` is false for a bare resource; ``as_of``: judged when."""

    troubles: tuple[Trouble, ...]
    answer: Answer
    service: str
    is_call: bool
    as_of: datetime
    knowledge_version: str


def examine(body: bytes, knowledge: Knowledge, settings: Settings, wishes: Wishes) -> Examination:
    """Examine a CDS Hooks call, or a bare Bundle or resource.

    Raises:
        SettingsError: The service asked for does not exist.
    """
    return _Examination(body, knowledge, settings, wishes).whole()


class _Examination:
    """The examination of one file."""

    def __init__(self, body: bytes, knowledge: Knowledge, settings: Settings, wishes: Wishes) -> None:
        self.body, self.knowledge, self.settings, self.wishes = body, knowledge, settings, wishes
        self.notes = Notes()
        read = read_json(body, self.notes, settings.max_body_bytes)
        self.is_read = read is not None  # an empty object is read, and lacks everything
        self.document: dict[str, Any] = read or {}
        self.is_call = "hook" in self.document or "resourceType" not in self.document
        self.service = self._service()
        self.as_of = wishes.as_of if isinstance(wishes.as_of, datetime) else wishes.now

    def whole(self) -> Examination:
        issuer = self._look_at_token()
        if self.wishes.discovery is not None:
            check_discovery(self.wishes.discovery, self.knowledge.services, self.notes)
        if self.is_read:
            answer = self._of_call(issuer) if self.is_call else self._of_record()
        else:
            answer = Answer(400, self._refusal().code)
        return Examination(
            self.notes.troubles(),
            self._as_told(answer),
            self.service.id,
            self.is_call,
            self.as_of,
            self.knowledge.version,
        )

    # ------------------------------------------------------------- what is asked about

    def _service(self) -> Service:
        services = {service.id: service for service in self.knowledge.services}
        if self.wishes.service_id and self.wishes.service_id not in services:
            raise SettingsError(
                Issue("--service", "K050", "is no service.", f"Services are: {', '.join(sorted(services))}.")
            )
        if self.wishes.service_id:
            return services[self.wishes.service_id]
        hooks = {service.hook: service for service in self.knowledge.services}
        named = self.document.get("hook")
        return hooks.get(named if isinstance(named, str) else "", hooks[_DEFAULT_HOOK])

    def _look_at_token(self) -> str:
        clients, text = self.settings.clients, self.wishes.token
        if text is None:
            if clients:
                self.notes.add("D520", "token")
            return ""
        base = (self.wishes.base_url or self.settings.base_url).rstrip("/")
        audience = f"{base}/cds-services/{self.service.id}"
        seconds = int(self.as_of.timestamp())
        return check_token(text, clients, audience, seconds, self.wishes.key_fetch, self.notes)

    # ------------------------------------------------------------- a call

    def _of_call(self, issuer: str) -> Answer:
        document, notes, service = self.document, self.notes, self.service
        if "hook" not in document and {"cards", "services"} & document.keys():
            notes.add("D012")
            return Answer(400, self._refusal().code)
        if not service.active:
            notes.add("D708", "/hook", service.id)
        check_envelope(document, service, {item.hook for item in self.knowledge.services}, notes)
        check_evaluation_date(document, self.settings.allow_as_of, notes)
        check_server(document, service, self.settings.fhir_access, issuer, notes)
        check_prefetch(document, service, notes)
        self._look_at_context()
        check_resources(self._resources(), notes)
        fault: Issue | None = None
        try:
            call: Call | None = read_call(self.body, service.hook)
        except RequestError as error:
            fault, call = error.issues[0], mended_call(self.body, document, service)
        if call is None:
            return self._refused(fault or self._refusal(), 400)
        if self.wishes.fhir is not None and fault is None:
            call = check_answers(call, service, self.wishes.fhir, issuer, notes)
        return self._judged(call, fault)

    def _look_at_context(self) -> None:
        form, context = context_of(self.service.hook), self.document.get("context")
        for name in filter(None, (form.drafts, form.problems)):
            bundle = context.get(name) if isinstance(context, dict) else None
            if isinstance(bundle, dict):
                check_value(bundle, f"/context/{name}", "", self.notes)

    def _resources(self) -> list[tuple[str, Mapping[str, Any]]]:
        prefetch = self.document.get("prefetch")
        keys: Mapping[str, Any] = prefetch if isinstance(prefetch, dict) else {}
        form, context = context_of(self.service.hook), self.document.get("context")
        found = [row for key in sorted(keys) for row in resources_of(keys[key], f"/prefetch/{key}")]
        for name in filter(None, (form.drafts, form.problems)):
            bundle = context.get(name) if isinstance(context, dict) else None
            found += resources_of(bundle, f"/context/{name}")
        return found

    def _judged(self, call: Call, fault: Issue | None) -> Answer:
        try:
            record = record_of(call, self.service)
            self._set_instant(record, evaluation_date(self.document))
            review = self._review(record, call.hook, call)
        except PatientDataError as error:
            return self._unusable(error, fault)
        return self._told(review, call.hook, fault, self._more_at_patient_view(review, record, call))

    def _more_at_patient_view(self, review: Review, record: Record, call: Call) -> int:
        """Return how many more cards patient-view would give of this record."""
        if call.hook == _DEFAULT_HOOK:
            return 0
        try:
            return len(self._review(record, _DEFAULT_HOOK, call).cards) - len(review.cards)
        except PatientDataError:
            return 0

    # ------------------------------------------------------------- a bare record

    def _of_record(self) -> Answer:
        check_value(self.document, "", "", self.notes)
        check_resources(list(resources_of(self.document)), self.notes)
        try:
            record = read_bundle(self.body)
            self._set_instant(record, None)
            review = self._review(record, self.service.hook, None)
        except PatientDataError as error:
            return self._unusable(error, None)
        return self._told(review, self.service.hook, None, 0)

    # ------------------------------------------------------------- the judging

    def _set_instant(self, record: Record, of_call: datetime | None) -> None:
        if self.wishes.as_of == _LATEST:
            self.as_of = latest_clinical_date(record) or self.wishes.now
        elif self.wishes.as_of is None and of_call is not None:
            self.as_of = of_call

    def _review(self, record: Record, hook: str, call: Call | None) -> Review:
        return review_patient(
            record,
            self.knowledge,
            as_of=self.as_of,
            hook=hook,
            patient_id=call.patient_id if call else None,
            encounter_id=call.encounter_id if call else None,
            base_url=self.settings.base_url,
            instance=call.hook_instance if call else "",
        )

    def _told(self, review: Review, hook: str, fault: Issue | None, more: int) -> Answer:
        facts, notes = review.facts, self.notes
        note_set_aside(facts.set_aside, notes)
        note_unread(facts, self.knowledge.terminology.systems, notes)
        check_look_back(facts, notes)
        note_outcome(review, hook, more, notes)
        if fault is not None and not notes.has_error:
            notes.add("D702", fault.where, fault.code)
        return answered(
            review,
            status=400 if fault else 200,
            code=fault.code if fault else "",
            mended=fault is not None,
            with_values=self.wishes.with_values,
        )

    # ------------------------------------------------------------- refusals

    def _unusable(self, error: PatientDataError, fault: Issue | None) -> Answer:
        issue = error.issues[0]
        refused = self._refused(issue, 412)
        return Answer(400, fault.code) if fault else refused

    def _refused(self, issue: Issue, status: int) -> Answer:
        ident = _OF_REFUSAL.get(issue.code)
        if ident:
            self.notes.add(ident, issue.where)
        if not self.notes.has_error:
            self.notes.add("D702", issue.where, issue.code)
        return Answer(status, issue.code)

    def _refusal(self) -> Issue:
        """Return why the service refuses a body that is no call at all."""
        try:
            read_call(self.body, self.service.hook)
        except CdsError as error:
            return error.issues[0]
        return Issue("/", "", "")

    def _as_told(self, answer: Answer) -> Answer:
        """Return the answer as the gates before it change it: a wrong token, a body too large."""
        if any(_is_of_token(trouble) for trouble in self.notes.troubles()):
            return _gated(answer, 401, "W401")
        if self.is_call and self.notes.has("D006"):
            return _gated(answer, 413, "W413")
        return _gated(answer, 404, "W404") if self.notes.has("D708") else answer


def _is_of_token(trouble: Trouble) -> bool:
    return trouble.kind.id.startswith("D5") and trouble.kind.severity is Severity.ERROR


def _gated(answer: Answer, status: int, code: str) -> Answer:
    return Answer(status, code, True, answer.cards, answer.rules, answer.gaps, answer.values)
