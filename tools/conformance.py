"""Run the conformance suite and tell, row by row of the requirements on a CDS service, what came of it.

Without CONFORMANCE_URL the service of this process is asked, and the tests elsewhere that carry the id of a
row count as well; with it only ``tests/conformance``, over HTTP. ``--write`` renews docs/conformance.md.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
SUITE = "tests/conformance"
ROWS = ROOT / SUITE / "rows.yaml"
TABLE = ROOT / "docs" / "conformance.md"
_FAMILIES = "GEN|DISC|PF|CALL|ST|RESP|CARD|SRC|COD|SUG|ACT|LINK|OVR|SYS|FB|SEC|JWT|CORS|FA|FR|EXT"
_NAMED = re.compile(rf"(?:^|_)({_FAMILIES})_(\d+)(?:_(to|and)_(\d+))?(?=_)", re.IGNORECASE)
_MOST = 3
_MARKED = re.compile(r"(<!-- rows -->\n).*?(?=<!-- /rows -->)", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One requirement. ``why``: why no test proves it; ``deviation``: what we do otherwise, and why."""

    id: str
    level: str
    text: str
    note: str = ""
    why: str = ""
    deviation: str = ""
    also: tuple[str, ...] = ()

    @property
    def remark(self) -> str:
        """What is said beside the result."""
        return "; ".join(part for part in (self.deviation, self.why, self.note) if part)


@dataclass
class Results:
    """What came of each test function, over all its parameters; a pytest plugin that gathers it."""

    outcomes: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    reasons: dict[str, str] = field(default_factory=dict)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a test: its call, or what kept it from being called."""
        if report.when != "call" and report.outcome == "passed":
            return
        name = report.nodeid.partition("[")[0]
        self.outcomes[name][report.outcome] += 1
        if report.skipped and isinstance(report.longrepr, tuple):
            self.reasons[name] = report.longrepr[2].removeprefix("Skipped: ")

    def of(self, row: Row, tests: Iterable[str]) -> str:
        """Return the result of a row in a few words."""
        found: Counter[str] = Counter()
        ran = [name for name in tests if name in self.outcomes]
        for name in ran:
            found += self.outcomes[name]
        if found["failed"]:
            return f"FAILS ({found['failed']} of {found.total()})"
        if row.deviation:
            return "deviation"
        if found["passed"]:
            return "pass"
        return next((self.reasons[name] for name in ran if name in self.reasons), "no test")


def rows() -> list[Row]:
    """Return every requirement, in order."""
    entries: list[dict[str, Any]] = yaml.safe_load(ROWS.read_text(encoding="utf-8"))
    return [Row(**{**entry, "also": tuple(entry.get("also", ()))}) for entry in entries]


def named_rows(test: str) -> set[str]:
    """Return the rows whose ids stand in the name of a test: ``test_FB_3_to_7_x`` names five."""
    found = set()
    for family, first, _, last in _named_parts(test):
        numbers = range(int(first), int(last or first) + 1)
        found |= {f"{family.upper()}-{number}" for number in numbers}
    return found


def _named_parts(test: str) -> list[tuple[str, str, str, str]]:
    place, found = 0, []
    while match := _NAMED.search(test, place):
        family, first, word, last = match.groups()
        found.append((family, first, word or "", last if word == "to" else ""))
        if word == "and":
            found.append((family, last, "", ""))
        place = match.end()
    return found


def test_functions() -> set[str]:
    """Return every test function of the project, as ``tests/web/test_hooks.py::test_x``."""
    found = set()
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        where = path.relative_to(ROOT).as_posix()
        found |= {f"{where}::{name}" for name in names if name.startswith("test_")}
    return found


def proofs(known: Iterable[Row]) -> dict[str, list[str]]:
    """Return the tests of every row, those of the suite first; a row without any has an empty list."""
    found: dict[str, set[str]] = {row.id: set(row.also) for row in known}
    for test in test_functions():
        for row_id in named_rows(test.partition("::")[2]) & found.keys():
            found[row_id].add(test)
    return {
        row_id: sorted(tests, key=lambda t: (not t.startswith(SUITE), t)) for row_id, tests in found.items()
    }


def shown(tests: list[str]) -> list[str]:
    """Return the tests a row is told with: those of the suite, else the first of the others."""
    return [name for name in tests if name.startswith(SUITE)] or tests[:_MOST]


def table(known: Iterable[Row], tests: Mapping[str, list[str]], results: Results) -> str:
    """Return the table as Markdown."""
    lines = ["| row | level | asks | tests | result | remark |", "|---|---|---|---|---|---|"]
    for row in known:
        names = "<br>".join(f"`{name.removeprefix('tests/')}`" for name in shown(tests[row.id]))
        result = results.of(row, tests[row.id])
        result = "by reason" if result == "no test" and row.why else result
        lines.append(
            f"| {row.id} | {row.level} | {row.text} | {names or '-'} | {result} | {row.remark or '-'} |"
        )
    return "".join(f"{line}\n" for line in lines)


def main(arguments: list[str]) -> int:
    """Run the suite, print the table or write it, and return 1 where a row fails."""
    foreign = bool(os.environ.get("CONFORMANCE_URL"))
    known = rows()
    tests = proofs(known)
    wanted = (
        {SUITE} if foreign else {SUITE, *(t for found in tests.values() for t in found if SUITE not in t)}
    )
    results = Results()
    spread = ["-p", "no:xdist"] if foreign else ["-n", "2"]
    os.chdir(ROOT)
    ignored = f"--ignore={SUITE}/test_table.py"  # it judges the table that is made here
    status = pytest.main(
        ["-q", "-p", "no:cacheprovider", "--no-header", ignored, *spread, *sorted(wanted)], plugins=[results]
    )
    if foreign:
        tests = {
            row_id: [name for name in found if name.startswith(SUITE)] for row_id, found in tests.items()
        }
    text = table(known, tests, results)
    if "--write" in arguments:
        page = TABLE.read_text(encoding="utf-8")
        TABLE.write_text(_MARKED.sub(lambda found: found.group(1) + text, page), encoding="utf-8")
    else:
        print(_in_columns(known, tests, results))
    return int(status)


def _in_columns(known: Iterable[Row], tests: Mapping[str, list[str]], results: Results) -> str:
    lines = []
    for row in known:
        result = results.of(row, tests[row.id])
        told = row.why or "not testable from outside: proven in process" if result == "no test" else result
        lines.append(f"{row.id:8} {row.level:11} {told[:60]:60} {row.text}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main(sys.argv[1:]))
