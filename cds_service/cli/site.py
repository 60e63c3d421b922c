"""Show what the site changes in the published knowledge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from cds_service.cli.options import config_option, json_option, knowledge_in_force, settings_in_force
from cds_service.cli.review import print_json
from cds_service.content import read_document
from cds_service.knowledge import Knowledge
from cds_service.ready import differing, unproven
from cds_service.site_changes import stale_texts


@click.group("site")
def command() -> None:
    """What the site changes: thresholds, switches, local codes."""


@command.command("show")
@json_option
@config_option
def show(as_json: bool, config: Path | None) -> None:
    """List every change of the site file in force, and what the site should know of it.

    Exit code 2 when the site file is wrong.
    """
    knowledge = knowledge_in_force(settings_in_force(config))
    told = _told(knowledge)
    if as_json:
        print_json(told)
    else:
        click.echo("\n".join(_lines(told)))


@command.command("switches")
@config_option
def switches(config: Path | None) -> None:
    """List the switches a site file may turn off, with what each of them does."""
    knowledge = knowledge_in_force(settings_in_force(config))
    document = read_document(knowledge.root / "cards" / "switches.yaml", knowledge.root)
    off = {line.name for line in knowledge.site.switches}
    for entry in document.data["switches"]:
        state = "off" if entry["id"] in off else "on"
        click.echo(f"{entry['id']:<24} {state:<4} {entry['title']}\n{'':<29} Off: {entry['effect']}")


def _told(knowledge: Knowledge) -> dict[str, Any]:
    site = knowledge.site
    return {
        "site": site.name,
        "knowledgeVersion": knowledge.version,
        "changes": [change.as_json() for change in site.changes],
        "switchedOff": [
            {"rule": rule.id, "by": rule.switch.by, "because": rule.switch.because}
            for rule in site.switched_off.values()
        ],
        "switches": [line.name for line in site.switches],
        "localCodes": dict(site.local_codes),
        "notices": [str(issue) for issue in (*site.notices, *stale_texts(knowledge), *differing(knowledge))],
        "unproven": [str(issue) for issue in unproven(knowledge)],
    }


def _lines(told: dict[str, Any]) -> Iterator[str]:
    if not told["site"]:
        yield "No site file: everything holds as published."
        return
    yield f"{told['site']}, knowledge {told['knowledgeVersion']}"
    for change in told["changes"]:
        subject = next(change[kind] for kind in ("rule", "definition", "file") if kind in change)
        what = f"{change.get('fact', '')} {change['word']}".strip()
        yield f"\n{subject}: {what}: {change['used']} instead of {change['published']}"
        yield f"    {change['because']} ({change['by']}); {change['where']}"
    for rule in told["switchedOff"]:
        yield f"\n{rule['rule']}: switched off\n    {rule['because']} ({rule['by']})"
    for source, count in told["localCodes"].items():
        yield f"\n{source}: {count} codes"
    for word in ("notices", "unproven"):
        yield from (
            [f"\n{word.capitalize()}:", *(f"    {line}" for line in told[word])] if told[word] else []
        )
