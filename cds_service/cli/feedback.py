"""Show what clinicians answered to cards: rates by rule, or every answer."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cds_service.cli.options import config_option, json_option, knowledge_in_force, settings_in_force
from cds_service.errors import Issue, SettingsError
from cds_service.feedback import RuleRates, rates_by_rule
from cds_service.store import FeedbackStore, is_there, open_store
from cds_service.text.neutral import visible

#: A cell that begins so is run by spreadsheets as a formula (OWASP ASVS 5.0, 1.2.10), wide signs as narrow
#: ones; spreadsheets of some countries divide cells at other signs than the comma.
_FORMULA = re.compile(r"(^|[,;|\t])([\s\"]*)(?=[-=+@\uff1d\uff0b\uff0d\uff20])")


@click.group("feedback")
def command() -> None:
    """Show what clinicians answered to cards."""


@command.command("report")
@click.option(
    "--at-least", default=1, type=click.IntRange(1), help="Leave out rules with fewer answered cards."
)
@json_option
@config_option
def report(at_least: int, as_json: bool, config: Path | None) -> None:
    """Print by rule how many cards were given, accepted and overridden, and why.

    A card counts once, with what was said last. Cards are counted as given for a year.
    """
    settings = settings_in_force(config)
    defects = [reason.code for reason in knowledge_in_force(settings).override_reasons if reason.defect]
    store = _kept(settings.store_url)
    try:
        rates = rates_by_rule(store.ledger.answers(), store.ledger.given(), defects)
    finally:
        store.close()
    shown = [row for row in rates if row.answered >= at_least]
    if as_json:
        click.echo(json.dumps([_row(row) for row in shown], indent=2))
        return
    none = "No card was answered yet." if at_least == 1 else f"No rule has {at_least} answered cards."
    click.echo(_table(shown) if shown else none)


@command.command("export")
@click.option("--format", "form", type=click.Choice(["ndjson", "csv"]), default="ndjson", show_default=True)
@config_option
def export(form: str, config: Path | None) -> None:
    """Print every answer, the oldest first."""
    store = _kept(settings_in_force(config).store_url)
    try:
        rows = store.ledger.answers()
    finally:
        store.close()
    if form == "csv":
        click.echo(_csv(rows), nl=False)
    for row in rows if form == "ndjson" else ():
        click.echo(json.dumps(row, ensure_ascii=True))


def _kept(url: str) -> FeedbackStore:
    """Open the database of a service; looking makes no new one."""
    if not is_there(url):
        what = "store_url names a file that is not there: nothing was kept, or it is kept elsewhere."
        remedy = "Name the settings the service runs with: --config FILE."
        raise SettingsError(Issue("settings", "S011", what, remedy))
    return open_store(url)


def _row(rates: RuleRates) -> dict[str, Any]:
    return asdict(rates) | {"reasons": dict(rates.reasons), "overridePercent": rates.override_percent}


def _table(rows: list[RuleRates]) -> str:
    width = max(len("rule"), *(len(row.rule) for row in rows))
    lines = [f"{'rule':{width}}  given  accepted  overridden  override  defects  reasons"]
    for row in rows:
        reasons = ", ".join(f"{_plain(code)} {count}" for code, count in row.reasons)
        lines.append(
            f"{row.rule:{width}}  {row.given:5}  {row.accepted:8}  {row.overridden:10}"
            f"  {row.override_percent:6} %  {row.defects:7}  {reasons}".rstrip()
        )
    return "\n".join(lines)


def _plain(text: str) -> str:
    """Return a text of a client as it may stand in a terminal."""
    return text.encode("unicode_escape").decode()


def _csv(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return ""
    page = io.StringIO()
    writer = csv.writer(page, lineterminator="\n")
    writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    return page.getvalue()


def _cell(value: Any) -> str:
    """Return a value as one line in one cell that no spreadsheet runs, without what nobody sees."""
    text = " ".join(value) if isinstance(value, list) else str(value)
    return _FORMULA.sub(r"\1\2'", visible(text))
