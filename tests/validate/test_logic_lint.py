from itertools import product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.validate import validate_content
from cds_service.validate.satisfiable import Solver
from tests.small_content import RULE, change, write

RULE_FILE = "cards/rules/electrolyte/low-magnesium.yaml"
START, END = RULE.index("when:"), RULE.index("unless:")
WHEN = RULE[START:END]


def told(root: Path) -> list[str]:
    return sorted({issue.code for issue in validate_content(root, [RULE_FILE])} & {"V126", "V127", "V128"})


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (
            "all: [{lab: magnesium, below: 0.5 mmol/L, within: usual}, {lab: magnesium, above: 0.6 mmol/L, within: usual}]",
            "V126",
        ),
        (
            "all: [{lab: magnesium, below: 0.5 mmol/L, within: usual}, {lab: magnesium, at_least: 1.3 mg/dL, within: usual}]",
            "V126",
        ),
        (
            "all: [{lab: magnesium, below: 0.5 mmol/L, within: fresh}, {lab: magnesium, above: 0.6 mmol/L, within: usual}]",
            "V126",
        ),
        (
            "all: [{lab: magnesium, is: low, within: usual}, {lab: magnesium, is: high, within: usual}]",
            "V126",
        ),
        (
            "all: [{lab: magnesium, is: missing, within: usual}, {lab: magnesium, below: 0.5 mmol/L, within: usual}]",
            "V126",
        ),
        ("all: [{drug: ppi}, {none: [{drug: [ppi, lithium]}]}]", "V126"),
        ("all: [{age: all, below: 18 years}, {drug: ppi}]", "V126"),
        ("all: [{sex: male}, {sex: female}]", "V126"),
        ("all: [{symptom: cramp}, {condition: hypoparathyroidism}]", "V126"),
        ("any: [{drug: ppi}, {none: [{drug: ppi}]}]", "V127"),
        (
            "any: [{lab: magnesium, below: 0.5 mmol/L, within: usual}, {lab: magnesium, at_least: 0.5 mmol/L, within: usual}, {lab: magnesium, is: missing, within: usual}]",
            "V127",
        ),
    ],
)
def test_what_cannot_be_or_always_is_is_told(root: Path, when: str, code: str) -> None:
    when = when.replace("{age: all, below: 18 years}", "{age: {below: 18 years}}")
    change(root, RULE_FILE, WHEN, f"when: {{{when}}}\n")
    assert code in told(root)


@pytest.mark.parametrize(
    "when",
    [
        "all: [{lab: magnesium, below: 0.7 mmol/L, within: usual}, {lab: magnesium, at_least: 0.3 mmol/L, within: usual}]",
        "all: [{lab: magnesium, below: 0.5 mmol/L, within: 5 days}, {lab: magnesium, above: 0.6 mmol/L, within: 30 days, pick: highest}]",
        "all: [{lab: magnesium, below: 0.5 mmol/L, within: usual}, {lab: calcium-total, above: 2.6 mmol/L, within: usual}]",
        "any: [{drug: ppi}, {none: [{drug: lithium}]}]",
        "some: {at_least: 2, of: [{drug: ppi}, {drug: lithium}, {symptom: cramp}]}",
    ],
)
def test_what_can_be_is_not_told(root: Path, when: str) -> None:
    change(root, RULE_FILE, WHEN, f"when: {{{when}}}\n")
    assert told(root) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "  otherwise: probable",
            "  probable: {all: [{symptom: cramp}, {drug: omeprazole}]}\n  otherwise: possible",
        ),
        (
            "  critical: {lab: magnesium, below: 0.40 mmol/L, within: fresh}",
            "  critical: {lab: magnesium, below: 0.40 mmol/L, within: fresh}\n  warning: {lab: magnesium, below: 0.30 mmol/L, within: fresh}",
        ),
        ("when: {symptom: cramp}}", "when: {lab: magnesium, at_least: 0.70 mmol/L, within: usual}}"),
        (
            "when: {lab: magnesium, is: missing, within: 3 days}",
            "when: {lab: magnesium, is: missing, within: usual}",
        ),
    ],
)
def test_rows_and_lines_behind_something_wider_are_told(root: Path, old: str, new: str) -> None:
    change(root, RULE_FILE, old, new)
    assert told(root) == ["V128"]


def branches(first: str, second: str) -> str:
    body = "branches:\n" + "".join(
        f"  - {{id: {name}, gate: twitch, {hooks}when: {{lab: magnesium, below: {limit} mmol/L, within: usual}}}}\n"
        for name, limit, hooks in (("one", first, ""), ("two", second, ""))
    )
    return RULE[:START].replace("gate: twitch\n", "") + body + RULE[END:]


@pytest.mark.parametrize(("first", "second", "found"), [("0.70", "0.50", ["V128"]), ("0.50", "0.70", [])])
def test_a_branch_behind_a_wider_one_never_speaks(
    root: Path, first: str, second: str, found: list[str]
) -> None:
    write(root, RULE_FILE, branches(first, second))
    assert told(root) == found


def test_a_definition_is_looked_at_too(root: Path) -> None:
    body = "id: never\ntitle: Never so\nwhen: {all: [{sex: male}, {sex: female}]}\nreferences: [{key: SPEC-0.3, supports: association, read: memory}]\n"
    write(root, "cards/definitions/never.yaml", body)
    assert "V126" in {issue.code for issue in validate_content(root, ["cards/definitions/never.yaml"])}


@given(
    st.lists(
        st.lists(st.integers(1, 5).flatmap(lambda n: st.sampled_from([n, -n])), min_size=1, max_size=4),
        max_size=14,
    )
)
def test_the_solver_agrees_with_trying_everything(clauses: list[list[int]]) -> None:
    tried = (
        all(any(values[abs(literal) - 1] == (literal > 0) for literal in clause) for clause in clauses)
        for values in product((True, False), repeat=5)
    )
    assert Solver(tuple(clause) for clause in clauses).can_hold() is any(tried)
