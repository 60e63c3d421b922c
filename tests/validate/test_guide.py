"""The guide docs/write-a-rule.md works as it is written: two YAML files and no Python."""

import re
from pathlib import Path

from cds_service.knowledge import load_knowledge
from cds_service.validate import new_rule, validate_content

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "write-a-rule.md"


def block(name: str) -> str:
    found = re.search(
        rf"<!-- {name} -->\n```yaml\n(.*?)```\n<!-- /{name} -->", GUIDE.read_text("utf-8"), re.DOTALL
    )
    assert found is not None
    return found[1]


def test_the_rule_of_the_guide_is_proven_by_its_cases(root: Path) -> None:
    rule, case = new_rule(root, "electrolyte", "thyroid-dose-example")
    rule.write_text(block("rule"), encoding="utf-8")
    case.write_text(block("cases"), encoding="utf-8")
    issues = validate_content(root, [rule, case], mutants=True)
    assert not issues, "\n".join(map(str, issues))


def test_switching_it_on_is_one_word(root: Path) -> None:
    rule, case = new_rule(root, "electrolyte", "thyroid-dose-example")
    rule.write_text(block("rule").replace("status: draft", "status: active"), encoding="utf-8")
    case.write_text(block("cases"), encoding="utf-8")
    assert "thyroid-dose-example" in load_knowledge(root).rules


def test_a_fault_of_the_rule_is_told_by_its_cases(root: Path) -> None:
    rule, case = new_rule(root, "electrolyte", "thyroid-dose-example")
    rule.write_text(block("rule").replace("below: 0.1 ", "at_most: 0.1 "), encoding="utf-8")
    case.write_text(block("cases"), encoding="utf-8")
    assert [issue.code for issue in validate_content(root, [rule, case])] == ["V132"]


def test_a_failing_case_is_told_when_only_the_rule_is_named(root: Path) -> None:
    rule, case = new_rule(root, "electrolyte", "thyroid-dose-example")
    rule.write_text(block("rule").replace("below: 0.1 ", "at_most: 0.1 "), encoding="utf-8")
    case.write_text(block("cases"), encoding="utf-8")
    assert [issue.code for issue in validate_content(root, [rule])] == ["V132"]


def test_slips_of_a_beginner_are_answered_with_what_to_write(root: Path) -> None:
    rule, _ = new_rule(root, "electrolyte", "thyroid-dose-example")
    written = block("rule").replace("below: 0.1 mIU/L", "below: 0.1")
    rule.write_text(written, encoding="utf-8")
    assert "a number, a space and a unit, such as '3.5 mmol/L'" in str(validate_content(root, [rule])[0])
    written = block("rule").replace("order: tsh", "order: tssh")
    written = written.replace("condition: hyperthyroidism", "condition: trousseau")
    rule.write_text(written, encoding="utf-8")
    told = "\n".join(map(str, validate_content(root, [rule])))
    assert "Did you mean 'tsh'?" in told
    assert "It is a symptom: write {symptom: trousseau}." in told
