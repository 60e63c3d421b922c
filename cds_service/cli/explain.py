"""Tell for every rule why it fired, why not, or why that cannot be told."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from cds_service.cli.options import (
    as_of_option,
    config_option,
    file_argument,
    json_option,
    knowledge_in_force,
    settings_in_force,
)
from cds_service.cli.patient_file import review_file
from cds_service.cli.review import print_json
from cds_service.errors import Issue, RequestError
from cds_service.explain import explain_patient
from cds_service.explain.text import render_text

_LEGEND = "+ holds   - does not hold   ? cannot be told   -> told by another rule   # place among the cards"


@click.command("explain")
@file_argument
@click.option("--rule", "rule_id", help="Explain this rule only.")
@as_of_option
@click.option("--hook", help="Hook to review for. Default: that of a request, else patient-view.")
@json_option
@config_option
def command(
    file: Path,
    rule_id: str | None,
    as_of: datetime | str | None,
    hook: str | None,
    as_json: bool,
    config: Path | None,
) -> None:
    """Tell why each rule fired, or why not.

    FILE holds a FHIR Bundle, a resource or a CDS Hooks request; - is the standard input.
    """
    settings = settings_in_force(config)
    knowledge = knowledge_in_force(settings)
    if rule_id is not None and rule_id not in {*knowledge.rules, *knowledge.site.switched_off}:
        raise RequestError(Issue(rule_id, "K006", "is no rule.", "twitch-cds rules list names all."))
    review, _instant = review_file(file, knowledge, as_of=as_of, hook=hook, base_url=settings.base_url)
    explanation = explain_patient(review, knowledge, rule_id)
    if as_json:
        print_json(explanation)
    else:
        click.echo(f"{_LEGEND}\n\n{render_text(explanation)}")
