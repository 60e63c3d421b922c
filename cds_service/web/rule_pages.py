"""Show pages to people: a rule in words and as it is written, the catalogue of rules, the front page.

The page of a rule is the source link of every card. It is made from the knowledge alone: no patient, no call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from flask import Blueprint, render_template, request

from cds_service.catalogue import find_rules
from cds_service.catalogue.dossier import attributes_of, names_of, thresholds_of
from cds_service.catalogue.outline import outline_of
from cds_service.errors import Issue
from cds_service.knowledge import Reference
from cds_service.rules import RuleReference, parse_rule
from cds_service.site_changes import changes_of_rule
from cds_service.web.problems import Refusal
from cds_service.web.state import current_state

blueprint = Blueprint(
    "rule_pages",
    __name__,
    static_folder="static",
    static_url_path="/rules/static",
    template_folder="templates",
)

_MAX_QUERY = 200

#: Sections of the page: heading and the keys of the rule file that stand under it.
_SECTIONS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("Conditions", ("gate", "hooks", "ages", "when", "branches", "unless")),
    ("How strong, how urgent", ("strength", "ceiling", "raises", "lowers", "indicator")),
    ("How it stands to other rules", ("folds_into", "gives_way_to", "line", "repeat")),
    ("What it says", ("card", "phrases", "advice")),
    ("What it proposes", ("workup",)),
)


@dataclass(frozen=True, slots=True)
class _Cited:
    """One reference of the page: the work, what the rule takes from it, and how much of it was read."""

    work: Reference | None
    taken: RuleReference


@blueprint.context_processor
def _places() -> dict[str, bool]:
    """Give every page what its bar must know: whether there is a sandbox to link to."""
    return {"has_sandbox": current_state().settings.sandbox}


@blueprint.get("/")
def front_page() -> str:
    """Return what this is, for a person who opens the address of the service in a browser."""
    state = current_state()
    return render_template(
        "front.html",
        services=state.services,
        knowledge=state.knowledge,
        base_url=state.settings.base_url,
    )


@blueprint.get("/rules/<rule_id>")
def rule_page(rule_id: str) -> str:
    """Return the page of a rule."""
    knowledge = current_state().knowledge
    off = knowledge.site.switched_off.get(rule_id)
    rule = knowledge.rules.get(rule_id) if off is None else parse_rule(off.document, off.group)
    if rule is None:
        raise Refusal(404, Issue("/rules", "W404", "There is no such rule.", "See GET /rules."), "not-found")
    document = knowledge.documents[f"rules/{rule_id}"] if off is None else off.document
    written: Mapping[str, Any] = document.data
    return render_template(
        "rule.html",
        rule=rule,
        off=off,
        changes=changes_of_rule(rule, knowledge),
        knowledge=knowledge,
        outline=outline_of(rule, knowledge),
        thresholds=thresholds_of(rule, knowledge),
        kinds=[(kind, list(rows)) for kind, rows in groupby(names_of(rule, knowledge), lambda row: row.kind)],
        attributes=attributes_of(rule, knowledge),
        about=knowledge.documents["source-attributes"].data,
        sentinels=written.get("sentinels", {}),
        history=written.get("history", []),
        sections=_sections(written),
        cited=[_Cited(knowledge.references.get(item.key), item) for item in rule.references],
    )


@blueprint.get("/rules")
def rule_list() -> str:
    """Return the catalogue by group: the rules that hold every word of ``?q=``, all or of one ``?group=``.

    A group that does not exist is as none: links of other knowledge still lead to the catalogue.
    """
    knowledge = current_state().knowledge
    query = request.args.get("q", "")[:_MAX_QUERY]
    found = find_rules(query, knowledge)
    wanted = request.args.get("group", "")
    group = wanted if any(rule.group == wanted for rule in knowledge.rules.values()) else ""
    groups = {name: list(rules) for name, rules in groupby(found, lambda rule: rule.group)}
    shown = {name: rules for name, rules in groups.items() if group in ("", name)}
    return render_template(
        "rules.html",
        groups=list(shown.items()),
        counts={name: len(rules) for name, rules in groups.items()},
        group=group,
        query=query,
        count=sum(map(len, shown.values())),
        knowledge=knowledge,
    )


def _sections(written: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(title, {key: written[key] for key in keys if key in written}) for title, keys in _SECTIONS]
    return [(title, parts) for title, parts in found if parts]
