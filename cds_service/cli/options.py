"""Options several commands share, and the settings and knowledge they name."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Any

import click

from cds_service.knowledge import Knowledge
from cds_service.ready import ready_knowledge
from cds_service.settings import Settings, load_settings

LATEST = "latest"


def parse_as_of(_ctx: click.Context, _param: click.Parameter, value: str | None) -> datetime | str | None:
    """Return the instant of ``--as-of``: a date, a date-time with zone, or ``latest``; None when not given.

    A date without time means the end of that day in UTC (23:59:59), so that everything recorded on
    the day counts. ``latest`` stays a word: it is the newest clinical date of the record itself.

    Raises:
        click.BadParameter: Anything else.
    """
    if value is None or value == LATEST:
        return value
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        raise click.BadParameter(
            f"{value!r} is no date. Write 2026-11-20, 2026-11-20T12:00:00Z or latest."
        ) from None
    if len(value) <= len("2026-11-20"):
        return datetime.combine(instant.date(), time(23, 59, 59), UTC)
    if instant.tzinfo is None:
        raise click.BadParameter(f"{value!r} has no time zone. Write 2026-11-20T12:00:00Z.")
    return instant


def file_argument(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument FILE; ``-`` is the standard input."""
    kind = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
    return click.argument("file", type=kind)(function)


def config_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config FILE``."""
    return click.option(
        "--config", "config", type=click.Path(dir_okay=False, path_type=Path), help="Settings file (TOML)."
    )(function)


def as_of_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--as-of``."""
    return click.option(
        "--as-of",
        "as_of",
        callback=parse_as_of,
        metavar="DATE|latest",
        help="Day the patient is judged at (its end, UTC); latest: newest date in the record. Default: now.",
    )(function)


def json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")(function)


def settings_in_force(config: Path | None, **overrides: Any) -> Settings:
    """Return the settings of file, environment and command line. Raises SettingsError."""
    return load_settings(config, os.environ, overrides)


def knowledge_in_force(settings: Settings) -> Knowledge:
    """Return the knowledge of the settings, as it holds at the site. Raises ContentError, SettingsError."""
    return ready_knowledge(settings.content_root, settings.site_path)
