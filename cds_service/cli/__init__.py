"""The command ``twitch-cds``: the way in for people at a terminal.

Exit codes: 0 fine; 1 the data or the knowledge are at fault; 2 usage or settings. A foreseeable
fault is told in a few lines, never with a traceback.
"""

from __future__ import annotations

import importlib
import sys

import click

from cds_service import __version__
from cds_service.errors import BatchError, CdsError, SettingsError
from cds_service.text.neutral import visible

_COMMANDS = {
    "batch": "cds_service.cli.batch",
    "config": "cds_service.cli.config",
    "doctor": "cds_service.cli.doctor",
    "explain": "cds_service.cli.explain",
    "feedback": "cds_service.cli.feedback",
    "new-rule": "cds_service.cli.new_rule",
    "review": "cds_service.cli.review",
    "rules": "cds_service.cli.rules",
    "site": "cds_service.cli.site",
    "serve": "cds_service.cli.serve",
    "terminology": "cds_service.cli.terminology",
    "token": "cds_service.cli.token",
    "validate": "cds_service.cli.validate",
}


class _Commands(click.Group):
    """Loads a command only when it is asked for: ``--help`` need not wait for the server library."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = importlib.import_module(_COMMANDS[cmd_name]).command
        return command


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="twitch-cds")
def twitch_cds() -> None:
    """Decision support for involuntary muscle twitching: FHIR record in, cards out.

    For evaluation with synthetic patients. Not a medical device.
    """


def main() -> None:
    """Run the command line and end the process with its exit code."""
    try:
        twitch_cds.main(prog_name="twitch-cds")
    except CdsError as error:
        for issue in error.issues:
            click.echo(visible(str(issue)), err=True)
        sys.exit(2 if isinstance(error, (SettingsError, BatchError)) else 1)
