"""Every small wrong version of a rule or definition is noticed by a case, or listed with a reason."""

from functools import cache, lru_cache
from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.errors import ContentError
from cds_service.knowledge import Knowledge, inspect_knowledge
from cds_service.schema import Schemas
from cds_service.validate.cases import CaseFile, case_folder, read_case_file
from cds_service.validate.mutation import mutate_definition, mutate_gate, mutate_rule, mutation_issues

ROOT = content_root()
RULES = sorted(path.stem for path in (ROOT / "cards" / "rules").glob("*/*.yaml"))
DEFINITIONS = sorted(path.stem for path in (ROOT / "cards" / "definitions").glob("*.yaml"))


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    found, issues = inspect_knowledge(ROOT, drafts=True)
    assert found is not None, "\n".join(map(str, issues))
    return found


@lru_cache(maxsize=1)
def schemas() -> Schemas:
    return Schemas(ROOT / "cards" / "schema")


@cache
def case_file(path: Path) -> CaseFile:
    return read_case_file(path, ROOT, knowledge().terminology, schemas())


@lru_cache(maxsize=1)
def case_files() -> tuple[CaseFile, ...]:
    found = []
    for path in sorted(case_folder(ROOT).rglob("*.yaml")):
        try:
            found.append(case_file(path))
        except ContentError:  # tests/test_cases.py tells
            continue
    return tuple(found)


@pytest.mark.parametrize("rule_id", RULES)
def test_every_mutant_of_a_rule_is_noticed(rule_id: str) -> None:
    rule = knowledge().rules.get(rule_id)
    if rule is None:
        pytest.skip("retired, or cannot be read; tests/test_cases.py tells")
    file = case_file(case_folder(ROOT) / rule.group / f"{rule_id}.yaml")
    report = mutate_rule(rule_id, file, knowledge())
    issues = mutation_issues(report, knowledge().documents[f"rules/{rule_id}"], file)
    assert report.total > 0
    assert not issues, "\n".join(map(str, issues))


@pytest.mark.parametrize("definition_id", DEFINITIONS)
def test_every_mutant_of_a_definition_is_noticed(definition_id: str) -> None:
    assert definition_id in knowledge().definitions, "cannot be read; tests/test_cases.py tells"
    report = mutate_definition(definition_id, case_files(), knowledge())
    own = next((f for f in case_files() if f.is_definition and f.subject == definition_id), None)
    issues = mutation_issues(report, knowledge().documents[f"definitions/{definition_id}"], own)
    assert not issues, "\n".join(map(str, issues))


@pytest.mark.parametrize("gate", ["twitch", "irritability"])
def test_every_mutant_of_a_gate_is_noticed(gate: str) -> None:
    file = case_file(case_folder(ROOT) / "definitions" / f"{gate}.yaml")
    report = mutate_gate(gate, file, knowledge())
    issues = mutation_issues(report, knowledge().documents["gates"], file)
    assert not issues, "\n".join(map(str, issues))
