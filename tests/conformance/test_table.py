"""The table of docs/conformance.md is that of today: its rows, its tests, its reasons."""

import importlib.util
import re
import sys

import pytest

from .conftest import ROOT

REFERENCE = ROOT.parent / "shared" / "reference" / "cds-hooks-conformance.md"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("conformance_tool", ROOT / "tools" / "conformance.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def _cells(text):
    """Return the rows of a table, each as the list of its cells."""
    lines = [line for line in text.splitlines() if re.match(r"\| [A-Z]+-\d+ \|", line)]
    return [line.strip("| ").split(" | ") for line in lines]


def test_every_row_has_a_test_or_a_reason(tool):
    known = tool.rows()
    tests = tool.proofs(known)
    assert len({row.id for row in known}) == len(known)
    assert [row.id for row in known if not tests[row.id] and not row.why] == []


def test_every_test_that_is_named_exists(tool):
    there = tool.test_functions()
    assert {name for row in tool.rows() for name in row.also} <= there


def test_the_committed_table_has_every_row_and_names_tests_that_exist(tool):
    known = tool.rows()
    written = _cells(tool.TABLE.read_text(encoding="utf-8"))
    assert [row[:3] for row in written] == [[row.id, row.level, row.text] for row in known], "make docs"
    assert [row[5] for row in written] == [row.remark or "-" for row in known], "make docs"
    tests, there = tool.proofs(known), tool.test_functions()
    for row in written:
        named = [f"tests/{name}" for name in re.findall(r"`([^`]+)`", row[3])]
        assert set(named) <= there
        suite = [name for name in tests[row[0]] if name.startswith(tool.SUITE)]
        assert named == suite or not suite, f"{row[0]}: make docs"


def test_every_result_of_the_committed_table_is_good_or_has_a_reason(tool):
    for row in _cells(tool.TABLE.read_text(encoding="utf-8")):
        assert row[4] == "pass" or (row[4] in ("by reason", "deviation") and row[5] != "-"), row


def test_names_name_rows(tool):
    assert tool.named_rows("test_fb_3_to_7_required") == {"FB-3", "FB-4", "FB-5", "FB-6", "FB-7"}
    assert tool.named_rows("test_CALL_8_and_10_sent") == {"CALL-8", "CALL-10"}
    assert tool.named_rows("test_CALL_1_ST_1_x") == {"CALL-1", "ST-1"}
    assert tool.named_rows("test_a_first_1_x") == set()


def test_no_row_of_the_reference_is_missing(tool):
    if not REFERENCE.is_file():
        pytest.skip("the reference does not lie beside the project")
    listed = re.findall(r"^\| ([A-Z]+-\d+) \| [^|]+ \|", REFERENCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [row.id for row in tool.rows()] == list(dict.fromkeys(listed))
