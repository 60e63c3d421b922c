"""Show the cards of one patient in a terminal, or the CDS Hooks response as JSON."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec
from rich.console import Console, Group, RenderableType
from rich.markdown import Markdown
from rich.panel import Panel
from rich.text import Text

from cds_service.cli.options import (
    as_of_option,
    config_option,
    file_argument,
    json_option,
    knowledge_in_force,
    settings_in_force,
)
from cds_service.cli.patient_file import review_file
from cds_service.facts import SetAside
from cds_service.knowledge import Knowledge
from cds_service.review import Review
from cds_service.text.neutral import exact, neutral

_NOT_SCORED = "not-scored"
_COLORS = {"critical": "red", "warning": "yellow", "info": "blue"}


@click.command("review")
@file_argument
@as_of_option
@click.option("--hook", help="Hook to review for. Default: that of a request, else patient-view.")
@click.option("--brief", is_flag=True, help="Summaries, proposals and findings only.")
@json_option
@config_option
def command(
    file: Path,
    as_of: datetime | str | None,
    hook: str | None,
    brief: bool,
    as_json: bool,
    config: Path | None,
) -> None:
    """Show the cards for a patient.

    FILE holds a FHIR Bundle, a resource or a CDS Hooks request; - is the standard input.
    """
    settings = settings_in_force(config)
    knowledge = knowledge_in_force(settings)
    review, instant = review_file(file, knowledge, as_of=as_of, hook=hook, base_url=settings.base_url)
    if as_json:
        print_json(review.response())
        return
    if brief:
        click.echo("\n".join(_brief_lines(review, knowledge)))
        return
    print_review(review, instant, knowledge.version, Console())


def print_json(value: Any) -> None:
    """Print a value as indented JSON; decimals as exact numbers."""
    encoded = msgspec.json.Encoder(decimal_format="number").encode(value)
    sys.stdout.write(msgspec.json.format(encoded, indent=2).decode() + "\n")


def print_review(review: Review, instant: datetime, version: str, console: Console) -> None:
    """Print every card of a review, or why there is none."""
    console.print(f"Judged at {instant.isoformat()}, knowledge {version}.", style="dim", highlight=False)
    if reason := _no_card(review):
        console.print(reason, highlight=False)
    for card in review.cards:
        console.print(_panel(card))
    for line in _set_aside_lines(review):
        console.print(line, highlight=False, markup=False)


def _no_card(review: Review) -> str:
    """Return what the absence of cards means; empty where there are cards."""
    if not review.assessable:
        return "Nothing could be assessed with this record. That is not a normal finding."
    if review.triaged.outside and not review.cards:
        return f"No card: outside the scope of the rules ({review.triaged.outside.replace('-', ' ')})."
    if not review.cards:
        return "No card. What was sent was judged; a rule that does not fire excludes nothing."
    return ""


def _set_aside_lines(review: Review) -> Iterator[str]:
    """Yield what of the record was not used, by reason: how often, and where it was first."""
    by_code: dict[str, list[SetAside]] = {}
    for item in review.facts.set_aside:
        by_code.setdefault(item.code, []).append(item)
    for code, items in sorted(by_code.items()):
        rest = f" and {len(items) - 1} more" if len(items) > 1 else ""
        place = exact(str(items[0].source))
        yield f"Not used: {place}{rest} ({code}: {neutral(items[0].reason).rstrip('.')})"


def _brief_lines(review: Review, knowledge: Knowledge) -> Iterator[str]:
    """Yield the summary and proposals of each card, then the findings in order with their evidence."""
    if reason := _no_card(review):
        yield reason
    for card in review.cards:
        yield f"{card['indicator'].upper():<9}{card['summary']}"
        proposals = [item["label"] for item in card.get("suggestions", [])]
        yield from (f"{'':<9}- {label}" for label in proposals)
    shown = [item for item in review.findings if item.rank and not item.folded_into and not item.gave_way_to]
    for finding in shown:
        strength = "" if finding.strength == _NOT_SCORED else f"{finding.strength}: "
        yield f"{finding.rank:>2}. {strength}{knowledge.rules[finding.rule_id].title}"
        told = sorted(finding.evidence, key=lambda item: item.kind == "patient")
        yield from (f"    {neutral(evidence.text)}" for evidence in told)
    yield from _set_aside_lines(review)


def _panel(card: Mapping[str, Any]) -> Panel:
    """Return one card as a framed panel: summary, detail, proposals, source."""
    color = _COLORS[card["indicator"]]
    parts: list[RenderableType] = [Text(card["summary"], style="bold"), Text()]
    if "detail" in card:
        parts += [Markdown(card["detail"]), Text()]
    parts += [Text(f"[ ] {item['label']}", style=color) for item in card.get("suggestions", [])]
    parts.append(
        Text(" - ".join([card["source"]["label"], card["source"].get("url", "")]).rstrip(" -"), style="dim")
    )
    title = Text(f" {card['indicator'].upper()} ", style=f"bold {color}")
    return Panel(Group(*parts), title=title, title_align="left", border_style=color)
