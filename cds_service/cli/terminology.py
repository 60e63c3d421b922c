"""Bring codes of a site into the terminology: its own RxNorm release, expansions of a terminology server."""

from __future__ import annotations

import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click

from cds_service.cli.fhir_server import expander
from cds_service.cli.options import config_option, settings_in_force
from cds_service.content import content_root
from cds_service.errors import RequestError
from cds_service.terminology import load_terminology, schema_issues
from cds_service.terminology.check_digits import digit_issues
from cds_service.terminology.expansion import Expanded, expand, sets_to_expand
from cds_service.terminology.expansion_file import write_expansions
from cds_service.terminology.products import write_products
from cds_service.terminology.rxnorm import import_rxnorm

#: After so many sets without an answer the server is not asked any more.
_MOST_FAILURES = 5


@click.group("terminology")
def command() -> None:
    """Codes: import a release of RxNorm, expand value sets."""


@command.command("import-rxnorm")
@click.argument("folder", metavar="RRF_DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Table to write (.tsv); name it in the site file as 'rxnorm'.",
)
@config_option
def import_release(folder: Path, out: Path, config: Path | None) -> None:
    """Find every product code of every ingredient in the unpacked RxNorm release RRF_DIR.

    Reads RXNCONSO.RRF and RXNREL.RRF line by line. A release is yours: nothing of it comes with this product.
    """
    terminology = load_terminology(settings_in_force(config).content_root or content_root())
    with tempfile.TemporaryDirectory(dir=out.resolve().parent) as scratch:
        rows, counted = import_rxnorm(folder, terminology, Path(scratch) / "rxnorm.sqlite3", _tell)
    write_products(out, rows)
    click.echo(
        f"{counted.concepts} names and {counted.relations} relations read:"
        f" {counted.products} product codes of {counted.ingredients} ingredients"
        f" (of {len(terminology.ingredients)} in the terminology)."
    )


@command.command("check")
@config_option
@click.pass_context
def check(ctx: click.Context, config: Path | None) -> None:
    """Check the files of terminology/: form, names, units, check digits of SNOMED CT and LOINC.

    Asks nobody. Exit code 1 when there is a fault.
    """
    root = settings_in_force(config).content_root or content_root()
    issues = [*schema_issues(root), *digit_issues(load_terminology(root))]
    for issue in issues:
        click.echo(str(issue))
    click.echo("No faults." if not issues else f"{len(issues)} faults.", err=True)
    ctx.exit(1 if issues else 0)


@command.command("expand")
@click.option(
    "--server", required=True, metavar="URL", help="FHIR terminology server, https://server.example/fhir."
)
@click.option(
    "--out",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write (.json); name it in the site file as 'expansions'.",
)
@config_option
@click.pass_context
def expand_sets(ctx: click.Context, server: str, out: Path, config: Path | None) -> None:
    """Ask a terminology server for the codes below those of our value sets.

    Only code systems and codes are sent, nothing of any patient. Exit code 1 when a set was not answered.
    """
    settings = settings_in_force(config)
    fetch = expander(server, settings.fhir_access.networks, settings.fhir_ca_file)
    terminology = load_terminology(settings.content_root or content_root())
    done: list[Expanded] = []
    failed = 0
    for asked in sets_to_expand(terminology):
        try:
            done.append(expand(asked, terminology, fetch))
        except RequestError as error:
            failed += 1
            for issue in error.issues:
                click.echo(f"{asked.kind}/{asked.name}: {issue}", err=True)
            if failed > _MOST_FAILURES:
                raise
    write_expansions(out, server, datetime.now(UTC).isoformat(timespec="seconds"), done)
    for item in done:
        if item.unknown_roots:
            unknown = ", ".join(item.unknown_roots)
            click.echo(f"{item.asked.kind}/{item.asked.name}: not known to the server: {unknown}", err=True)
    click.echo(
        f"{len(done)} value sets, {sum(len(item.codes) for item in done)} codes; not answered: {failed}."
    )
    ctx.exit(1 if failed else 0)


def _tell(name: str, lines: int) -> None:
    click.echo(f"{name}: {lines} lines", err=True)
