"""List the rules and show one of them."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from cds_service.catalogue import count_rules, find_rules
from cds_service.cli.options import config_option, json_option, knowledge_in_force, settings_in_force
from cds_service.cli.review import print_json
from cds_service.errors import Issue, RequestError
from cds_service.knowledge import Knowledge
from cds_service.rules import Rule
from cds_service.site_changes import changes_of_rule


@click.group("rules")
def command() -> None:
    """The catalogue of rules."""


@command.command("list")
@click.option("--search", default="", metavar="WORDS", help="Only rules that hold all these words or codes.")
@json_option
@config_option
def list_rules(search: str, as_json: bool, config: Path | None) -> None:
    """List every rule by group, then how many there are of each group and status."""
    knowledge = knowledge_in_force(settings_in_force(config))
    rules = find_rules(search, knowledge)
    if as_json:
        print_json([_described(rule) for rule in rules])
        return
    for rule in rules:
        click.echo(f"{rule.group + '/' + rule.id:<48} {rule.title}")
    click.echo(f"\n{len(rules)} rules")
    for group, statuses in count_rules(rules).items():
        counts = ", ".join(f"{count} {status}" for status, count in statuses.items())
        click.echo(f"  {group:<20} {counts}")
    if knowledge.site.switched_off:
        click.echo(f"\nswitched off by {knowledge.site.name}: {', '.join(knowledge.site.switched_off)}")


@command.command("show")
@click.argument("rule_id", metavar="ID")
@json_option
@config_option
def show(rule_id: str, as_json: bool, config: Path | None) -> None:
    """Show the rule ID as it is written."""
    knowledge = knowledge_in_force(settings_in_force(config))
    rule = _known(knowledge, rule_id)
    document = knowledge.documents[f"rules/{rule.id}"]
    if as_json:
        print_json({**_described(rule), "written": document.data})
    else:
        click.echo((knowledge.root / document.path).read_text(encoding="utf-8"), nl=False)
    for change in changes_of_rule(rule, knowledge):
        told = f"{change.where} {change.word}: {change.used} instead of {change.published}"
        click.echo(f"# At {knowledge.site.name}: {told}", err=True)


def _described(rule: Rule) -> dict[str, object]:
    return {
        "id": rule.id,
        "group": rule.group,
        "title": rule.title,
        "status": rule.status,
        "version": rule.version,
        "date": rule.date,
        "role": rule.role,
        "cause": rule.cause,
        "path": rule.path,
    }


def _known(knowledge: Knowledge, rule_id: str) -> Rule:
    name = rule_id.rpartition("/")[2]
    if name not in knowledge.rules:
        near = difflib.get_close_matches(name, knowledge.rules, n=1)
        remedy = f"Did you mean {near[0]}?" if near else "twitch-cds rules list names all."
        raise RequestError(Issue(rule_id, "K006", "is no rule.", remedy))
    return knowledge.rules[name]
