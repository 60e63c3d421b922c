"""Every case patient of every rule and definition comes out as its file says."""

from functools import cache, lru_cache
from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.errors import ContentError
from cds_service.knowledge import Knowledge, inspect_knowledge
from cds_service.schema import Schemas
from cds_service.validate.cases import CaseFile, case_folder, read_case_file
from cds_service.validate.run_cases import Court

ROOT = content_root()
PATHS = {
    path.relative_to(case_folder(ROOT)).with_suffix("").as_posix(): path
    for path in sorted(case_folder(ROOT).rglob("*.yaml"))
}


@lru_cache(maxsize=1)
def knowledge() -> Knowledge:
    found, issues = inspect_knowledge(ROOT, drafts=True)
    assert found is not None, "\n".join(map(str, issues))
    return found


@lru_cache(maxsize=1)
def court() -> Court:
    return Court.of(knowledge())


@lru_cache(maxsize=1)
def schemas() -> Schemas:
    return Schemas(ROOT / "cards" / "schema")


@cache
def case_file(path: Path) -> CaseFile:
    return read_case_file(path, ROOT, knowledge().terminology, schemas())


def every_case() -> list[str]:
    """List ``group/rule::case``; a file that cannot be read is one entry that fails with its faults."""
    found: list[str] = []
    for key, path in PATHS.items():
        try:
            found += [f"{key}::{case.name}" for case in case_file(path).cases]
        except ContentError:
            found.append(f"{key}::")
    return found


@pytest.mark.parametrize("name", every_case())
def test_case(name: str) -> None:
    key, _, case_name = name.partition("::")
    file = case_file(PATHS[key])
    case = next(case for case in file.cases if case.name == case_name)
    differences = court().differences(file, case, court().program_for(file))
    assert not differences, f"{case.where}: {'; '.join(differences)}"


def test_all_knowledge_loads_without_a_fault() -> None:
    _, issues = inspect_knowledge(ROOT)
    assert not issues, "\n".join(map(str, issues))
