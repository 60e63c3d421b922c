"""The mutants themselves, and whether the check tells proven parts from unproven ones."""

from functools import lru_cache
from pathlib import Path

import pytest

from cds_service.content import content_root, parse_document
from cds_service.knowledge import load_knowledge
from cds_service.schema import Schemas
from cds_service.terminology import Terminology, load_terminology
from cds_service.validate import validate_content
from cds_service.validate.cases import read_case_file
from cds_service.validate.mutants import Mutator
from cds_service.validate.mutation import MutationReport, mutate_definition, mutate_rule, mutation_issues
from tests.small_content import RULE, change, write

CASE_FILE = "tests/cases/electrolyte/low-magnesium.yaml"


@lru_cache(maxsize=1)
def terminology() -> Terminology:
    return load_terminology(content_root())


def ids(rule: str = RULE) -> list[str]:
    return [mutant.id for mutant in Mutator(parse_document(rule, "r.yaml").data, terminology()).mutants()]


def report(root: Path) -> MutationReport:
    knowledge = load_knowledge(root)
    file = read_case_file(root / CASE_FILE, root, knowledge.terminology, Schemas(root / "cards" / "schema"))
    return mutate_rule("low-magnesium", file, knowledge)


@pytest.mark.parametrize(
    "wanted",
    [
        "ages: adult -> all",
        "gate: twitch -> irritability",
        "gate: twitch -> open",
        "hooks: hooks ignored",
        "when.all: all -> any",
        "when.all: drop 0",
        "when.all.0.below: below -> at_most",
        "when.all.0.below: below -> at_least",
        "when.all.0.below: 0.70 mmol/L -> 0.69 mmol/L",
        "when.all.0.below: 0.70 mmol/L -> 0.71 mmol/L",
        "when.all.0.below: 0.70 mmol/L -> 0.63 mmol/L",
        "when.all.0.below: 0.70 mmol/L -> 0.77 mmol/L",
        "when.all.0.within: usual -> fresh",
        "when.all.1.any: any -> all",
        "when.all.1.any: drop 1",
        "when.all.1.any.1.condition: drop malabsorption",
        "unless: drop unless",
        "strength.established: drop row",
        "strength.established.symptom: drop tetany",
        "indicator.critical: drop row",
        "card.detail.1.when: drop when",
        "workup: drop 0",
        "workup.0.when: drop when",
        "workup.0.when.is: missing -> normal",
        "workup.0.when.within: 3 days -> 1 days",
        "workup.0.when.within: 3 days -> 6 days",
    ],
)
def test_every_kind_of_mutant_is_made(wanted: str) -> None:
    assert wanted in ids()


def test_a_unit_is_changed_to_another_of_the_analyte() -> None:
    assert any(name.startswith("when.all.0.below: unit -> ") for name in ids())


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        (
            "any:\n",
            "some: {at_least: 2, of: [{drug: lithium}, {drug: omeprazole}, {symptom: cramp}]}\n    - any:\n",
            [
                "when.all.1.some.at_least: 2 -> 1",
                "when.all.1.some.at_least: 2 -> 3",
                "when.all.1.some.of: drop 2",
            ],
        ),
        (
            "otherwise: probable\n",
            "otherwise: probable\nceiling: probable\nraises: [{symptom: cramp}]\n",
            ["ceiling: drop ceiling", "raises: drop 0"],
        ),
        ("unless:", "folds_into: [other]\nunless:", ["folds_into: drop other"]),
        (
            "{drug: omeprazole, as: culprit}",
            "{drug: omeprazole, for_at_least: 90 days, route: oral}",
            [
                "when.all.1.any.0.for_at_least: drop for_at_least",
                "when.all.1.any.0.route: drop route",
                "when.all.1.any.0.for_at_least: 90 days -> 45 days",
            ],
        ),
    ],
)
def test_other_words_have_mutants_too(old: str, new: str, wanted: list[str]) -> None:
    assert set(wanted) <= set(ids(RULE.replace(old, new, 1)))


def test_ids_are_unique_and_the_rule_is_left_alone() -> None:
    document = parse_document(RULE, "r.yaml")
    before = repr(document.data)
    mutants = list(Mutator(document.data, terminology()).mutants())
    assert len({mutant.id for mutant in mutants}) == len(mutants)
    assert repr(document.data) == before
    assert all(mutant.data != document.data for mutant in mutants)


def test_what_the_cases_try_is_proven_and_the_rest_is_told(root: Path) -> None:
    unproven = {mutant.id for mutant in report(root).unproven}
    assert "when.all.0.below: 0.70 mmol/L -> 0.69 mmol/L" not in unproven
    assert "when.all.0.below: below -> at_most" not in unproven
    assert {"unless: drop unless", "ages: adult -> all"} <= unproven


def test_a_new_case_proves_a_part(root: Path) -> None:
    write_case(root, "  - {name: known disease, but: {conditions: [hypoparathyroidism]}, expect: no-match}\n")
    assert "unless: drop unless" not in {mutant.id for mutant in report(root).unproven}


def test_a_case_that_fails_proves_nothing(root: Path) -> None:
    write_case(root, "  - {name: wrong, but: {conditions: [hypoparathyroidism]}, expect: match}\n")
    assert "unless: drop unless" in {mutant.id for mutant in report(root).unproven}


def test_an_equivalent_is_listed_with_a_reason_and_a_stale_entry_is_a_fault(root: Path) -> None:
    write_case(
        root,
        "equivalent:\n"
        '  - {mutant: "unless: drop unless", reason: only for this test of the machinery}\n'
        '  - {mutant: "when.all: all -> any", reason: this one is noticed by the cases}\n',
    )
    found = report(root)
    assert "unless: drop unless" not in {mutant.id for mutant in found.unproven}
    assert found.stale == ("when.all: all -> any",)
    codes = {issue.code for issue in validate_content(root, mutants=True)}
    assert {"V140", "V141"} <= codes


def test_a_survivor_is_told_at_its_line(root: Path) -> None:
    knowledge = load_knowledge(root)
    issues = mutation_issues(report(root), knowledge.documents["rules/low-magnesium"], None)
    line = next(number for number, text in enumerate(RULE.splitlines(), start=1) if text.startswith("unless"))
    assert any(issue.where.endswith(f":{line}") and "unless" in issue.what for issue in issues)


def test_a_definition_is_proven_by_its_own_cases_and_by_those_of_its_users(root: Path) -> None:
    write(
        root,
        "cards/definitions/low-mg.yaml",
        "id: low-mg\ntitle: Low magnesium, defined\n"
        "when: {lab: magnesium, below: 0.70 mmol/L, within: usual}\nreferences: []\n",
    )
    change(
        root,
        "cards/rules/electrolyte/low-magnesium.yaml",
        "    - {lab: magnesium, below: 0.70 mmol/L, within: usual}\n",
        "    - {meets: low-mg}\n",
    )
    knowledge = load_knowledge(root)
    schemas = Schemas(root / "cards" / "schema")
    file = read_case_file(root / CASE_FILE, root, knowledge.terminology, schemas)
    unproven = {mutant.id for mutant in mutate_definition("low-mg", [file], knowledge).unproven}
    assert "when.below: below -> at_most" not in unproven
    assert "when.within: usual -> fresh" not in unproven
    assert "when.below: 0.70 mmol/L -> 0.77 mmol/L" not in unproven
    own = "tests/cases/definitions/low-mg.yaml"
    write(
        root,
        own,
        "definition: low-mg\ncases:\n"
        '  - {name: low, but: {labs: {magnesium: "0.69 mmol/L, 10 days ago"}}, expect: match}\n'
        '  - {name: at it, but: {labs: {magnesium: "0.70 mmol/L, 10 days ago"}}, expect: no-match}\n',
    )
    twin = read_case_file(root / own, root, knowledge.terminology, schemas)
    assert mutate_definition("low-mg", [twin], knowledge).unproven == ()


def write_case(root: Path, text: str) -> None:
    path = root / CASE_FILE
    path.write_text(path.read_text() + text)
