"""Download the bulk export of a FHIR server to a folder that is then read like any other.

Source: HL7 FHIR Bulk Data Access IG 2.0. What could not be had makes its type incomplete in the folder's
manifest: what rests on it is then unknown, never "none on record".
"""

from __future__ import annotations

import itertools
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from cds_service.batch.export.access import (
    ExportAccess,
    ExportAddress,
    is_address,
    origin_named,
    parse_export,
)
from cds_service.batch.export.caller import Caller, way_of
from cds_service.batch.export.files import FileDownload, NotHad
from cds_service.batch.export.job import Finished, Job, JobGone
from cds_service.batch.export.manifest import Item, Manifest, named
from cds_service.batch.export.token import FixedToken, tokens_of
from cds_service.batch.export.words import is_grave, outcome_issues
from cds_service.batch.faults import stops, told
from cds_service.batch.journal import Journal, written_whole
from cds_service.batch.progress import Progress, quiet
from cds_service.errors import BatchError
from cds_service.fetch import Deadline
from cds_service.fhir.scan import READ_BY_NAME

_FOLDER: Final = "export"
_MANIFEST: Final = "manifest.json"
_ERRORS: Final = "OperationOutcome"
#: Faults of our own side: the server keeps its job for the run that goes on.
_OURS: Final = frozenset(("B005", "B051"))


def download(
    url: str,
    folder: Path,
    access: ExportAccess,
    *,
    resume: bool = False,
    progress: Callable[[Progress], None] = quiet,
) -> Path:
    """Download an export and return its folder: files by type and number, and ``manifest.json``.

    Args:
        url: ``https://host/fhir/$export``, ``.../Patient/$export`` or ``.../Group/ID/$export``; its one
            parameter may be ``_since``.
        folder: Where the files go; what it holds of another export is removed.
        access: What the site allows.
        resume: Go on with what a stopped run left in the folder.
        progress: Hears how far it is.

    Raises:
        BatchError: There is no export to review (B005, B040 to B051).
        KeyboardInterrupt: It was stopped; the job on the server was ended.
    """
    address = parse_export(url, access)
    if resume and (folder / _MANIFEST).exists():
        return folder
    shown = _Shown(progress, access.clock.seconds)
    caller = _caller(address, access)
    job = Job(caller, address, folder, shown.waiting)
    is_going_on = resume and job.resume()
    if not is_going_on:
        _emptied(folder)
    try:
        manifest = _manifest(job, is_going_on)
        _Gathering(job, manifest, shown).run()
    except BaseException as error:
        is_ours = isinstance(error, BatchError) and error.issues[0].code in _OURS
        if not is_ours:
            job.cancel()
        raise
    job.cancel()
    job.forget()
    return folder


def downloaded(
    names: Sequence[str],
    journal: Journal,
    access: ExportAccess,
    instant: str,
    resume: bool,
    progress: Callable[[Progress], None],
) -> tuple[list[str], bool]:
    """Return the inputs with every address replaced by the folder of its export, and whether the run goes on.

    A run that was stopped while it downloaded has no plan yet: its download goes on, and the run begins
    at the ``instant`` it was given first.

    Raises:
        BatchError: As ``download``; or the folder of the outputs is used (B002) or has no run (B003).
    """
    addresses = [name for name in names if is_address(name)]
    for url in addresses:
        parse_export(url, access)
    if addresses and resume and not journal.kept_instant():
        raise stops("B003", journal.out.name)
    if addresses and not resume:
        journal.refuse_used()
        journal.keep_instant(instant)
    has_plan = journal.kept_plan() is not None
    folders = {
        url: str(download(url, folder, access, resume=resume, progress=progress))
        for url, folder in zip(dict.fromkeys(addresses), _folders(journal.work), strict=False)
    }
    return [folders.get(name, name) for name in names], resume and (has_plan or not addresses)


def _folders(work: Path) -> Iterator[Path]:
    yield work / _FOLDER
    for number in itertools.count(2):
        yield work / f"{_FOLDER}-{number}"


def _caller(address: ExportAddress, access: ExportAccess) -> Caller:
    deadline = Deadline.within(access.total_seconds, access.clock.seconds)
    caller = Caller(access, address.server, deadline, FixedToken(), way_of(access))
    caller.tokens = tokens_of(access, caller)
    return caller


def _emptied(folder: Path) -> None:
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
    except OSError as error:
        raise stops("B005", folder.name, error.strerror or type(error).__name__) from None


def _manifest(job: Job, is_going_on: bool) -> Manifest:
    """Return the manifest of the job that was begun, or of a new one. Raises BatchError."""
    if is_going_on:
        try:
            return job.wait()
        except JobGone:
            job.caller.tell(told("B047", job.address.where))
            _emptied(job.folder)
    job.begin()
    try:
        return job.wait()
    except JobGone as gone:
        job.state.job = ""
        raise stops("B046", job.address.where, str(gone)) from None


@dataclass(slots=True)
class _Shown:
    """Tells the progress of an export: first of the job, then of the files."""

    tell: Callable[[Progress], None]
    clock: Callable[[], float]
    begun: float = field(init=False)

    def __post_init__(self) -> None:
        self.begun = self.clock()

    def waiting(self, share: float, words: str) -> None:
        """Tell how far the server is."""
        self.tell(Progress("export", round(share * 100), 100, 0, 0, self.clock() - self.begun, words))

    def files(self, done: int, total: int, words: str) -> None:
        """Tell how many files are there."""
        self.tell(Progress("download", done, total, 0, 0, self.clock() - self.begun, words))


@dataclass(slots=True)
class _Gathering:
    """Brings the files of one manifest to the folder."""

    job: Job
    manifest: Manifest
    shown: _Shown
    gaps: set[str] = field(default_factory=set)
    rows: list[dict[str, Any]] = field(default_factory=list)
    size: int = 0
    is_doubtful: bool = False
    plain: Counter[str] = field(init=False)

    def __post_init__(self) -> None:
        """Count the addresses without their queries."""
        items = (*self.manifest.output, *self.manifest.errors)
        self.plain = Counter(item.url.partition("?")[0] for item in items)

    def run(self) -> None:
        """Bring every file, then write the manifest. Raises BatchError (B005, B045, B051)."""
        tell, where = self.job.caller.tell, self.job.address.where
        wanted = tuple(item for item in self.manifest.output if item.type_name in READ_BY_NAME)
        errors = tuple(Item(_ERRORS, item.url, item.count) for item in self.manifest.errors)
        files = named(wanted) + named(errors)
        if self.manifest.twice:
            tell(told("B056", where, f"{self.manifest.twice} times"))
        if self.job.address.since:
            self.is_doubtful = True
            tell(told("B054", where))
        for number, (name, item) in enumerate(files):
            self.shown.files(number, len(files), f"{name}, {self.size:,} bytes so far")
            self._bring(name, item)
        self.shown.files(len(files), len(files), f"{self.size:,} bytes")
        self._write(sorted({item.type_name for item in wanted} | set(self.job.state.types)))

    def _bring(self, name: str, item: Item) -> None:
        path, mark = self.job.folder / name, self.job.mark(self._lasting(item.url))
        kept = self.job.state.files.get(name)
        is_whole = kept == Finished(mark, path.stat().st_size if path.exists() else -1, True)
        if kept is not None and is_whole:
            self._take(kept.size)
        else:
            is_whole = self._downloaded(path, item)
            if path.exists():
                self.job.state.files[name] = Finished(mark, path.stat().st_size, is_whole)
                self.job.keep()
        if path.exists():
            self.rows.append({"type": item.type_name, "file": name})
        if item.type_name == _ERRORS:
            self._judge_errors(path, is_whole)
        elif not is_whole:
            self.gaps.add(item.type_name)

    def _lasting(self, url: str) -> str:
        """Return an address without its query, a signature that may change, if files differ without it."""
        plain = url.partition("?")[0]
        return plain if self.plain[plain] == 1 else url

    def _downloaded(self, path: Path, item: Item) -> bool:
        """Bring one file; return whether it is whole. Raises BatchError."""
        caller = self.job.caller
        place = caller.access.place_of(caller.home, self.job.state.job, item.url)
        try:
            if place is None:
                named = origin_named(item.url)
                raise NotHad(f"its address is on a server that is not listed{named and f': {named}'}")
            file = FileDownload(caller, item, *place, path, self.manifest.needs_token, self._take)
            file.run()
            _check(file, item)
        except NotHad as lost:
            caller.tell(told("B052", path.name, str(lost)))
            return False
        return True

    def _take(self, count: int) -> None:
        self.size += count
        if self.size > self.job.caller.access.most_bytes:
            raise stops("B051", self.job.address.where)

    def _judge_errors(self, path: Path, is_whole: bool) -> None:
        """Doubt every type when the server reports an error, or its report cannot be had."""
        if is_whole and not _holds_errors(path):
            return
        self.is_doubtful = True
        self.job.caller.tell(told("B053", path.name))

    def _write(self, types: list[str]) -> None:
        states = {
            name: "incomplete" if self.is_doubtful or name in self.gaps else "complete" for name in types
        }
        known = {row["type"] for row in self.rows}
        missing = [{"type": name, "file": ""} for name in sorted(self.gaps - known)]
        manifest = {
            "transactionTime": self.manifest.transaction_time,
            "output": [row for row in self.rows if row["type"] != _ERRORS] + missing,
            "error": [row for row in self.rows if row["type"] == _ERRORS],
            "deleted": self.manifest.deleted,
            "types": states,
        }
        with written_whole(self.job.folder / _MANIFEST) as file:
            file.write(msgspec.json.format(msgspec.json.encode(manifest)) + b"\n")


def _check(file: FileDownload, item: Item) -> None:
    """Raise NotHad when a file holds something else than was promised; it stays."""
    if file.lines.strange:
        raise NotHad(f"{file.lines.strange} of its lines are of another type")
    if item.count is not None and file.lines.count != item.count:
        raise NotHad(f"{file.lines.count} of {item.count} resources came")


def _holds_errors(path: Path) -> bool:
    """Whether a file of OperationOutcomes reports an error; what cannot be read counts as one."""
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            try:
                issues = outcome_issues(msgspec.json.decode(line))
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                return True
            if not issues or is_grave(issues):
                return True
    return False
