"""Start a new rule: its file and its case file, with prompts to fill in."""

from __future__ import annotations

from pathlib import Path

import click

from cds_service.cli.options import config_option, settings_in_force
from cds_service.content import content_root
from cds_service.validate import new_rule


@click.command("new-rule")
@click.argument("name", metavar="GROUP/ID")
@config_option
def command(name: str, config: Path | None) -> None:
    """Start a rule and its case file, with prompts.

    Writes cards/rules/GROUP/ID.yaml and tests/cases/GROUP/ID.yaml.
    """
    group, slash, rule_id = name.partition("/")
    if not slash or not group or not rule_id or "/" in rule_id:
        raise click.UsageError("Write the folder and the id, for example workup/my-rule.")
    root = settings_in_force(config).content_root or content_root()
    rule_path, case_path = (_short(path) for path in new_rule(root, group, rule_id))
    click.echo(f"Wrote {rule_path}\nWrote {case_path}\nFill both in, then: twitch-cds validate {rule_path}")


def _short(path: Path) -> Path:
    """Return a path as a person at this place would type it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
