"""Rules and definitions as typed, immutable objects, and how to read them from documents."""

from __future__ import annotations

from cds_service.rules.criteria import Criterion, Definition, RuleReference, walk
from cds_service.rules.model import Branch, OrderSet, Row, Rule, Table, WorkupRow
from cds_service.rules.modifiers import Modifiers, parse_modifiers
from cds_service.rules.parse import parse_criterion, parse_definition, parse_rule
from cds_service.rules.reading import parse_duration
from cds_service.rules.text import Optional, SlotRef, Template, parse_template

__all__ = [
    "Branch",
    "Criterion",
    "Definition",
    "Modifiers",
    "Optional",
    "OrderSet",
    "Row",
    "Rule",
    "RuleReference",
    "SlotRef",
    "Table",
    "Template",
    "WorkupRow",
    "parse_criterion",
    "parse_definition",
    "parse_duration",
    "parse_modifiers",
    "parse_rule",
    "parse_template",
    "walk",
]
