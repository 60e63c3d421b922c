"""The batch on Spark, for exports that outgrow one machine: the same rows, from the same pure functions.

Two passes: texts are read and Bundles reviewed where they lie; then Spark brings the single resources of
each patient together and they are reviewed there. Needs the extra ``spark`` and Java.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Final, Literal

import msgspec

try:
    import pyarrow  # noqa: F401 - Spark needs it to hand over batches
    from pyspark.errors import PySparkException
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql import functions as F
except ImportError as error:
    from cds_service.batch.faults import stops

    raise stops("B060", "Spark", str(error.name)) from None

from cds_service.batch.faults import CODES, stops
from cds_service.batch.inputs.sources import Source, are_addresses
from cds_service.batch.inputs.streams import Kind
from cds_service.batch.journal import written_whole
from cds_service.batch.progress import Progress, quiet
from cds_service.batch.rows import STREAMS
from cds_service.batch.spark import reading
from cds_service.batch.spark.executors import (
    BROKEN,
    COLUMNS,
    OWN,
    SHARED,
    TALLY,
    Setup,
    added,
    blocks,
    review_patients,
    wanted,
)
from cds_service.batch.tally import Tally
from cds_service.content import content_root
from cds_service.errors import BatchError
from cds_service.knowledge import Knowledge, load_knowledge

__all__ = ["own_session", "review_with_spark", "run_on_spark", "session"]

#: Bytes of input for one part of the patients, about.
_PART_BYTES: Final = 16 * 1024 * 1024
_MOST_PARTS: Final = 10_000
_LATEST: Final = "latest"
_OUR_CODES: Final = re.compile(r"BatchError: (.*?): (B\d{3}): (?:.*?\((.*?)\)\.)?")
_NOT_THERE: Final = re.compile(r"No module named '?cds_service")
_BLOCKS: Final = "stream string, count long, block binary"
_QUIET: Final = """\
rootLogger.level = error
logger.shell.name = org.apache.spark.api.python.PythonGatewayServer
logger.shell.level = error
rootLogger.appenderRef.stderr.ref = stderr
appender.stderr.type = Console
appender.stderr.name = stderr
appender.stderr.target = SYSTEM_ERR
appender.stderr.layout.type = PatternLayout
appender.stderr.layout.pattern = %d{yyyy-MM-dd HH:mm:ss} Spark %p %c{1}: %m%n
"""


def review_with_spark(
    spark: SparkSession,
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    as_of: datetime | Literal["latest"],
    knowledge: Knowledge | None = None,
    rules: Collection[str] | None = None,
    parts: int | None = None,
    kind: Kind = "auto",
) -> DataFrame:
    """Review every patient of the inputs on a cluster and return the rows of all outputs.

    Args:
        spark: The session of the notebook or job.
        inputs: Paths that the driver and all executors see alike, or addresses of any file system Spark
            knows (``s3a://``, ``abfss://``, ``dbfs:/``, ``file:///``).
        as_of: Instant every patient is judged at, or ``latest``: the newest clinical date of each record.
        knowledge: Loaded knowledge; None is that of this installation, which executors must have too.
        rules: Ids of the rules to judge; None judges all.
        parts: Parts in which patients are reviewed; None fits them to the size of the inputs.
        kind: ``lines`` or ``document`` where files are not to be recognized by their content.

    Returns:
        Columns ``stream`` (``patients``, ``findings``, ``quarantine``, or ``tally``: counts to be summed),
        ``key`` (what an output is sorted by) and ``row`` (JSON). It is computed when this returns, and kept
        by Spark until the session clears its cache.

    Raises:
        BatchError: An input is not there (B001), or executors have other knowledge (B061, B062).
    """
    known = load_knowledge() if knowledge is None else knowledge
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, (str, os.PathLike)) else inputs)]
    setup = setup_of(known, as_of, rules, kind)
    with _told():
        passes = _Passes(spark, parts)
        passes.work(lambda: _input(spark, names, setup), setup)
        return passes.rows


def run_on_spark(
    names: Sequence[str],
    sources: Sequence[Source] | None,
    setup: Setup,
    work: Path,
    workers: int,
    progress: Callable[[Progress], None] = quiet,
) -> tuple[Tally, dict[str, int], dict[str, float]]:
    """Write the outputs of a run to ``work/<stream>.ndjson``; return counts, rows written, and seconds.

    ``sources`` are the files of paths; None reads ``names`` as addresses. The active session is used, else
    the one this process was submitted with, else one on this machine with ``workers``.

    Raises:
        BatchError: Spark cannot start (B060) or finish (B065), or executors differ (B061, B062).
    """
    seconds: dict[str, float] = {}
    begun = time.monotonic()
    with session(work, workers) as spark, _told():
        seconds["starting"] = time.monotonic() - begun
        passes = _Passes(spark, None, progress)

        def given() -> reading.Input:
            if sources is None:
                return reading.of_addresses(spark, names, setup)
            return reading.of_sources(spark, sources, setup)

        try:
            passes.work(given, setup)
            seconds.update(passes.seconds)
            begun = time.monotonic()
            written = _write(passes, work)
            seconds["writing"] = time.monotonic() - begun
        finally:
            passes.close()
    return passes.tally, written, seconds


def setup_of(
    knowledge: Knowledge, as_of: datetime | str, rules: Collection[str] | None, kind: Kind = "auto"
) -> Setup:
    """Return how executors are to judge. ``as_of`` may be ISO text."""
    instant = as_of.isoformat() if isinstance(as_of, datetime) else as_of
    is_bundled = knowledge.root == content_root()
    return Setup(
        knowledge.content_hash,
        None if instant == _LATEST else instant,
        None if rules is None else tuple(sorted(rules)),
        kind,
        "" if is_bundled else str(knowledge.root),
        "" if knowledge.site.path is None else str(knowledge.site.path),
    )


def _input(spark: SparkSession, names: Sequence[str], setup: Setup) -> reading.Input:
    if are_addresses(names):
        return reading.of_addresses(spark, names, setup)
    return reading.of_paths(spark, names, setup)


@dataclass(slots=True)
class _Passes:
    """The two passes over the inputs; frames are kept until ``close``."""

    spark: SparkSession
    parts: int | None
    progress: Callable[[Progress], None] = quiet
    tally: Tally = field(default_factory=Tally)
    seconds: dict[str, float] = field(default_factory=dict)
    kept: list[DataFrame] = field(default_factory=list)

    def work(self, given: Callable[[], reading.Input], setup: Setup) -> None:
        """Do both passes. Raises what Spark raises."""
        begun = time.monotonic()
        with reading.fixed_parts(self.spark):
            found = given()
            self._tell("reading", 0, found.size)
            self.parts = self.parts or min(_MOST_PARTS, found.size // _PART_BYTES + 1)
            first = self._keep(found.frame)
        self.seconds["reading"] = time.monotonic() - begun
        self._tell("reading", found.size, found.size)
        begun = time.monotonic()
        if self.tally.resources or self.tally.reasons["F001"]:
            states = {name: state.value for name, state in self.tally.states().items()}
            self._keep(
                self._patients(first).mapInArrow(review_patients(replace(setup, states=states)), COLUMNS)
            )
        self.seconds["patients"] = time.monotonic() - begun
        self._tell("patients", 1, 1)

    @property
    def rows(self) -> DataFrame:
        """The rows of all outputs and of the counts."""
        found: DataFrame | None = None
        for kept in self.kept:
            # Filtered one by one: Spark makes one of unions that meet, and forgets that a part was kept.
            rows = kept.where(F.col("stream").isin(*STREAMS, TALLY))
            rows = rows.select("stream", "key", F.col("row").cast("string").alias("row"))
            found = rows if found is None else found.unionByName(rows)
        assert found is not None
        return found

    def close(self) -> None:
        """Let go what was kept."""
        for frame in self.kept:
            frame.unpersist()

    def _keep(self, frame: DataFrame) -> DataFrame:
        """Work out a frame, keep it, and add its counts."""
        kept = frame.persist()
        self.kept.append(kept)
        counts = kept.where(F.col("stream") == TALLY).select("row").repartition(1)
        for row in counts.mapInArrow(added, "row binary").collect():
            self.tally.add(Tally.from_json(msgspec.json.decode(bytes(row["row"]))))
        return kept

    def _patients(self, first: DataFrame) -> DataFrame:
        """Return the texts of each patient together, with the shared ones they refer to."""
        texts = first.where(F.col("stream").isin(OWN, BROKEN))
        if self.tally.resources["Medication"]:
            names = texts.mapInArrow(wanted, "owner binary, ident binary").distinct()
            shared = first.where(F.col("stream") == SHARED)
            found = shared.join(names, shared["key"] == names["ident"])
            texts = texts.unionByName(
                found.select("stream", F.col("owner").alias("key"), "file", "line", "row")
            )
        return texts.repartition(self.parts or 1, "key").sortWithinPartitions("key")

    def _tell(self, stage: str, done: int, total: int) -> None:
        patients = self.tally.reviewed["patients"]
        self.progress(Progress(stage, done, total, patients, 0, self.seconds.get(stage, 0.0)))


def _write(passes: _Passes, work: Path) -> dict[str, int]:
    """Write the rows of every stream in order; return how many of each."""
    order = ("stream", "order", "row")
    rows = passes.rows.where(F.col("stream").isin(*STREAMS))
    keyed = rows.withColumn(
        "order", F.concat("key", F.lit(b"\t"))
    )  # compared with what follows it, as locally
    spread = keyed.repartitionByRange(passes.parts or 1, *order).sortWithinPartitions(*order)
    found = spread.select("stream", F.col("row").cast("binary").alias("row")).mapInArrow(blocks, _BLOCKS)
    written = dict.fromkeys(STREAMS, 0)
    for stream, lines in groupby(found.toLocalIterator(prefetchPartitions=True), itemgetter("stream")):
        with written_whole(work / f"{stream}.ndjson") as file:
            for line in lines:
                file.write(line["block"])
                written[stream] += line["count"]
    for stream, count in written.items():
        if not count:
            with written_whole(work / f"{stream}.ndjson"):
                pass
    return written


# --- the session


@contextmanager
def session(work: Path, workers: int) -> Iterator[SparkSession]:
    """Give the session there is, or that this process was submitted with; else one of our own, for a while.

    Raises:
        BatchError: Spark cannot start (B060).
    """
    active = SparkSession.getActiveSession()
    submitted = {"PYSPARK_GATEWAY_PORT", "SPARK_REMOTE", "DATABRICKS_RUNTIME_VERSION"} & os.environ.keys()
    if active is not None or submitted:
        yield active or SparkSession.builder.appName("twitch-cds").getOrCreate()
        return
    with ExitStack() as stack:
        ours = own_session(work, workers)
        stack.callback(ours.stop)
        yield ours


def own_session(work: Path, workers: int, memory: str = "2g") -> SparkSession:
    """Return a session on this machine that listens on loopback only, without web pages and nearly silent.

    ``work`` is where it keeps what does not fit in ``memory``. Raises BatchError (B060).
    """
    folder = work.resolve() / "spark"
    folder.mkdir(parents=True, exist_ok=True)
    logs = folder / "log4j2.properties"
    logs.write_text(_QUIET, encoding="utf-8")
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)  # the only way Spark learns of it in this process
    ours = str(Path(__file__).resolve().parents[3])
    builder = SparkSession.builder.master(f"local[{workers}]").appName("twitch-cds")
    for name, value in {
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.memory": memory,
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={logs.resolve().as_uri()}",
        "spark.executorEnv.PYTHONPATH": ours,
        "spark.local.dir": str(folder),
        "spark.sql.warehouse.dir": str(folder / "warehouse"),
        "spark.sql.shuffle.partitions": str(2 * workers),
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }.items():
        builder = builder.config(name, value)
    try:
        return builder.getOrCreate()
    except Exception as error:  # no Java, one too old, no memory: all told by other types
        raise stops("B060", "Spark", type(error).__name__) from None


@contextmanager
def _told() -> Iterator[None]:
    """Tell a failure of Spark in our words; no row of a patient is in them."""
    try:
        yield
    except PySparkException as error:
        raise _issue_of(str(error)) from None
    except BatchError:
        raise
    except Exception as error:
        if type(error).__module__.startswith("py4j"):
            raise _issue_of(str(error), type(error).__name__) from None
        raise


def _issue_of(text: str, name: str = "") -> BatchError:
    if found := _OUR_CODES.search(text):
        where, code, detail = found.groups()
        if code in CODES:
            return stops(code, where, detail or "")
    if _NOT_THERE.search(text):
        return stops("B062", "executor")
    return stops("B065", "Spark", name)
