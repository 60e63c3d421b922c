"""Walking a rule finds every criterion it holds, wherever it stands."""

from __future__ import annotations

import pytest

from cds_service.content import parse_document
from cds_service.rules import parse_rule
from cds_service.rules.tree import rule_criteria
from tests.rules.test_parse import RULE


@pytest.mark.parametrize("key", ["when", "unless", "raises", "lowers"])
def test_what_a_branch_says_is_found(key: str) -> None:
    probe = "{symptom: tremor}"
    value = f"[{probe}]" if key in ("raises", "lowers") else probe
    branch = (
        f"{{id: three, gate: twitch, when: {probe}}}"
        if key == "when"
        else f"{{id: three, gate: twitch, when: {{symptom: cramp}}, {key}: {value}}}"
    )
    text = RULE.replace("branches:\n", f"branches:\n  - {branch}\n")
    rule = parse_rule(parse_document(text, "rules/electrolyte/a-rule.yaml"))
    assert any("tremor" in getattr(criterion, "names", ()) for criterion in rule_criteria(rule))
