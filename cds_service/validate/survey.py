"""Everything ``validate`` looks at, read once: the content, its case files and how to judge them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError, Issue
from cds_service.knowledge import Knowledge
from cds_service.rules import Criterion, Rule, walk
from cds_service.rules.tree import rule_criteria
from cds_service.schema import Schemas
from cds_service.text.wording import Wording, read_wording
from cds_service.validate.cases import CaseFile, case_folder, read_case_file
from cds_service.validate.run_cases import Court


@dataclass
class Survey:
    """The content under inspection. ``paths`` narrows rules and cases to some files, empty means all."""

    root: Path
    knowledge: Knowledge
    schemas: Schemas
    paths: frozenset[str] = frozenset()
    reading: list[Issue] = field(default_factory=list)

    @cached_property
    def files(self) -> dict[str, CaseFile]:
        """Case files by path; those that cannot be read leave their faults in ``reading``."""
        found: dict[str, CaseFile] = {}
        for path in sorted(case_folder(self.root).rglob("*.yaml")):
            try:
                file = read_case_file(path, self.root, self.knowledge.terminology, self.schemas)
                found[file.document.path] = file
            except ContentError as error:
                self.reading.extend(error.issues)
        return found

    @cached_property
    def twins(self) -> Mapping[str, CaseFile]:
        """Case files of rules, by rule id."""
        return {file.subject: file for file in self.files.values() if not file.is_definition}

    @cached_property
    def court(self) -> Court:
        """Judges cases with the content as it is."""
        return Court.of(self.knowledge)

    @cached_property
    def wording(self) -> Wording | None:
        """The wording rules, or None while they cannot be read."""
        try:
            return read_wording(self.knowledge.wording)
        except ContentError as error:
            self.reading.extend(error.issues)
            return None

    def rules(self) -> Iterator[tuple[Rule, Document]]:
        """Yield the rules under inspection with their files."""
        for rule in self.knowledge.rules.values():
            document = self.knowledge.documents[f"rules/{rule.id}"]
            twin = f"tests/cases/{rule.group}/{rule.id}.yaml"
            if self.wants(document.path) or self.wants(twin):
                yield rule, document

    def definitions(self) -> Iterator[tuple[str, Document]]:
        """Yield the ids of the definitions under inspection with their files."""
        for name in self.knowledge.definitions:
            document = self.knowledge.documents[f"definitions/{name}"]
            if self.wants(document.path) or self.wants(f"tests/cases/definitions/{name}.yaml"):
                yield name, document

    def wants(self, path: str) -> bool:
        """Return whether a file is under inspection."""
        return not self.paths or any(path == chosen or path.startswith(f"{chosen}/") for chosen in self.paths)


def every_criterion(rule: Rule) -> list[Criterion]:
    """Return every criterion of a rule, in reading order, inner ones included."""
    return [inner for root in rule_criteria(rule) for inner in walk(root)]


def texts_of(document: Document) -> Iterator[tuple[str, Pointer, str]]:
    """Yield kind, place and words of every text of a rule file that a clinician reads."""
    data = document.data
    yield from _texts(data.get("card", {}), ("card",))
    for index, branch in enumerate(data.get("branches", [])):
        yield from _texts(branch, ("branches", index))
    yield from _rows("advice", data.get("advice", []), ("advice",))
    for name, rows in data.get("phrases", {}).items():
        yield from _rows("detail", rows, ("phrases", name))
    for index, row in enumerate(data.get("workup", [])):
        if "why" in row:
            yield "why", ("workup", index, "why"), row["why"]


def _texts(node: Mapping[str, object], at: Pointer) -> Iterator[tuple[str, Pointer, str]]:
    if isinstance(node.get("summary"), str):
        yield "summary", (*at, "summary"), str(node["summary"])
    for kind in ("detail", "safety"):
        rows = node.get(kind, [])
        if isinstance(rows, list):
            yield from _rows(kind, rows, (*at, kind))


def _rows(kind: str, rows: Iterable[object], at: Pointer) -> Iterator[tuple[str, Pointer, str]]:
    for index, row in enumerate(rows):
        if isinstance(row, str):
            yield kind, (*at, index), row
        elif isinstance(row, dict):
            yield kind, (*at, index, "say"), row["say"]
