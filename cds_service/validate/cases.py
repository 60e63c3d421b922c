"""Read case files: for each patient the facts, and what the rule must answer.

A case file is the twin of a rule (``tests/cases/<group>/<rule>.yaml``) or of a definition
(``tests/cases/definitions/<id>.yaml``). Grammar: ``docs/rule-language.md``, part 3.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cds_service.content import Document, Pointer, read_document
from cds_service.errors import ContentError, Issue
from cds_service.facts import PatientFacts
from cds_service.schema import Schemas
from cds_service.terminology import Terminology
from cds_service.validate.case_facts import AS_OF, facts_from_case

__all__ = ["AS_OF", "Case", "CaseFile", "case_folder", "facts_from_case", "read_case_file"]


@dataclass(frozen=True, slots=True)
class Case:
    """One patient and what is expected; ``where`` is ``file:line`` and ``at`` the place in the file."""

    name: str
    facts: PatientFacts
    expect: Mapping[str, Any]
    where: str
    at: Pointer = ()


@dataclass(frozen=True, slots=True)
class CaseFile:
    """All cases of one rule or definition.

    ``subject`` is its id. ``asks`` is the criterion a definition is tried with, as written, or None.
    ``equivalent`` maps ids of mutants that change nothing to the reason why.
    """

    subject: str
    is_definition: bool
    cases: tuple[Case, ...]
    equivalent: Mapping[str, str]
    document: Document
    asks: Mapping[str, Any] | None = None

    @property
    def key(self) -> str:
        """Group and id, as shown in test names: ``electrolyte/hypokalemia``."""
        path = Path(self.document.path)
        return f"{path.parent.name}/{path.stem}"


def case_folder(root: Path) -> Path:
    """Return the folder of the case files that belong to a content root."""
    return root / "tests" / "cases"


def read_case_file(path: Path, root: Path, terminology: Terminology, schemas: Schemas) -> CaseFile:
    """Read one case file.

    Raises:
        ContentError: with every fault of form and every fact that cannot be read, ``file:line``.
    """
    document = read_document(path, root)
    issues = schemas.issues(document, "case")
    if issues:
        raise ContentError(*issues)
    data = document.data
    cases: list[Case] = []
    for name, at, pointers, expect in _patients(data):
        try:
            facts = facts_from_case(document, pointers, terminology)
            cases.append(Case(name, facts, expect, document.where(at), at))
        except ContentError as error:
            issues.extend(error.issues)
    issues.extend(_repeated_names(document, cases))
    if issues:
        raise ContentError(*sorted(set(issues)))
    return CaseFile(
        subject=data.get("rule") or data["definition"],
        is_definition="definition" in data,
        cases=tuple(cases),
        equivalent={entry["mutant"]: entry["reason"] for entry in data.get("equivalent", [])},
        document=document,
        asks=data.get("asks"),
    )


def _patients(data: Mapping[str, Any]) -> Iterator[tuple[str, Pointer, list[Pointer], Mapping[str, Any]]]:
    """Yield name, place, places of the patient's parts and expectation of every case."""
    base: list[Pointer] = [("patient",)] if "patient" in data else []
    for index, case in enumerate(data["cases"]):
        at: Pointer = ("cases", index)
        expect = {"verdict": case["expect"]} if isinstance(case["expect"], str) else case["expect"]
        pointers = [*base, *([(*at, "but")] if "but" in case else [])]
        if "each" not in case:
            yield case["name"], at, pointers, expect
            continue
        for number in range(len(case["each"])):
            patch: Pointer = (*at, "each", number)
            yield f"{case['name']} [{number + 1}]", patch, [*pointers, patch], expect


def _repeated_names(document: Document, cases: list[Case]) -> Iterator[Issue]:
    seen: set[str] = set()
    for case in cases:
        if case.name in seen:
            yield Issue(
                case.where, "V131", f"has a second case named {case.name!r}.", "Give each case its own name."
            )
        seen.add(case.name)
