"""Show and check the settings in force."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cds_service.cli.options import config_option, json_option, knowledge_in_force, settings_in_force
from cds_service.settings import settings_table, shown_settings
from cds_service.settings.advice import settings_advice
from cds_service.settings.refusals import (
    refuse_exposed_sandbox,
    refuse_open_network,
    refuse_unreadable_authorities,
)
from cds_service.store import check_store


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
@click.option("--strict", is_flag=True, help="End with exit code 1 where there is advice.")
@click.pass_context
def check(ctx: click.Context, config: Path | None, strict: bool) -> None:
    """Check the settings and all they name, without asking anybody.

    Exit code 2 when the service would not start with the settings, 1 when it would not with the knowledge.
    What is weak or of no use is told as advice; the service starts with it.
    """
    settings = settings_in_force(config)
    refuse_open_network(settings)
    refuse_exposed_sandbox(settings)
    refuse_unreadable_authorities(settings)
    check_store(settings.store_url)
    knowledge_in_force(settings)
    advice = settings_advice(settings, config)
    for issue in advice:
        click.echo(f"advice: {issue}")
    click.echo("The settings are fine." if not advice else "The service starts with these settings.")
    ctx.exit(1 if strict and advice else 0)
