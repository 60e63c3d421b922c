"""Show and check the settings in force."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cds_service.cli.options import config_option, json_option, settings_in_force
from cds_service.settings import refuse_open_network, settings_table, shown_settings


@click.group("config")
def command() -> None:
    """Show or check the settings."""


@command.command("show")
@config_option
@json_option
def show(config: Path | None, as_json: bool) -> None:
    """Print the settings in force, with their variables of the environment; passwords are hidden."""
    values = shown_settings(settings_in_force(config))
    if as_json:
        click.echo(json.dumps(values, indent=2))
        return
    for name, variable, _default, meaning in settings_table():
        click.echo(f"{name} = {json.dumps(values[name])}\n    {meaning}  [{variable}]")


@command.command("check")
@config_option
def check(config: Path | None) -> None:
    """Check the settings; exit code 2 when the service would not start with them."""
    refuse_open_network(settings_in_force(config))
    click.echo("The settings are fine.")
