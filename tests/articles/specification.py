"""Read the tables of section 13 and the ids of the rules from the specification, where it lies beside the project."""

import re
from functools import cache
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[3] / "shared" / "clinical-knowledge.md"
#: For tests that compare with the specification.
needs_specification = pytest.mark.skipif(
    not PATH.is_file(), reason="the specification does not lie beside the project"
)
_HEADING = re.compile(r"^#### ([A-Z]{2}-\d{2}) `([a-z0-9-]+)`", re.MULTILINE)
_ORDER_ROW = re.compile(r"^\| (OR-\d{2}) \| `([a-z0-9-]+)`", re.MULTILINE)
_CODES = re.compile(r"\b(RF|EL|ME|TX|NE|GN|LS|OR|WK)-(\d\d)((?:[–/]\d\d)*)")


@cache
def text() -> str:
    """Return the whole specification."""
    return PATH.read_text(encoding="utf-8")


@cache
def rule_ids() -> dict[str, str]:
    """Return the id of every rule by its short name (``EL-01``)."""
    return dict(_HEADING.findall(text()) + _ORDER_ROW.findall(text()))


def rows(section: str) -> list[list[str]]:
    """Return the cells of every row of the first table of a section (``13.1``), the heading row left out."""
    body = re.split(r"^### ", text(), flags=re.MULTILINE)
    part = next(piece for piece in body if piece.startswith(f"{section} "))
    lines = dropwhile(lambda line: not line.startswith("|"), part.splitlines())
    table = list(takewhile(lambda line: line.startswith("|"), lines))
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table[2:]]


def rules_in(cell: str) -> set[str]:
    """Return the ids of the rules a cell names; ``EL-01–03`` and ``EL-01/04`` name several."""
    found = set()
    for group, first, others in _CODES.findall(cell):
        numbers = [int(first)]
        for mark, number in re.findall(r"([–/])(\d\d)", others):
            numbers += range(numbers[-1] + 1, int(number) + 1) if mark == "–" else [int(number)]
        found |= {rule_ids()[f"{group}-{number:02}"] for number in numbers}
    return found
