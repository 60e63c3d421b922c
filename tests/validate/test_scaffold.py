from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.knowledge import load_knowledge
from cds_service.validate import new_rule, validate_content


def test_a_new_rule_has_two_files_that_need_only_their_prompts_filled(root: Path) -> None:
    rule, case = new_rule(root, "electrolyte", "my-first-rule")
    assert rule.relative_to(root).as_posix() == "cards/rules/electrolyte/my-first-rule.yaml"
    assert case.relative_to(root).as_posix() == "tests/cases/electrolyte/my-first-rule.yaml"
    issues = validate_content(root, [rule, case])
    assert {issue.code for issue in issues} == {"V118", "V123"}, "\n".join(map(str, issues))


def test_a_new_rule_is_a_draft_and_not_in_use(root: Path) -> None:
    new_rule(root, "workup", "my-first-rule")
    assert "my-first-rule" not in load_knowledge(root).rules
    assert load_knowledge(root, drafts=True).rules["my-first-rule"].status == "draft"


@pytest.mark.parametrize(
    ("group", "rule_id", "words"),
    [
        ("electrolite", "new-rule", "Did you mean 'electrolyte'?"),
        ("electrolyte", "Low Magnesium", "is no id"),
        ("electrolyte", "../../escape", "is no id"),
        ("electrolyte", "x" * 61, "is no id"),
        ("workup", "low-magnesium", "is taken by cards/rules/electrolyte/low-magnesium.yaml"),
    ],
)
def test_what_cannot_be_written_is_refused_and_nothing_is_written(
    root: Path, group: str, rule_id: str, words: str
) -> None:
    before = sorted(root.rglob("*.yaml"))
    with pytest.raises(ContentError, match="V150") as raised:
        new_rule(root, group, rule_id)
    assert words in str(raised.value)
    assert sorted(root.rglob("*.yaml")) == before


def test_a_case_file_is_never_overwritten(root: Path) -> None:
    path = root / "tests/cases/workup/my-first-rule.yaml"
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    with pytest.raises(ContentError, match="the file exists"):
        new_rule(root, "workup", "my-first-rule")
    assert path.read_text() == "mine"
    assert not (root / "cards/rules/workup/my-first-rule.yaml").exists()
