"""The two kinds of work: read sources, and review the patients whose resources stood apart."""

from __future__ import annotations

import re
from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final, Protocol

import msgspec

from cds_service.batch.faults import words_of
from cds_service.batch.inputs.sources import Source
from cds_service.batch.inputs.streams import Damage, Document, Kind, Span, documents
from cds_service.batch.journal import Journal
from cds_service.batch.patient import Reviewer, of_broken
from cds_service.batch.rows import Place, Rows
from cds_service.batch.shuffle.shared import SharedResources
from cds_service.batch.shuffle.sorting import Sorted, sort_text
from cds_service.batch.shuffle.spool import Line, Spool, by_patient, read_part
from cds_service.errors import PatientDataError
from cds_service.facts import DataState
from cds_service.fhir import read_bundle
from cds_service.fhir.scan import READ_BY_NAME
from cds_service.text.neutral import exact

_TYPE_IN_NAME: Final = re.compile(r"[A-Z][A-Za-z]+")
#: Bytes read, patients reviewed, findings.
Meter = Callable[[int, int, int], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A source, or a span of its lines."""

    source: Source
    span: Span | None = None

    @property
    def size(self) -> int:
        """Bytes to read."""
        return self.source.size if self.span is None else self.span.end - self.span.start


@dataclass(frozen=True, slots=True)
class Task:
    """Work that is done or not done as a whole: pieces to read, or a part of the patients to review."""

    name: str
    pieces: tuple[Piece, ...] = ()
    part: int = 0


@dataclass(frozen=True, slots=True)
class Run:
    """What every task of a run needs. ``most`` is the number of patients after which it stops; None: all."""

    reviewer: Reviewer
    journal: Journal
    parts: int
    kind: Kind = "auto"
    most: int | None = None


def read_sources(run: Run, task: Task, meter: Meter) -> int:
    """Review the records of the pieces, bring single resources to their patients; return patients."""
    journal = run.journal
    own = Spool(journal.spool / task.name, run.parts)
    shared = Spool(journal.spool / f"{task.name}.shared", 1)
    reading = Reading(run.reviewer, run.kind, own, shared, meter, run.most)
    for piece in task.pieces:
        if reading.is_enough:
            break
        deque(reading.steps(piece), maxlen=0)
    own.close()
    shared.close()
    journal.finish(task.name, reading.rows)
    return reading.rows.tally.reviewed["patients"]


def review_part(run: Run, task: Task, meter: Meter, reads: list[str]) -> int:
    """Review the patients of one part, in order, as many as are wanted; return how many."""
    journal = run.journal
    shared = SharedResources(journal.work / "shared.sqlite3")
    rows = Rows()
    for patient, lines in by_patient(read_part(task.part, journal.spools(reads))):
        if run.most is not None and rows.tally.reviewed["patients"] >= run.most:
            break
        found = review_lines(run.reviewer, patient, lines, shared.named_in)
        rows.add(found)
        meter(0, found.tally.reviewed["patients"], len(found.findings))
    journal.finish(task.name, rows)
    return rows.tally.reviewed["patients"]


def review_lines(
    reviewer: Reviewer,
    patient: str,
    lines: Iterable[tuple[Place, bytes, bool]],
    named_in: Callable[[Iterable[bytes]], Iterable[tuple[Place, bytes]]],
) -> Rows:
    """Return the rows of one patient by all of his texts: place, text, whether it is broken.

    ``named_in`` gives the shared resources that texts refer to. A patient of broken texts alone is told as
    one of whom nothing could be read.
    """
    texts = list(lines)
    whole = [(place, text) for place, text, is_broken in texts if not is_broken]
    if not whole:
        return of_broken(patient, [place for place, _, _ in texts])
    broken = {sort_text(text).type_name for _, text, is_broken in texts if is_broken}
    gaps = sorted(READ_BY_NAME) if "" in broken else sorted(broken)
    return reviewer.of_patient(patient, whole, named_in(text for _, text in whole), gaps)


class Sink(Protocol):
    """Takes texts that wait for their patient."""

    def add(self, line: Line, /) -> None:
        """Take one text."""


class Reading:
    """The reading of pieces: records are reviewed, single resources go to ``own`` and ``shared``."""

    def __init__(
        self,
        reviewer: Reviewer,
        kind: Kind,
        own: Sink,
        shared: Sink,
        meter: Meter = lambda _size, _patients, _findings: None,
        most: int | None = None,
    ) -> None:
        """Begin; ``most`` is the number of patients after which it stops."""
        self.rows = Rows()
        self._reviewer = reviewer
        self._kind = kind
        self._own = own
        self._shared = shared
        self._meter = meter
        self._most = most

    @property
    def is_enough(self) -> bool:
        """Whether as many patients as wanted were reviewed."""
        return self._most is not None and self.rows.tally.reviewed["patients"] >= self._most

    def steps(self, piece: Piece) -> Iterator[None]:
        """Read one piece; yield after every text, so that rows can be taken away."""
        told = lambda size: self._meter(size, 0, 0)  # noqa: E731
        items = documents(piece.source, self._kind, piece.span, told)
        is_first = piece.span is None or piece.span.start == 0
        return self.steps_of(items, piece.source.name, piece.size, is_first)

    def steps_of(
        self, items: Iterable[Document | Damage], name: str, size: int, is_first: bool
    ) -> Iterator[None]:
        """Take the texts of a file, or of a part of it; ``is_first`` tells the part with its beginning."""
        tally = self.rows.tally
        tally.given["files"] += is_first
        tally.given["bytes"] += size
        types: defaultdict[str, set[str]] = defaultdict(set)
        texts, damaged = 0, set[str]()
        for item in items:
            if isinstance(item, Damage):
                damaged.add(item.place.file)
                self._damaged(item)
            else:
                texts += 1
                self._take(item, types[item.place.file])
            yield
            if self.is_enough:
                break
        for file in sorted(damaged):
            self._note_gap({*types[file], _type_of(file)})
        if not texts and not damaged and (named := _type_of(name)):
            tally.resources[named] += 0  # an empty file of a type says that there is none
        is_lost = not texts and bool(damaged)
        tally.quarantined["files"] += is_lost and is_first
        tally.reviewed["files"] += not is_lost and is_first

    def _note_gap(self, types: set[str]) -> None:
        """Note that resources of these types are lost, of any patient; of any type where none is told."""
        gaps = types - {""} or READ_BY_NAME.keys()
        self.rows.tally.damaged.update(dict.fromkeys(gaps & READ_BY_NAME.keys(), 1))

    def _damaged(self, damage: Damage) -> None:
        scope = "file" if damage.place.line is None else "document"
        self.rows.set_aside(damage.place, damage.code, damage.message, scope=scope)

    def _take(self, document: Document, types: set[str]) -> None:
        sort = sort_text(document.data)
        if sort.type_name in READ_BY_NAME:
            types.add(sort.type_name)
        if sort.is_record:
            found = self._reviewer.of_document(document.data, document.place)
            self.rows.add(found)
            self._meter(0, found.tally.reviewed["patients"], len(found.findings))
        elif sort.code == "F004" and self._is_about_export(document):
            pass
        else:
            self._take_resource(document, sort)

    def _take_resource(self, document: Document, sort: Sorted) -> None:
        """Send a resource to its patient, or say why that cannot be."""
        tally, place = self.rows.tally, document.place
        tally.given["documents"] += 1
        if sort.code:
            self._refuse(place, sort)
            tally.quarantined["documents"] += 1
            tally.given["resources"] += bool(sort.type_name)
            tally.quarantined["resources"] += bool(sort.type_name)
            if sort.is_broken and sort.owner:
                self._own.add((sort.owner, place, document.data, True))
            elif sort.is_somebodys or (sort.code == "F013" and _tells_failure(document.data)):
                self._note_gap({"" if sort.code == "F013" else sort.type_name or _type_of(place.file)})
            return
        tally.reviewed["documents"] += 1
        tally.given["resources"] += 1
        tally.resources[sort.type_name] += 1
        if sort.is_read and not sort.is_shared:
            self._own.add((sort.owner, place, document.data, False))
            return
        tally.reviewed["resources"] += 1
        if sort.is_shared:
            self._shared.add((sort.ident, place, document.data, False))

    def _refuse(self, place: Place, sort: Sorted) -> None:
        what, remedy = words_of(sort.code)
        self.rows.set_aside(
            place,
            sort.code,
            f"{what} {remedy}",
            scope="resource" if sort.type_name else "document",
            patient=exact(sort.owner),
            resource=exact(sort.reference),
        )

    def _is_about_export(self, document: Document) -> bool:
        """Whether a text is the manifest of an export, or a line of its log; what it promises is noted."""
        data = document.data
        if document.is_line:
            return b'"exportId"' in data and b'"eventId"' in data
        if b'"transactionTime"' not in data:
            return False
        try:
            manifest = msgspec.json.decode(data, type=_Manifest)
        except msgspec.DecodeError:
            return False
        tally = self.rows.tally
        tally.promised.update({row.type: 1 for row in manifest.output if row.type in READ_BY_NAME})
        gaps = {name for name, state in manifest.types.items() if state == "incomplete"}
        tally.damaged.update(dict.fromkeys(gaps & READ_BY_NAME.keys(), 1))
        return True


class _Output(msgspec.Struct):
    type: str = ""


class _Manifest(msgspec.Struct):
    """The manifest of a bulk export, and what our own client adds to it."""

    transactionTime: str
    output: list[_Output]
    types: dict[str, str] = {}


def _tells_failure(data: bytes) -> bool:
    """Whether an OperationOutcome tells of an error: something was not exported, and nobody knows what."""
    try:
        return read_bundle(data).default_state is not DataState.NONE_FOUND
    except PatientDataError:
        return True


def _type_of(name: str) -> str:
    """Return the resource type a file is named after; empty when it is named after none."""
    found = _TYPE_IN_NAME.match(PurePath(name.rpartition("!")[2]).name)
    return found[0] if found is not None and found[0] in READ_BY_NAME else ""
