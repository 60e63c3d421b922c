"""Tell the bundled patients as a list shows them: who they are, their story, what it comes out with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.fhir.times import read_date_span
from cds_service.knowledge import Knowledge
from cds_service.sandbox.records import Resource, Story

#: Group of a story that comes out with no finding.
NO_CARD = "no-card"


def listed_patient(story: Story, knowledge: Knowledge) -> dict[str, Any]:
    """Return one row of the list (JSON-ready); members nothing is known of are None.

    ``causes`` are the expected findings of the story, the first one first; ``group`` is the group of that.
    """
    rules = [knowledge.rules.get(row.rule_id) for row in story.findings]
    first = next((rule for rule in rules if rule is not None), None)
    return {
        "story": story.name,
        "title": story.title,
        "patientId": story.patient_id,
        "name": _name(story.patient),
        "sex": story.patient.get("gender"),
        "birthDate": story.patient.get("birthDate"),
        "age": _age(story),
        "sentence": story.sentence,
        "asOf": story.as_of.isoformat().replace("+00:00", "Z"),
        "group": NO_CARD if first is None else first.group,
        "causes": [
            {
                "ruleId": row.rule_id,
                "title": row.rule_id if rule is None else rule.title,
                "indicator": row.indicator,
            }
            for row, rule in zip(story.findings, rules, strict=True)
        ],
    }


def _name(patient: Resource) -> str:
    names = patient.get("name") or [{}]
    first: Mapping[str, Any] = names[0]
    parts = [*first.get("given", ()), first.get("family", "")]
    return " ".join(part for part in parts if part) or str(first.get("text", ""))


def _age(story: Story) -> int | None:
    """Return the completed years of age when the story is judged; None where the record leaves it open."""
    span = read_date_span(story.patient.get("birthDate"))
    if span is None:
        return None
    today = story.as_of.date()
    ages = {today.year - born.year - ((today.month, today.day) < (born.month, born.day)) for born in span}
    return ages.pop() if len(ages) == 1 else None
