"""The job of an export on its server: begun, waited for, ended; what is known of it survives a kill.

Source: Bulk Data Access IG 2.0, "Bulk Data Kick-off Request", "Status Request" and "Delete Request".
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec

from cds_service.batch.export.access import ExportAddress, origin_named, origin_of
from cds_service.batch.export.caller import Caller
from cds_service.batch.export.manifest import MOST_BYTES, Manifest, read_manifest
from cds_service.batch.export.words import Told, shown_progress
from cds_service.batch.faults import stops, told
from cds_service.batch.journal import written_whole
from cds_service.errors import BatchError
from cds_service.fetch import Deadline, FetchFault, Request, Server, next_address
from cds_service.fhir.scan import READ_BY_NAME

_JOB: Final = "job.json"
_FHIR: Final = {"Accept": "application/fhir+json"}
_JSON: Final = {"Accept": "application/json"}
_MOST_CAPABILITIES: Final = 32 * 1024 * 1024
_PERCENT: Final = re.compile(r"\s*(\d{1,3})(?:\.\d+)?\s*%")
#: Answers that say that a server does not do with ``_type``, or that it does not know the job.
_NOT_SO: Final = (400, 404, 405, 422, 501)
#: Read, but never a patient's own: what the server says of an export, and what stands outside the
#: patient compartment of FHIR, so that some servers refuse it below Patient and Group.
_NEVER_ASKED: Final = frozenset(("OperationOutcome",))
_OF_NOBODY: Final = frozenset(("Medication",))
_GONE: Final = (404, 410)
_MOST_MANIFESTS: Final = 1_000
#: The end of a job is told within this time (seconds): nobody waits long after Ctrl-C.
_CANCEL_SECONDS: Final = 10.0


class JobGone(Exception):
    """The server no longer knows the job."""


class Finished(msgspec.Struct, frozen=True):
    """A file that is there: a mark of where it came from, its size, and whether it is whole."""

    mark: str
    size: int
    whole: bool


class JobState(msgspec.Struct):
    """What is kept of an export: its kick-off, the address of the job (empty: none), the files so far."""

    kickoff: str
    job: str = ""
    types: list[str] = []
    files: dict[str, Finished] = {}


@dataclass(slots=True)
class Job:
    """One export; ``tell_progress`` hears a share (0 to 1) and words."""

    caller: Caller
    address: ExportAddress
    folder: Path
    tell_progress: Callable[[float, str], None]
    state: JobState = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing done."""
        self.state = JobState(self._kickoff_mark)

    @property
    def _kickoff_mark(self) -> str:
        return f"{self.address.url}?_since={self.address.since}"

    def resume(self) -> bool:
        """Take up what a run before has kept; false when there is nothing of this export."""
        try:
            kept = msgspec.json.decode((self.folder / _JOB).read_bytes(), type=JobState)
        except (OSError, msgspec.DecodeError):
            return False
        if kept.kickoff != self._kickoff_mark or not kept.job:
            return False
        self.state = kept
        return self._own(kept.job) == kept.job

    def keep(self) -> None:
        """Have what is known on the disk. Raises BatchError (B005)."""
        with written_whole(self.folder / _JOB) as file:
            file.write(msgspec.json.format(msgspec.json.encode(self.state)) + b"\n")

    def forget(self) -> None:
        """Remove what was kept: the export is whole."""
        with contextlib.suppress(OSError):
            (self.folder / _JOB).unlink()

    def begin(self) -> None:
        """Ask for the export. Raises BatchError (B042 to B045)."""
        types = self._served_types()
        answer = self._kicked_off(types)
        if types and answer.status in _NOT_SO:
            answer, types = self._asked_otherwise(types, answer)
        if answer.status != 202:
            raise stops("B043", self.address.where, answer.words)
        link = answer.headers.get("Content-Location", "")
        job = self._own(link)
        if job is None:
            named = origin_named(link)
            raise stops("B044", self.address.where, f"it names {named}" if named else "")
        self.state = JobState(self._kickoff_mark, job, types)
        self.keep()

    def wait(self) -> Manifest:
        """Wait for the manifest. Raises JobGone, BatchError (B042, B045, B046, B048)."""
        url, waits = self.state.job, 0
        while True:
            answer = self.caller.ask_patiently(Request("GET", url, _JSON), self._server, MOST_BYTES)
            if answer.status in _GONE:
                raise JobGone(answer.words)
            if answer.status == 200:
                return self._all_of(read_manifest(answer, self.address.where))
            if answer.status != 202:
                raise stops("B046", self.address.where, answer.words)
            words = shown_progress(answer.headers.get("X-Progress", ""))
            percent = _PERCENT.match(words)
            self.tell_progress(min(int(percent[1]), 100) / 100 if percent else 0.0, words or "in progress")
            waits += 1
            self.caller.pause(answer, waits)

    def cancel(self) -> None:
        """Tell the server that the job is over. What cannot be told is kept for a run that goes on."""
        if not self.state.job:
            return
        brief = replace(self.caller, deadline=Deadline.within(_CANCEL_SECONDS))
        try:
            answer = brief.ask(Request("DELETE", self.state.job, _FHIR), self._server, MOST_BYTES)
        except (FetchFault, BatchError):
            return
        if 200 <= answer.status < 300 or answer.status in _GONE:
            self.state.job = ""
            with contextlib.suppress(BatchError):
                self.keep()

    def mark(self, url: str) -> str:
        """Return what a file of this job is known by again."""
        return hashlib.sha256(f"{self.state.job} {url}".encode()).hexdigest()[:32]

    @property
    def _server(self) -> Server:
        return origin_of(self.address.server)

    def _own(self, link: str) -> str | None:
        """Return the address of a link on the own origin; None when it leads elsewhere."""
        return next_address(self._server, self.address.url, link)

    def _asked_otherwise(self, types: list[str], refused: Told) -> tuple[Told, list[str]]:
        """Return the answer to a kick-off a server accepts, and its types; else how it refused the first."""
        own = [name for name in types if name not in _OF_NOBODY]
        ways: list[tuple[list[str], str]] = [([], "B055")]
        if own and own != types:
            ways.insert(0, (own, "B057"))
        for fewer, code in ways:
            again = self._kicked_off(fewer)
            if again.status == 202:
                self.caller.tell(told(code, self.address.where))
                return again, fewer
        return refused, types

    def _kicked_off(self, types: list[str]) -> Told:
        parameters = {"_outputFormat": "application/fhir+ndjson"}
        if types:
            parameters["_type"] = ",".join(types)
        if self.address.since:
            parameters["_since"] = self.address.since
        query = "&".join(f"{name}={quote(value, safe=',')}" for name, value in parameters.items())
        headers = {**_FHIR, "Prefer": "respond-async", "Cache-Control": "no-cache"}  # no job of an hour ago
        request = Request("GET", f"{self.address.url}?{query}", headers)
        return self.caller.ask_patiently(request, self._server, MOST_BYTES)

    def _served_types(self) -> list[str]:
        """Return the types facts are read from that the server has; none when it does not say."""
        request = Request("GET", f"{self.address.server.base}/metadata", _FHIR)
        answer = self.caller.ask_patiently(request, self._server, _MOST_CAPABILITIES)
        try:
            statement = msgspec.json.decode(answer.body, type=_Capabilities)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return []
        served = {row.type for rest in statement.rest for row in rest.resource}
        return sorted((served & READ_BY_NAME.keys()) - _NEVER_ASKED)

    def _all_of(self, manifest: Manifest) -> Manifest:
        """Return a manifest with those that follow it. Raises BatchError (B048)."""
        seen: set[str] = set()
        while manifest.next:
            url = self._own(manifest.next)
            if url is None or url in seen or len(seen) >= _MOST_MANIFESTS:
                raise stops("B048", self.address.where, "its next part")
            seen.add(url)
            answer = self.caller.ask_patiently(Request("GET", url, _JSON), self._server, MOST_BYTES)
            if answer.status != 200:
                raise stops("B048", self.address.where, f"its next part: {answer.words}")
            more = read_manifest(answer, self.address.where)
            if more.transaction_time != manifest.transaction_time or more.needs_token != manifest.needs_token:
                raise stops("B048", self.address.where, "its next part is of another export")
            output = tuple(dict.fromkeys(manifest.output + more.output))
            manifest = replace(
                more,
                output=output,
                errors=tuple(dict.fromkeys(manifest.errors + more.errors)),
                deleted=manifest.deleted + more.deleted,
                twice=manifest.twice + more.twice + len(manifest.output) + len(more.output) - len(output),
            )
        return manifest


class _Resource(msgspec.Struct):
    type: str = ""


class _Rest(msgspec.Struct):
    resource: list[_Resource] = []


class _Capabilities(msgspec.Struct):
    """CapabilityStatement, of what types a server has."""

    rest: list[_Rest] = []
