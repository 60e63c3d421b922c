"""The rules of the house that no single module can keep alone."""

import ast
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "cds_service"
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in PACKAGE.rglob("*.py"))

# What a code of LOINC, SNOMED CT, RxNorm, ICD-10-CM or ATC looks like.
_CODE_FORMS = {
    "LOINC": re.compile(r"\b\d{3,5}-\d\b"),
    "SNOMED CT": re.compile(r"(?<![\d.])[1-9]\d{5,17}(?![\d.])"),
    "ICD-10-CM": re.compile(r"\b[A-TV-Z]\d[0-9A-Z]\.[0-9A-Z]{1,4}\b"),
    "ATC": re.compile(r"\b[A-HJLMNPRSV]\d{2}[A-Z]{2}\d{2}\b"),
}
_CLINICAL_WORDS = re.compile(
    r"\b(potassium|calcium|magnesium|sodium|lithium|furosemide|salbutamol|albuterol|prednisone|hypo\w*emia"
    r"|hyper\w*emia|fasciculation|tetany|stroke|myokymia|blepharospasm)\b",
    re.IGNORECASE,
)
#: An address where packages are asked for by name, or the option that gives one.
_REGISTRY = re.compile(
    r"https?://[^\s/]+/(simple|packages)\b|--(extra-)?index\b|//(\w+\.)?py\w\w\.\w{3}\b", re.IGNORECASE
)
_MACHINE_PATH = re.compile(r"(?<![\w.])/(work|home|root|Users|tmp)/")


def _size_marks():
    spec = importlib.util.spec_from_file_location("size_marks", ROOT / "tools" / "size_marks.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["size_marks"] = module
    spec.loader.exec_module(module)
    return module


def _committed_files():
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def _literals(tree):
    """Yield every text or number of the code that is not a docstring."""
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.lineno, node.value


@pytest.mark.parametrize("folder", ["cards", "terminology"])
def test_knowledge_folders_hold_no_python(folder):
    assert (ROOT / folder).is_dir()
    assert [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".pyc", ".pyi")] == []


def test_size_marks_are_kept():
    assert _size_marks().check(PACKAGE) == []


def test_size_marks_see_what_they_should():
    long_body = "\n".join(f"    x{number} = {number}" for number in range(90))
    tree = ast.parse(f"def visible(a):\n{long_body}\n\ndef _hidden(a):\n    return a\n")
    visible, hidden = _size_marks().measure(tree, "module.py")
    assert visible.lines == 91
    assert len(visible.faults) == 3
    assert hidden.faults == ()


@pytest.mark.parametrize("name", MODULES)
def test_a_module_opens_with_its_duty(name):
    assert ast.get_docstring(ast.parse((ROOT / name).read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", MODULES)
def test_the_package_holds_no_clinical_content(name):
    tree = ast.parse((ROOT / name).read_text(encoding="utf-8"))
    found = [
        f"{name}:{line}: {text!r} looks like {form}"
        for line, text in _literals(tree)
        for form, pattern in [*_CODE_FORMS.items(), ("clinical content", _CLINICAL_WORDS)]
        if pattern.search(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("text", "form"),
    [("2823-3", "LOINC"), ("24184005", "SNOMED CT"), ("G25.3", "ICD-10-CM"), ("N05AN01", "ATC")],
)
def test_the_forms_of_codes_are_recognised(text, form):
    assert _CODE_FORMS[form].search(f"code {text} here")


def test_nothing_committed_names_a_registry_or_a_machine():
    allowed = {
        "tests/test_house.py",
        "tests/test_packaging.py",
        "Makefile",
    }  # they name the words to refuse them
    found = []
    for path in _committed_files():
        name = path.relative_to(ROOT).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        if name not in allowed and (_REGISTRY.search(text) or _MACHINE_PATH.search(text)):
            found.append(name)
    assert found == []


def test_the_clock_is_read_only_at_the_two_ways_in():
    clock = re.compile(r"\b(datetime\.now|datetime\.utcnow|date\.today|time\.time)\(")
    readers = {name for name in MODULES if clock.search((ROOT / name).read_text(encoding="utf-8"))}
    assert {
        name for name in readers if not name.startswith(("cds_service/cli/", "cds_service/web/"))
    } == set()
