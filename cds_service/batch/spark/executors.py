"""What runs on the executors of Spark: Arrow batches in, Arrow batches out, through the same pure functions.

Nothing here imports pyspark. Every function is given what it needs as plain values: knowledge does not
travel, an executor loads its own once and proves that it is that of the driver.
"""

from __future__ import annotations

import gc
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

import msgspec

from cds_service import __version__
from cds_service.batch.faults import stops
from cds_service.batch.inputs.streams import MAX_TEXT, Damage, Document, Kind, documents_of
from cds_service.batch.patient import Reviewer
from cds_service.batch.rows import STREAMS, Place, Rows
from cds_service.batch.shuffle.shared import names_in
from cds_service.batch.shuffle.sorting import sort_text
from cds_service.batch.shuffle.spool import Line
from cds_service.batch.tally import Tally
from cds_service.batch.tasks import Piece, Reading, review_lines
from cds_service.facts import DataState
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.program import program_of
from cds_service.site import read_site

if TYPE_CHECKING:
    from pyarrow import RecordBatch

#: The columns between the two passes. ``stream`` is one of the outputs (``key`` sorts, ``row`` is JSON),
#: ``tally`` (``row`` is JSON), or ``own``, ``broken`` and ``shared``: texts that wait for their patient
#: (``key`` is whose, or the id of a shared one; ``row`` is the text).
COLUMNS: Final = "stream string, key binary, file string, line int, row binary"
TALLY: Final = "tally"
OWN: Final = "own"
BROKEN: Final = "broken"
SHARED: Final = "shared"
_NAMES: Final = ("stream", "key", "file", "line", "row")
#: Rows and bytes of one batch that goes back to Spark.
_BATCH_ROWS: Final = 1_000
_BATCH_BYTES: Final = 4 * 1024 * 1024

#: One row of ``COLUMNS``.
Row = tuple[str, bytes, str, int, bytes]
#: What Spark calls with the batches of one partition.
Work = Callable[[Iterable["RecordBatch"]], Iterator["RecordBatch"]]


@dataclass(frozen=True, slots=True)
class Setup:
    """How executors judge, in values that travel.

    ``knowledge`` is the hash of the driver's content and ``version`` its program; ``root`` and ``site`` tell
    where content and site file lie when they are not the installed ones. ``as_of`` is ISO text; None is
    the newest clinical date of each record. ``states`` are those of ``Tally.states``.
    """

    knowledge: str
    as_of: str | None
    rules: tuple[str, ...] | None = None
    kind: Kind = "auto"
    root: str = ""
    site: str = ""
    states: Mapping[str, str] = field(default_factory=dict)
    version: str = __version__

    def reviewer(self) -> Reviewer:
        """Return the reviewer of this process. Raises BatchError (B061)."""
        instant = None if self.as_of is None else datetime.fromisoformat(self.as_of)
        states = {name: DataState(state) for name, state in self.states.items()}
        return Reviewer(_knowledge(self), instant, self.rules, states)


_LOADED: Final[dict[str, Knowledge]] = {}


def _knowledge(setup: Setup) -> Knowledge:
    """Return the knowledge of the driver as this process has it, loaded once."""
    if setup.version != __version__:
        raise stops("B061", "executor", f"program {__version__}, not {setup.version}")
    if setup.knowledge not in _LOADED:
        root = Path(setup.root) if setup.root else None
        if root is not None and not root.is_dir():
            raise stops("B061", "executor", "the folder of the knowledge is not there")
        if setup.site and not Path(setup.site).is_file():
            raise stops("B061", "executor", "the site file is not there")
        known = load_knowledge(root)
        if setup.site:
            known = load_knowledge(root, site=read_site(Path(setup.site), known.root))
        if known.content_hash != setup.knowledge:
            raise stops("B061", "executor", "other content")
        program_of(known)
        _LOADED[setup.knowledge] = known
        gc.collect()
        gc.freeze()  # it stays for good: no need to look through it again
    return _LOADED[setup.knowledge]


def read_pieces(setup: Setup) -> Work:
    """Return what reads pieces (column ``pieces``) that lie where every executor finds them."""

    def work(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
        reading = _Texts(setup)
        for (packed,) in _rows(batches, "pieces"):
            pieces: tuple[Piece, ...] = pickle.loads(packed)  # the driver's; names may be no UTF-8
            for piece in pieces:
                yield from reading.taken(reading.of.steps(piece))
        yield from reading.rest()

    return work


def read_contents(setup: Setup) -> Work:
    """Return what reads whole files (columns ``name``, ``length``, ``content``)."""

    def work(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
        reading = _Texts(setup)
        for name, size, content in _rows(batches, "name", "length", "content"):
            items = documents_of(content, name, setup.kind)
            yield from reading.taken(reading.of.steps_of(items, name, size, True))
        yield from reading.rest()

    return work


#: Bytes of a file's part from its start; the name that is told, the size of the file.
Starts = Mapping[tuple[str, int], int]
Files = Mapping[str, tuple[str, int]]


def read_lines(setup: Setup, files: Files, firsts: Starts) -> Work:
    """Return what reads lines (columns ``path``, ``start``, ``value``) of files that Spark parted.

    ``files`` gives name and size by path, ``firsts`` the number of the first line of each part.
    """

    def work(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
        reading = _Texts(setup)
        rows = _rows(batches, "path", "start", "value")
        for (path, start), lines in groupby(rows, itemgetter(0, 1)):
            name, size = files[plain_path(path, files)]
            first = firsts.get((path, start))
            if first is None:
                raise stops("B032", name)
            items = _numbered((line[2] for line in lines), name, first)
            size = 0 if start else size
            yield from reading.taken(reading.of.steps_of(items, name, size, not start))
        yield from reading.rest()

    return work


def plain_path(path: str, known: Files) -> str:
    """Return a path as the listing tells it; Spark tells the origin of a line percent-encoded."""
    return path if path in known else unquote(path)


def _numbered(lines: Iterable[bytes], name: str, first: int) -> Iterator[Document | Damage]:
    for number, line in enumerate(lines, first):
        text = (line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line).strip()
        if len(text) > MAX_TEXT:
            yield Damage(Place(name, number), "B023")
        elif text:
            yield Document(Place(name, number), text)


def wanted(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Yield which shared resources (``ident``) the texts of which patients (``owner``) refer to."""
    from pyarrow import RecordBatch, array, binary

    for batch in batches:
        rows = _rows((batch,), "stream", "key", "row")
        pairs = {
            (owner, n.encode()) for stream, owner, text in rows if stream == OWN for n in names_in((text,))
        }
        ordered = sorted(pairs)
        yield RecordBatch.from_arrays(
            [array([pair[place] for pair in ordered], binary()) for place in (0, 1)], ["owner", "ident"]
        )


def review_patients(setup: Setup) -> Work:
    """Return what reviews the patients of a partition; their texts stand together there."""

    def work(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
        reviewer, tally = setup.reviewer(), Tally()
        out = _Batches()
        for owner, texts in groupby(_rows(batches, "key", "stream", "file", "line", "row"), itemgetter(0)):
            found = _reviewed(reviewer, owner.decode("utf-8", "replace"), texts)
            tally.add(found.tally)
            yield from out.taken(_lines_of(found))
        yield from out.taken([_tally_row(tally)])
        yield from out.rest()

    return work


def _reviewed(reviewer: Reviewer, patient: str, texts: Iterable[tuple[Any, ...]]) -> Rows:
    lines: list[tuple[Place, bytes, bool]] = []
    shared: list[tuple[Place, bytes]] = []
    for _, stream, file, line, text in texts:
        place = Place(file, line or None)
        if stream == SHARED:
            shared.append((place, text))
        else:
            lines.append((place, text, stream == BROKEN))

    def named_in(whole: Iterable[bytes]) -> list[tuple[Place, bytes]]:
        names = set(names_in(whole))
        return [row for row in shared if sort_text(row[1]).ident in names]

    return review_lines(reviewer, patient, lines, named_in)


def added(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Yield the sum of tallies (column ``row``)."""
    from pyarrow import RecordBatch, array, binary

    total = Tally()
    for (text,) in _rows(batches, "row"):
        total.add(Tally.from_json(msgspec.json.decode(text)))
    yield RecordBatch.from_arrays([array([msgspec.json.encode(total.to_json())], binary())], ["row"])


def blocks(batches: Iterable[RecordBatch]) -> Iterator[RecordBatch]:
    """Yield rows that are in order as few large blocks (``stream``, ``count``, ``block``) of lines."""
    from pyarrow import RecordBatch, array, binary, int64, string

    for batch in batches:
        found = []
        for stream, rows in groupby(_rows((batch,), "stream", "row"), itemgetter(0)):
            texts = [text for _, text in rows]
            found.append((stream, len(texts), b"".join(text + b"\n" for text in texts)))
        kinds = (string(), int64(), binary())
        columns = [array([row[place] for row in found], kind) for place, kind in enumerate(kinds)]
        yield RecordBatch.from_arrays(columns, ["stream", "count", "block"])


class _Texts:
    """The reading of one partition, its rows taken away as they come."""

    def __init__(self, setup: Setup) -> None:
        self._waiting: list[Row] = []
        self._out = _Batches()
        self.of = Reading(
            setup.reviewer(), setup.kind, _Sink(self._waiting, OWN), _Sink(self._waiting, SHARED)
        )

    def taken(self, steps: Iterable[None]) -> Iterator[RecordBatch]:
        """Go the steps; yield batches as they fill."""
        for _ in steps:
            yield from self._out.taken(self._found())

    def rest(self) -> Iterator[RecordBatch]:
        """Yield what is left, and the counts."""
        yield from self._out.taken([*self._found(), _tally_row(self.of.rows.tally)])
        yield from self._out.rest()

    def _found(self) -> list[Row]:
        rows = self.of.rows
        found = [*self._waiting, *_lines_of(rows)]
        self._waiting.clear()
        for name in STREAMS:
            getattr(rows, name).clear()
        return found


class _Sink:
    """Keeps texts as rows of a stream."""

    def __init__(self, rows: list[Row], stream: str) -> None:
        self._rows = rows
        self._stream = stream

    def add(self, line: Line, /) -> None:
        """Take one text."""
        key, place, text, is_broken = line
        stream = BROKEN if is_broken else self._stream
        self._rows.append((stream, key.encode(), place.file, place.line or 0, text))


class _Batches:
    """Gathers rows to Arrow batches of bounded size."""

    def __init__(self) -> None:
        self._rows: list[Row] = []
        self._size = 0

    def taken(self, rows: Iterable[Row]) -> Iterator[RecordBatch]:
        """Take rows; yield a batch when there are enough."""
        for row in rows:
            self._rows.append(row)
            self._size += len(row[-1])
            if len(self._rows) >= _BATCH_ROWS or self._size >= _BATCH_BYTES:
                yield from self.rest()

    def rest(self) -> Iterator[RecordBatch]:
        """Yield what is left."""
        from pyarrow import RecordBatch, array, binary, int32, string

        if self._rows:
            kinds = (string(), binary(), string(), int32(), binary())
            columns = [
                array(column, kind) for column, kind in zip(zip(*self._rows, strict=True), kinds, strict=True)
            ]
            yield RecordBatch.from_arrays(columns, list(_NAMES))
        self._rows = []
        self._size = 0


def _rows(batches: Iterable[RecordBatch], *names: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of batches as tuples of the columns named."""
    for batch in batches:
        yield from zip(*(batch.column(name).to_pylist() for name in names), strict=True)


def as_rows(rows: Rows) -> list[Row]:
    """Return rows and their counts as rows of ``COLUMNS``."""
    return [*_lines_of(rows), _tally_row(rows.tally)]


def _lines_of(rows: Rows) -> Iterator[Row]:
    for stream in STREAMS:
        for line in getattr(rows, stream):
            key, _, text = line.partition(b"\t")
            yield stream, key, "", 0, text.removesuffix(b"\n")


def _tally_row(tally: Tally) -> Row:
    return TALLY, b"", "", 0, msgspec.json.encode(tally.to_json())
