"""Review whole exports: Bundles and bulk data in, findings, quarantine and a summary out.

``run_batch`` is the one way in, for the command line and for notebooks. Source of inputs, outputs and
guarantees: design 2.2 and 2.5.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from cds_service import __version__
from cds_service.batch.export.access import ExportAccess
from cds_service.batch.export.download import downloaded
from cds_service.batch.extras import needed
from cds_service.batch.faults import stops
from cds_service.batch.inputs.sources import Source, are_addresses, find_sources
from cds_service.batch.inputs.streams import Kind
from cds_service.batch.journal import Journal, faults_told, written_whole
from cds_service.batch.outputs.formats import add_report, write_outputs
from cds_service.batch.outputs.merge import merge
from cds_service.batch.outputs.several import mark_several
from cds_service.batch.patient import Reviewer
from cds_service.batch.progress import Progress, quiet
from cds_service.batch.rows import STREAMS
from cds_service.batch.run import LocalRun, default_workers, parts_for
from cds_service.batch.shuffle.room import check_room
from cds_service.batch.summary import check, summary_of
from cds_service.batch.tally import Tally
from cds_service.batch.tasks import Run
from cds_service.catalogue.thresholds import analyte_frames
from cds_service.knowledge import Knowledge, load_knowledge

__all__ = ["ENGINES", "FORMATS", "LATEST", "ExportAccess", "Progress", "default_workers", "run_batch"]

FORMATS: Final = ("ndjson", "csv", "parquet", "sqlite", "fhir")
LATEST: Final = "latest"
SPARK: Final = "spark"
ENGINES: Final = ("local", SPARK)


def run_batch(
    inputs: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    out: str | os.PathLike[str],
    *,
    knowledge: Knowledge | None = None,
    as_of: datetime | Literal["latest"] | None = None,
    workers: int = 1,
    resume: bool = False,
    formats: Sequence[str] = ("ndjson",),
    report: bool = False,
    rules: Collection[str] | None = None,
    limit: int | None = None,
    kind: Kind = "auto",
    engine: str = "local",
    progress: Callable[[Progress], None] = quiet,
    exports: ExportAccess | None = None,
) -> dict[str, Any]:
    """Review every patient of the inputs, write the outputs to ``out`` and return the summary.

    Args:
        inputs: Files, folders, patterns, addresses of bulk exports (``https://host/fhir/$export``), or ``-``
            for the standard input; one or many.
        out: Folder of the outputs; new, empty, or that of a run to resume.
        knowledge: Loaded knowledge; None is that of this installation.
        as_of: Instant every patient is judged at, ``latest`` for the newest clinical date of each record;
            None only for a run that is resumed: it keeps its own.
        workers: Worker processes; 1 works in this one.
        resume: Go on with a run that was stopped.
        formats: What to write beside ``ndjson``, which is always written.
        report: Write ``report.html`` too.
        rules: Ids of the rules to judge; None judges all.
        limit: Patients after which to stop, for a try; the run then uses one worker.
        kind: ``lines`` or ``document`` where the inputs are not to be recognized by their content.
        engine: ``local``, or ``spark`` for what outgrows one machine (docs/batch.md, "Spark"); the same rows.
        progress: Is told how far the run is, some times a second.
        exports: Which servers may be asked for bulk exports; None: nobody.

    Raises:
        BatchError: The run cannot begin or go on; what it has done is kept.
        KeyboardInterrupt: It was stopped; ``resume`` goes on.
    """
    begun = time.monotonic()
    names = [os.fspath(name) for name in ([inputs] if isinstance(inputs, (str, os.PathLike)) else inputs)]
    known = load_knowledge() if knowledge is None else knowledge
    _check_options(known, formats, rules)
    needed(formats, report=report)
    _check_engine(engine, names, resume, limit)
    journal = Journal(Path(out))
    with journal.locked(), faults_told(journal.out):
        journal.admit(resume=resume)
        instant = _instant(as_of, journal, resume)
        names, goes_on = downloaded(names, journal, exports or ExportAccess(), instant, resume, progress)
        remote = engine == SPARK and are_addresses(names)
        sources = [] if remote else find_sources(names, journal.work)
        if engine != SPARK:
            check_room(sources, kind, journal.spool, journal.out)
        journal.begin(_plan(names if remote else sources, known, instant, rules, limit, kind), resume=goes_on)
        if engine == SPARK:
            from cds_service.batch.spark import run_on_spark, setup_of

            setup = setup_of(known, instant, rules, kind)
            tally, written, seconds = run_on_spark(
                names, None if remote else sources, setup, journal.work, workers, progress
            )
        else:
            reviewer = Reviewer(known, None if instant == LATEST else datetime.fromisoformat(instant), rules)
            local = Run(reviewer, journal, parts_for(sources), kind, limit)
            tally, written, seconds = _locally(local, sources, workers, progress)
        check(tally, written)
        writing, final = time.monotonic(), journal.work / "final"
        several = mark_several(journal.work / "patients.ndjson")
        summary = summary_of(tally, known, instant, written["findings"], several, analyte_frames(known))
        made = write_outputs(journal.work, final, formats, known)
        if made or several:
            seconds["outputs"] = time.monotonic() - writing
        timings = _timings(seconds, begun, tally.given["bytes"], tally.reviewed["patients"], workers)
        if report:
            made += add_report(journal.work, final, summary, timings)
        _publish(journal, made, summary, timings)
    journal.close()
    return summary


def _check_options(knowledge: Knowledge, formats: Sequence[str], rules: Collection[str] | None) -> None:
    for name in formats:
        if name not in FORMATS:
            raise stops("B010", name)
    for rule_id in rules or ():
        if rule_id not in knowledge.rules:
            raise stops("B011", rule_id)


def _check_engine(engine: str, names: Sequence[str], resume: bool, limit: int | None) -> None:
    """Refuse what an engine cannot do, before anything is begun."""
    if engine not in ENGINES:
        raise stops("B067", engine)
    refused = {"--resume": resume, "--limit": limit is not None, "the standard input": "-" in names}
    for name, is_asked in refused.items():
        if engine == SPARK and is_asked:
            raise stops("B063", name)


def _locally(
    run: Run, sources: Sequence[Source], workers: int, progress: Callable[[Progress], None]
) -> tuple[Tally, dict[str, int], dict[str, float]]:
    """Work on this machine; return counts, rows written, and how long the stages took."""
    local = LocalRun(run, sources, 1 if run.most is not None else workers, progress)
    tasks, tally = local.work()
    begun = time.monotonic()
    journal = run.journal
    written = {
        name: merge(
            [journal.part(task, name) for task in tasks if journal.is_done(task)],
            journal.work / f"{name}.ndjson",
            journal.work / "merge",
        )
        for name in STREAMS
    }
    return tally, written, {**local.seconds, "merging": time.monotonic() - begun}


def _instant(as_of: datetime | str | None, journal: Journal, resume: bool) -> str:
    """Return the instant of the run as text; a run that is resumed without one keeps its own."""
    kept = journal.kept_instant() if resume and as_of is None else ""
    if kept:
        return kept
    if as_of == LATEST:
        return LATEST
    if not isinstance(as_of, datetime):
        raise stops("B012", "as_of")
    return as_of.isoformat(timespec="seconds")


def _plan(
    sources: Sequence[Source] | Sequence[str],
    knowledge: Knowledge,
    instant: str,
    rules: Collection[str] | None,
    limit: int | None,
    kind: str,
) -> dict[str, Any]:
    """Return what makes a run the same run."""
    return {
        "version": __version__,
        "knowledge": knowledge.content_hash,
        "asOf": instant,
        "rules": None if rules is None else sorted(rules),
        "limit": limit,
        "kind": kind,
        "inputs": [
            source if isinstance(source, str) else [source.name, source.size, source.changed]
            for source in sources
        ],
    }


def _publish(
    journal: Journal, names: Sequence[str], summary: dict[str, Any], timings: dict[str, Any]
) -> None:
    """Give the outputs their names, the summary last: where it stands, everything is there."""
    for name in STREAMS:
        (journal.work / f"{name}.ndjson").replace(journal.out / f"{name}.ndjson")
    for name in names:
        (journal.out / name).parent.mkdir(exist_ok=True)
        (journal.work / "final" / name).replace(journal.out / name)
    for name, content in (("timings", timings), ("summary", summary)):
        with written_whole(journal.out / f"{name}.json") as file:
            file.write(msgspec.json.format(msgspec.json.encode(content)) + b"\n")


def _timings(
    seconds: dict[str, float], begun: float, size: int, patients: int, workers: int
) -> dict[str, Any]:
    total = time.monotonic() - begun
    return {
        "workers": workers,
        "seconds": {name: round(value, 3) for name, value in {**seconds, "total": total}.items()},
        "patientsPerSecond": round(patients / total, 1) if total else 0,
        "megabytesPerSecond": round(size / total / 1e6, 2) if total else 0,
    }
