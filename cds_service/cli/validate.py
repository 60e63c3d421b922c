"""Check the knowledge and list every fault at once."""

from __future__ import annotations

from pathlib import Path

import click

from cds_service.cli.options import config_option, settings_in_force
from cds_service.content import content_root
from cds_service.validate import validate_content


@click.command("validate")
@click.argument("paths", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--mutants",
    is_flag=True,
    help="Also try wrong versions of the rules: some case must notice each. Minutes for all.",
)
@config_option
@click.pass_context
def command(ctx: click.Context, paths: tuple[Path, ...], mutants: bool, config: Path | None) -> None:
    """Check the knowledge and list every fault.

    Looks at schema, names, units, codes, wording and cases. PATH limits what is reported
    to these files and folders. Exit code 1 when there is a fault.
    """
    root = settings_in_force(config).content_root or content_root()
    issues = validate_content(root, paths, mutants=mutants)
    for issue in issues:
        click.echo(str(issue))
    count = len(issues)
    click.echo("No faults." if not issues else f"{count} fault{'s' if count > 1 else ''}.", err=True)
    ctx.exit(1 if issues else 0)
