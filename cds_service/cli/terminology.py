"""Bring codes of a site into the terminology: its own RxNorm release, expansions of a terminology server."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from cds_service.cli.options import config_option, settings_in_force
from cds_service.content import content_root
from cds_service.terminology import load_terminology
from cds_service.terminology.products import write_products
from cds_service.terminology.rxnorm import import_rxnorm


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


def _tell(name: str, lines: int) -> None:
    click.echo(f"{name}: {lines} lines", err=True)
