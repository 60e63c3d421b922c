"""Show pages to people: a rule in words and as it is written, the list of rules, the front page.

The page of a rule is the source link of every card. It is made from the knowledge alone: no patient, no call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, make_response, render_template

from cds_service.errors import Issue
from cds_service.knowledge import Knowledge, Reference
from cds_service.outline import outline_of
from cds_service.web.problems import Refusal
from cds_service.web.state import current_state

blueprint = Blueprint(
    "rule_pages",
    __name__,
    static_folder="static",
    static_url_path="/rules/static",
    template_folder="templates",
)

_POLICY = "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors *"

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
    """One reference of the page: the work, and what the rule takes from it."""

    work: Reference | None
    key: str
    supports: str


@blueprint.get("/")
def front_page() -> Response:
    """Return what this is, for a person who opens the address of the service in a browser."""
    state = current_state()
    return _as_page(
        render_template(
            "front.html", services=state.services, knowledge=state.knowledge, base_url=state.settings.base_url
        )
    )


@blueprint.get("/rules/<rule_id>")
def rule_page(rule_id: str) -> Response:
    """Return the page of a rule."""
    knowledge = current_state().knowledge
    rule = knowledge.rules.get(rule_id)
    if rule is None:
        raise Refusal(404, Issue("/rules", "W404", "There is no such rule.", "See GET /rules."), "not-found")
    written: Mapping[str, Any] = knowledge.documents[f"rules/{rule_id}"].data
    page = render_template(
        "rule.html",
        rule=rule,
        knowledge=knowledge,
        outline=outline_of(rule, knowledge),
        sections=_sections(written),
        cited=_cited(written, knowledge),
    )
    return _as_page(page)


@blueprint.get("/rules", strict_slashes=False)
def rule_list() -> Response:
    """Return the list of all rules, by group."""
    knowledge = current_state().knowledge
    groups: dict[str, list[Any]] = {}
    for rule in knowledge.rules.values():
        groups.setdefault(rule.group, []).append(rule)
    return _as_page(render_template("rules.html", groups=sorted(groups.items()), knowledge=knowledge))


def _as_page(html: str) -> Response:
    response = make_response(html)
    response.headers["Content-Security-Policy"] = _POLICY
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _sections(written: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    found = [(title, {key: written[key] for key in keys if key in written}) for title, keys in _SECTIONS]
    return [(title, parts) for title, parts in found if parts]


def _cited(written: Mapping[str, Any], knowledge: Knowledge) -> list[_Cited]:
    return [
        _Cited(knowledge.references.get(entry["key"]), entry["key"], entry.get("supports", ""))
        for entry in written.get("references", [])
    ]
