"""Review every patient of files, folders and exports; show how far it is and what came of it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, cast

import click
from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Column, Table

from cds_service.batch import ENGINES, FORMATS, ExportAccess, Progress, default_workers, run_batch
from cds_service.batch.export.access import Clock
from cds_service.batch.progress import quiet
from cds_service.batch.report.content import several_sentence
from cds_service.cli.options import as_of_option, config_option, knowledge_in_force, settings_in_force
from cds_service.fetch import parse_network, parse_server
from cds_service.settings import Settings
from cds_service.text.neutral import visible

#: Exit code of a process that was stopped by Ctrl-C (128 + SIGINT).
_STOPPED = 130
_STAGES = {
    "export": "Export",
    "download": "Download",
    "reading": "Reading",
    "patients": "Patients",
}
_MEBIBYTE = 1024 * 1024


@click.command("batch")
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option(
    "--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="Folder of the outputs."
)
@as_of_option
@click.option("--workers", type=click.IntRange(1, 256), help="Worker processes. Default: one a processor.")
@click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="local",
    help="local: processes of this machine. spark: a cluster (extra spark, Java 17).",
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--format", "formats", default="ndjson", metavar="LIST", help=f"Of {', '.join(FORMATS)}.")
@click.option("--report", is_flag=True, help="Write report.html too.")
@click.option("--rules", metavar="LIST", help="Ids of the rules to judge. Default: all.")
@click.option("--limit", type=click.IntRange(1), help="Stop after so many patients: for a try.")
@click.option(
    "--kind",
    type=click.Choice(["auto", "document", "lines"]),
    default="auto",
    help="What a file holds: one document, or one JSON value a line. Default: told from its content.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 when anything was quarantined.")
@config_option
def command(
    inputs: tuple[str, ...],
    out: Path,
    as_of: datetime | str | None,
    workers: int | None,
    engine: str,
    resume: bool,
    formats: str,
    report: bool,
    rules: str | None,
    limit: int | None,
    kind: str,
    strict: bool,
    config: Path | None,
) -> None:
    """Review every patient of many records.

    INPUT is a file, folder or pattern: Bundles (.json), NDJSON of Bundles or resources, bulk-export
    folders, tar archives, each also packed (.gz, .zst); - is the standard input. The address of a bulk
    export ('https://host/fhir/Group/ID/$export') is downloaded from servers listed in export_servers.
    """
    settings = settings_in_force(config)
    knowledge = knowledge_in_force(settings)
    console = Console(stderr=True)
    try:
        with _shown(console) as progress:
            summary = run_batch(
                inputs,
                out,
                knowledge=knowledge,
                as_of=cast("datetime | Literal['latest'] | None", _instant(as_of, resume)),
                workers=workers or default_workers(),
                engine=engine,
                resume=resume,
                formats=_listed(formats),
                report=report,
                rules=None if rules is None else _listed(rules),
                limit=limit,
                kind=cast("Literal['auto', 'document', 'lines']", kind),
                progress=progress,
                exports=_export_access(settings, console),
            )
    except KeyboardInterrupt:
        console.print(f"Stopped. What was done is kept; the same command with --resume goes on ({out}).")
        sys.exit(_STOPPED)
    _print_summary(summary, out, Console())
    if summary["quarantined"]["defects"] or (strict and summary["quarantined"]["rows"]):
        sys.exit(1)


def _instant(as_of: datetime | str | None, resume: bool) -> datetime | str | None:
    """Return the instant of a run: now by default; a run that is resumed keeps its own."""
    return datetime.now(UTC).replace(microsecond=0) if as_of is None and not resume else as_of


def _export_access(settings: Settings, console: Console) -> ExportAccess:
    """Return what the settings allow of exports; what one lacks is told at once."""
    return ExportAccess(
        servers=tuple(parse_server(text) for text in settings.export_servers),
        networks=tuple(parse_network(text) for text in settings.fhir_networks),
        ca_file=settings.fhir_ca_file,
        stall_seconds=float(settings.export_stall_seconds),
        total_seconds=settings.export_hours * 3600.0,
        most_bytes=settings.export_max_gib * 1024 * _MEBIBYTE,
        token=settings.export_token,
        client_id=settings.export_client_id,
        key_file=settings.export_key_file,
        key_id=settings.export_key_id,
        token_url=settings.export_token_url,
        scope=settings.export_scope,
        clock=Clock(now=lambda: datetime.now(UTC)),
        tell=lambda issue: console.print(visible(str(issue)), highlight=False, markup=False),
    )


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


@contextmanager
def _shown(console: Console) -> Iterator[Callable[[Progress], None]]:
    """Give what shows progress at a terminal, and shows nothing elsewhere."""
    if not console.is_terminal:
        yield quiet
        return
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True, min_width=8)),
        BarColumn(bar_width=16),
        TaskProgressColumn(table_column=Column(no_wrap=True, min_width=4)),
        TextColumn("{task.fields[told]}", markup=False, table_column=Column(no_wrap=True, ratio=1)),
        TimeRemainingColumn(table_column=Column(no_wrap=True, min_width=7)),
    )
    with Bar(*columns, console=console, transient=True, expand=True) as bar:
        stages: dict[str, Any] = {}

        def show(progress: Progress) -> None:
            stage = progress.stage
            if stage not in stages:
                stages[stage] = bar.add_task(_STAGES.get(stage, stage), total=progress.total, told="")
            bar.update(stages[stage], completed=progress.done, total=progress.total, told=_told(progress))

        yield show


def _told(progress: Progress) -> str:
    """Return how far a stage is in words and counts: bytes while reading, files while downloading."""
    said = []
    if progress.stage == "reading":
        said.append(f"{decimal(progress.done)} of {decimal(progress.total)}")
    if progress.stage == "download":
        said.append(f"{progress.done:,} of {progress.total:,} files")
    if progress.told:
        said.append(progress.told)
    if progress.patients:
        rate = progress.patients / progress.seconds if progress.seconds > 0 else 0.0
        said.append(f"{progress.patients:,} patients, {rate:,.0f}/s, {progress.findings:,} findings")
    return ", ".join(said)


def _print_summary(summary: dict[str, Any], out: Path, console: Console) -> None:
    """Print what came in, what became of it, and the rules that matched most."""
    table = Table(title=f"Judged as of {summary['asOf']}, knowledge {summary['knowledgeVersion']}")
    for name in ("", "in", "reviewed", "quarantined"):
        table.add_column(name, justify="left" if not name else "right")
    for name in ("files", "documents", "resources", "patients"):
        row = (summary["input"][name], summary["reviewed"][name], summary["quarantined"][name])
        table.add_row(name, *(f"{count:,}" for count in row))
    console.print(table)
    indicators = ", ".join(f"{name} {count:,}" for name, count in summary["indicators"].items())
    console.print(f"{summary['findings']:,} findings. Patients by highest card: {indicators}.")
    if several := summary["patientsInSeveralDocuments"]:
        console.print(several_sentence(several))
    matched = sorted(summary["rules"].items(), key=lambda pair: (-pair[1]["matched"], pair[0]))
    for rule_id, row in matched[:10]:
        if row["matched"]:
            console.print(f"  {row['matched']:>8,}  {visible(row['title'])} ({rule_id})", highlight=False)
    console.print(f"Outputs: {out}", highlight=False)
