"""What Spark reads in the first pass: pieces of a shared disk, or files of any file system Spark knows."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from cds_service.batch.faults import CODES, stops
from cds_service.batch.inputs.packed import told_name
from cds_service.batch.inputs.sources import STDIN, Source, find_sources, is_data_name, told_names
from cds_service.batch.inputs.streams import has_line_name, is_packed
from cds_service.batch.rows import Place, Rows
from cds_service.batch.run import read_tasks
from cds_service.batch.spark.executors import (
    COLUMNS,
    Setup,
    as_rows,
    plain_path,
    read_contents,
    read_lines,
    read_pieces,
)

_MAGIC: Final = re.compile(r"[*?{\[]")
#: Files of lines from this size on are parted by Spark; others are read whole.
_LARGE: Final = 32 * 1024 * 1024
#: The most Spark can hand over as one value.
_MOST: Final = 2**31 - 1
_HEAD: Final = 600
_MOST_PARTITIONS: Final = 10_000
_PARTING: Final = {
    "spark.sql.files.minPartitionNum": "64",
    "spark.sql.files.maxPartitionBytes": str(64 << 20),
}


@dataclass(frozen=True, slots=True)
class Input:
    """What the first pass reads: a frame of ``COLUMNS`` yet to be worked out, and how many bytes it reads."""

    frame: DataFrame
    size: int


def of_paths(spark: SparkSession, names: Sequence[str], setup: Setup) -> Input:
    """Return the pieces of paths that driver and executors see alike. Raises BatchError (B001, B013)."""
    if STDIN in names:
        raise stops("B063", "the standard input")
    return of_sources(spark, find_sources(names, Path(os.devnull, "none")), setup)


def of_sources(spark: SparkSession, sources: Sequence[Source], setup: Setup) -> Input:
    """Return the pieces of sources that every executor finds under their path."""
    tasks = read_tasks(sources)
    rows = [(number, bytearray(pickle.dumps(task.pieces))) for number, task in enumerate(tasks)]
    frame = spark.createDataFrame(rows, "task int, pieces binary")
    spread = frame.repartition(min(len(rows), _MOST_PARTITIONS) or 1).select("pieces")
    return Input(spread.mapInArrow(read_pieces(setup), COLUMNS), sum(s.size for s in sources))


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a file system of Spark; ``given`` is the number of the input it was found by."""

    path: str
    name: str
    size: int
    given: int

    @property
    def is_parted(self) -> bool:
        """Whether Spark may read it in parts, as far as name and size tell."""
        return self.size >= _LARGE and has_line_name(self.name)


def of_addresses(spark: SparkSession, names: Sequence[str], setup: Setup) -> Input:
    """Return the files of addresses. Raises BatchError (B001, B013)."""
    files = _listed(spark, names)
    size = sum(file.size for file in files)
    frames: list[DataFrame] = []
    large = [file for file in files if file.is_parted and setup.kind != "document"]
    lines, packed = _lines_frame(spark, large, setup)
    frames += [] if lines is None else [lines]
    whole = [file for file in files if file not in large or file.path in packed]
    refused = Rows()
    for file in whole:
        if file.size > _MOST:
            _refuse(refused, file)
    frames += [frame.mapInArrow(read_contents(setup), COLUMNS) for frame in _contents(spark, names, whole)]
    frame = spark.createDataFrame(as_rows(refused), COLUMNS)
    for more in frames:
        frame = frame.unionByName(more)
    return Input(frame, size)


def _refuse(rows: Rows, file: _File) -> None:
    what, remedy = CODES["B066"]
    rows.set_aside(Place(file.name), "B066", f"{what} {remedy}", scope="file")
    for name, count in (("files", 1), ("bytes", file.size)):
        rows.tally.given[name] += count
    rows.tally.quarantined["files"] += 1


# --- listing


def _listed(spark: SparkSession, names: Sequence[str]) -> list[_File]:
    """Return every file of the inputs once, with the name that is told. Raises BatchError (B001, B013)."""
    found: dict[str, tuple[int, int, int]] = {}
    for number, name in enumerate(names):
        depth = len(_parts(name)) - 1
        listed = _files_of(spark, name)
        usable = [row for row in listed if len(_parts(row[0])) == depth + 1 or is_data_name(row[0])]
        if not usable:
            raise stops("B013" if listed else "B001", told_name(name))
        for path, size in usable:
            found[path] = min(found.get(path, (depth, number, size)), (depth, number, size))
    above = {_folders(path): _folders(path, depth) for path, (depth, _, _) in found.items()}
    told = told_names(above)
    return [
        _File(path, told[_folders(path)], size, number) for path, (_, number, size) in sorted(found.items())
    ]


def _files_of(spark: SparkSession, name: str) -> list[tuple[str, int]]:
    """Return path and size of every file of an input; Spark reads no empty ones, but lists them."""
    try:
        frame = _binary(spark, name).select("path", "length")
        found = [(row["path"], row["length"]) for row in frame.collect()]
        known = {_parts(path) for path, _ in found}
        listed = {unquote(address) for address in frame.inputFiles()}
        return [*found, *((address, 0) for address in sorted(listed) if _parts(address) not in known)]
    except Exception as error:
        if "PATH_NOT_FOUND" in str(error) or "does not exist" in str(error):
            raise stops("B001", told_name(name)) from None
        raise


def _binary(spark: SparkSession, *names: str) -> DataFrame:
    return spark.read.format("binaryFile").option("recursiveFileLookup", "true").load(list(names))


def _parts(address: str) -> tuple[str, ...]:
    """Return the host, the folders and the name of an address; no host is an empty one."""
    _, _, rest = address.partition(":")
    host, _, path = rest[2:].partition("/") if rest.startswith("//") else ("", "", rest)
    return (host, *PurePosixPath("/" + path.strip("/")).parts[1:])


def _folders(address: str, depth: int | None = None) -> str:
    """Return an address as a path, or its first ``depth`` parts."""
    host, *parts = _parts(address)[:depth]
    return "/" + "/".join([host or "-", *parts])


# --- files read whole


def _contents(spark: SparkSession, names: Sequence[str], files: Sequence[_File]) -> Iterator[DataFrame]:
    """Yield frames of name, length and content: of empty files, of small ones, of large ones."""
    empty = [(file.name, 0, bytearray()) for file in files if not file.size]
    if empty:
        yield spark.createDataFrame(empty, "name string, length long, content binary")
    usable = [file for file in files if 0 < file.size <= _MOST]
    small = [file for file in usable if file.size < _LARGE]
    for number in sorted({file.given for file in small}):
        found = _binary(spark, names[number]).where(F.col("length") < _LARGE)
        yield _named(spark, found, [file for file in small if file.given == number])
    large = [file for file in usable if file.size >= _LARGE]
    if large:
        yield _named(spark, _binary(spark, *(_literal(file.path) for file in large)), large)


def _named(spark: SparkSession, found: DataFrame, files: Sequence[_File]) -> DataFrame:
    names = spark.createDataFrame([(file.path, file.name) for file in files], "path string, name string")
    return found.join(F.broadcast(names), "path").select("name", "length", "content")


def _literal(path: str) -> str:
    """Return a path that is not taken for a pattern."""
    return _MAGIC.sub(lambda match: f"\\{match[0]}", path)


# --- files of lines, parted


def _lines_frame(
    spark: SparkSession, files: Sequence[_File], setup: Setup
) -> tuple[DataFrame | None, set[str]]:
    """Return the lines of large files, and the paths of those that are packed in spite of their name."""
    if not files:
        return None, set()
    known = {file.path: (file.name, file.size) for file in files}
    counts: dict[tuple[str, int], int] = {}
    packed: set[str] = set()
    for row in _starts(spark, files).collect():
        counts[row["path"], row["start"]] = row["count"]
        if not row["start"] and is_packed(bytes(row["head"])):
            packed.add(plain_path(row["path"], known))
    firsts: dict[tuple[str, int], int] = {}
    line, last = 1, ""
    for (path, start), count in sorted(counts.items()):
        line = line if path == last else 1
        firsts[path, start] = line
        line, last = line + count, path
    plain = [file for file in files if file.path not in packed]
    if not plain:
        return None, packed
    return _text(spark, plain).mapInArrow(read_lines(setup, known, firsts), COLUMNS), packed


def _text(spark: SparkSession, files: Sequence[_File]) -> DataFrame:
    """Return path, start of the part, and line; lines are in order within a part."""
    read = spark.read.option("lineSep", "\n").text([_literal(file.path) for file in files])
    return read.select(
        F.col("_metadata.file_path").alias("path"),
        F.col("_metadata.file_block_start").alias("start"),
        F.col("value").cast("binary").alias("value"),
    )


def _starts(spark: SparkSession, files: Sequence[_File]) -> DataFrame:
    """Return for each part of files how many lines it has, and how it begins."""
    text = _text(spark, files)
    head: Any = F.first(F.substring("value", 1, _HEAD)).alias("head")
    return text.groupBy("path", "start").agg(F.count("*").alias("count"), head)


@contextmanager
def fixed_parts(spark: SparkSession) -> Iterator[None]:
    """Have files parted alike each time they are read, however many executors have come by then."""
    kept = {name: spark.conf.get(name, None) for name in _PARTING}
    for name, value in _PARTING.items():
        spark.conf.set(name, value)
    try:
        yield
    finally:
        for name, before in kept.items():
            if before is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, before)
