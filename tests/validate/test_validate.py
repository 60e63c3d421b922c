from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.validate import CODES, validate_content
from tests.small_content import RULE, change, write

RULE_FILE = "cards/rules/electrolyte/low-magnesium.yaml"
CASE_FILE = "tests/cases/electrolyte/low-magnesium.yaml"


def told(root: Path, *paths: str) -> list[str]:
    return [str(issue) for issue in validate_content(root, paths or (RULE_FILE, CASE_FILE))]


def test_good_content_has_no_fault(root: Path) -> None:
    assert told(root) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "code", "words"),
    [
        (RULE_FILE, "version: 1\n", "", "V102", "'version'"),
        (
            RULE_FILE,
            "role: contributor\nages: adult\n",
            "ages: adult\nrole: contributor\n",
            "V110",
            "'role' after 'ages'",
        ),
        (RULE_FILE, "unless:", "gives_way_to: [stroke]\nunless:", "V112", "'stroke'"),
        (RULE_FILE, "unless:", "folds_into: [low-magnesium]\nunless:", "V112", "names itself"),
        (RULE_FILE, "{culprit}", "{culprits}", "V113", "Did you mean 'culprit'?"),
        (
            RULE_FILE,
            "[ with {culprit}]: possible",
            " with {culprit}, {twitch}, {twitch}, {twitch}: possible",
            "V116",
            "may reach",
        ),
        (RULE_FILE, "within: fresh", "within: usual", "V117", "within: fresh"),
        (RULE_FILE, "key: SPEC-0.3", "key: SPEC-0.33", "V118", "Did you mean 'SPEC-0.3'?"),
        (
            RULE_FILE,
            "contributor to twitching; assess",
            "contributor to twitching; you must assess",
            "V122",
            "you",
        ),
        (RULE_FILE, "A rule made", "TODO A rule made", "V123", "TODO"),
        (
            RULE_FILE,
            "condition: hypoparathyroidism",
            "condition: hypoparathyroidismus",
            "R101",
            "hypoparathyroidismus",
        ),
        (RULE_FILE, "0.40 mmol/L", "0.40 parsecs", "R111", "does not convert"),
        (RULE_FILE, "order: magnesium-serum", "order: magnesium-serums", "R102", "magnesium-serums"),
        (CASE_FILE, "rule: low-magnesium", "rule: high-magnesium", "V112", "high-magnesium"),
        (CASE_FILE, "expect: match", "expect: no-match", "V132", "just below"),
        (CASE_FILE, "0.69 mmol/L", "0.69 mmols", "V130", "does not convert"),
        (CASE_FILE, "name: just below", "name: at the limit", "V131", "at the limit"),
        (CASE_FILE, "expect: match", "expect: fires", "V104", "'fires'"),
    ],
)
def test_each_fault_has_its_code_and_says_what_is_meant(
    root: Path, path: str, old: str, new: str, code: str, words: str
) -> None:
    change(root, path, old, new)
    lines = told(root)
    assert any(f": {code}: " in line and words in line for line in lines), lines


def test_faults_of_many_files_are_told_at_once_and_sorted(root: Path) -> None:
    change(root, RULE_FILE, "key: SPEC-0.3", "key: NOWHERE-1")
    change(root, CASE_FILE, "expect: match", "expect: no-match")
    lines = told(root)
    assert len(lines) == 2 and lines == sorted(lines)


def test_cases_of_sound_rules_are_tried_although_another_file_is_broken(root: Path) -> None:
    write(root, "cards/rules/workup/broken.yaml", "id: broken\n")
    change(root, CASE_FILE, "expect: match", "expect: no-match")
    codes = {issue.code for issue in validate_content(root)}
    assert {"V102", "V132"} <= codes


def test_paths_narrow_what_is_told(root: Path) -> None:
    change(root, RULE_FILE, "key: SPEC-0.3", "key: NOWHERE-1")
    assert told(root, "cards/rules/workup") == []
    assert len(told(root, "cards/rules/electrolyte")) == 1
    assert len(told(root, str(root / RULE_FILE))) == 1


def test_a_rule_without_cases_is_told(root: Path) -> None:
    (root / CASE_FILE).unlink()
    assert any(": V111: has no case file" in line for line in told(root))


def test_an_installation_without_cases_is_not_blamed_for_that(root: Path) -> None:
    (root / "tests").rename(root / "elsewhere")
    assert told(root) == []


def test_a_case_file_in_the_wrong_place_is_told(root: Path) -> None:
    (root / "tests/cases/workup").mkdir()
    (root / CASE_FILE).rename(root / "tests/cases/workup/low-magnesium.yaml")
    assert any(
        ": V111: tries 'low-magnesium' from another place" in line
        for line in told(root, "tests", "cards/rules")
    )


@pytest.mark.parametrize("verdict", ["match", "no-match", "unknown"])
def test_each_verdict_needs_a_case(root: Path, verdict: str) -> None:
    lines = (root / CASE_FILE).read_text().splitlines()
    head = lines[: lines.index("cases:") + 1]
    cases = {
        "match": "  - {name: a, expect: match}",
        "no-match": "  - {name: b, but: {twitch: none}, expect: no-match}",
        "unknown": "  - {name: c, but: {labs: {magnesium: none}}, expect: unknown}",
    }
    write(
        root, CASE_FILE, "\n".join([*head, *(text for word, text in cases.items() if word != verdict)]) + "\n"
    )
    assert [
        line for line in told(root) if ": V119: " in line and line.endswith(f"expects {verdict}. Add one.")
    ]


def test_a_red_flag_gives_way_to_red_flags_only(root: Path) -> None:
    red = RULE.replace("id: low-magnesium", "id: red-one").replace("role: contributor", "role: red-flag")
    write(
        root,
        "cards/rules/red-flag/red-one.yaml",
        red.replace("unless:", "gives_way_to: [low-magnesium]\nunless:"),
    )
    assert any(": V120: " in line for line in told(root, "cards/rules/red-flag"))
    write(
        root,
        "cards/rules/red-flag/red-one.yaml",
        red.replace("unless:", "gives_way_to: [red-flag/]\nunless:"),
    )
    assert not any(": V120: " in line for line in told(root, "cards/rules/red-flag"))


def test_british_spelling_is_told_even_in_notes(root: Path) -> None:
    change(root, RULE_FILE, "{symptom: cramp}", "{symptom: cramp, note: as in hypocalcaemia}")
    assert any(": V121: " in line and "hypocalcemia" in line for line in told(root))


def test_definitions_in_a_circle_are_told(root: Path) -> None:
    for one, other in (("first-one", "second-one"), ("second-one", "first-one")):
        write(
            root,
            f"cards/definitions/{one}.yaml",
            f"id: {one}\ntitle: Definition {one}\nwhen: {{meets: {other}}}\nreferences: []\n",
        )
    assert any("needs itself" in line for line in told(root, "cards/definitions"))


def test_every_code_that_is_told_is_explained(root: Path) -> None:
    change(root, RULE_FILE, "key: SPEC-0.3", "key: NOWHERE-1")
    assert {issue.code for issue in validate_content(root)} <= set(CODES)


def test_the_content_of_this_project_has_no_fault() -> None:
    issues = validate_content(content_root())
    assert not issues, "\n".join(map(str, issues))
