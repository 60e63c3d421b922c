"""Tell an integrator why a call gets no card, or the wrong ones."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from cds_service.cli.options import (
    as_of_option,
    config_option,
    file_argument,
    json_option,
    knowledge_in_force,
    settings_in_force,
)
from cds_service.cli.patient_file import bytes_of
from cds_service.cli.review import print_json
from cds_service.doctor import SCHEMA, Examination, Severity, Trouble, Wishes, as_data, counts, examine
from cds_service.errors import Issue, SettingsError
from cds_service.fetch import FhirClient, key_set_fetch
from cds_service.settings import Settings
from cds_service.settings.refusals import refuse_unreadable_authorities

_COLORS = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "blue"}
_INDENT = " " * 9
_NARROWEST = 20
_INPUT = click.Path(exists=True, dir_okay=False, allow_dash=True, path_type=Path)
_MAILABLE = "No value of the record stands above: places and counts only. The report may be passed on."
_NOT_MAILABLE = "This report tells of the patient (--with-values). Handle it as you handle the record."


def _print_schema(ctx: click.Context, _param: click.Parameter, value: bool) -> None:
    if value:
        print_json(SCHEMA)
        ctx.exit()


@click.command("doctor")
@file_argument
@click.option(
    "--service", "service_id", default="", help="Id of the service that was called. Default: by hook."
)
@click.option("--token", "token_file", type=_INPUT, help="File with the caller's JWT, or -. Never printed.")
@click.option("--base-url", default="", help="Address under which the EHR calls the service, to check aud.")
@click.option("--discovery", "discovery_file", type=_INPUT, help="Discovery as the EHR has it, to compare.")
@click.option("--fetch", is_flag=True, help="Really ask the FHIR server of the call, where it is listed.")
@click.option("--with-values", is_flag=True, help="Also cards, rules and codes: tells of the patient.")
@as_of_option
@json_option
@click.option(
    "--schema",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_schema,
    help="Print the JSON Schema of --json and end.",
)
@config_option
@click.pass_context
def command(
    ctx: click.Context,
    file: Path,
    service_id: str,
    token_file: Path | None,
    base_url: str,
    discovery_file: Path | None,
    fetch: bool,
    with_values: bool,
    as_of: datetime | str | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Find out why a call gets no card, or wrong ones.

    FILE holds a captured CDS Hooks request, a Bundle or a resource; - is the standard input.
    Goes nowhere without --fetch. Exit code 1 when the service would give no card at all.
    """
    if [str(file), str(token_file), str(discovery_file)].count("-") > 1:
        raise SettingsError(Issue("-", "K051", "stands for two files.", "Read one from the standard input."))
    settings = settings_in_force(config)
    found = examine(
        bytes_of(file),
        knowledge_in_force(settings),
        settings,
        Wishes(
            now=datetime.now(UTC).replace(microsecond=0),
            as_of=as_of,
            service_id=service_id,
            token=None if token_file is None else bytes_of(token_file).decode("utf-8", "replace"),
            base_url=base_url,
            discovery=None if discovery_file is None else bytes_of(discovery_file),
            fhir=_fhir_client(settings) if fetch else None,
            key_fetch=key_set_fetch(settings.fhir_access.networks, settings.fhir_ca_file) if fetch else None,
            with_values=with_values,
        ),
    )
    if as_json:
        print_json(as_data(found))
    else:
        _print(found, Console(file=sys.stdout, highlight=False))
    ctx.exit(1 if counts(found)["error"] else 0)


def _fhir_client(settings: Settings) -> FhirClient:
    refuse_unreadable_authorities(settings)
    return FhirClient(settings.fhir_access, jitter=random.uniform, now=time.time)


def _print(found: Examination, console: Console) -> None:
    for line in _answer_lines(found):
        console.print(line, markup=False)
    console.print()
    for trouble in found.troubles:
        _print_trouble(trouble, console)
    if not found.troubles:
        console.print("Nothing was found.")
    numbers = ", ".join(
        f"{number} {name}{'s' if number != 1 else ''}" for name, number in counts(found).items()
    )
    console.print(f"{numbers}. {_NOT_MAILABLE if found.answer.values else _MAILABLE}", markup=False)


def _answer_lines(found: Examination) -> Iterator[str]:
    answer = found.answer
    what = "CDS Hooks call" if found.is_call else "FHIR record"
    yield f"{what} for {found.service}, judged at {found.as_of.isoformat()}."
    code = f" ({answer.code})" if answer.code else ""
    yield f"The service answers {answer.status}{code}."
    if answer.rules:
        cards = ", ".join(f"{number} {name}" for name, number in answer.cards.items()) or "none"
        yield f"Cards{' once that is mended' if answer.mended else ''}: {cards}."
        rules = answer.rules
        yield (
            f"Rules: {rules['matched']} match, {rules['notMatched']} do not, {rules['unknown']} cannot tell."
        )
    for gap in answer.gaps:
        yield f"  cannot tell: {gap.rules} for {gap.kind}: {gap.reason}"
    values = answer.values
    if values:
        yield from (f"  {card['indicator'].upper()}: {card['summary']}" for card in values["cards"])
        yield f"  Matched: {', '.join(values['matchedRules']) or 'none'}"
        yield from (
            f"  Unread: {row['system']} {row['code']} ({row['kind']}, {row['count']} times)"
            for row in values["unreadCodes"]
        )


def _print_trouble(trouble: Trouble, console: Console) -> None:
    kind = trouble.kind
    detail = f" ({trouble.detail})" if trouble.detail else ""
    head = Text(f"{kind.severity.value.upper():<9}", style=_COLORS[kind.severity])
    console.print(head + Text(f"{kind.id} {kind.what}{detail}", style="bold"))
    places = ", ".join(trouble.places) + (f" and {trouble.more} more" if trouble.more else "")
    if trouble.count > len(trouble.places) + trouble.more:
        places += f" ({trouble.count} in all)"
    width = max(console.width - len(_INDENT), _NARROWEST)
    for text in (places, kind.why, f"-> {kind.fix}"):
        for line in Text(text).wrap(console, width):
            console.print(_INDENT + line.plain.rstrip(), markup=False, soft_wrap=True)
    console.print()
