"""What the documents say is what the product does."""

import importlib.util
import re
import shlex
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted((ROOT / "docs").rglob("*.md")),
]

# Commands that install, fetch, write or stay running have tests of their own (packaging, cli, web, batch).
_ELSEWHERE = re.compile(
    r"make |pip install|git |docker |POSTGRES_PASSWORD=|twitch-cds serve|twitch-cds new-rule|twitch-cds terminology|twitch-cds token|URL=|TOKEN=|curl |twitch-cds config check --config site|twitch-cds feedback|twitch-cds batch"
)
_FENCE = re.compile(r"^```sh\n(.*?)^```\n(?:\n?```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def _tool(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "tools" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _commands():
    for document in DOCUMENTS:
        for block in _FENCE.finditer(document.read_text(encoding="utf-8")):
            lines = [
                line for line in block.group(1).splitlines() if line.strip() and not line.startswith("#")
            ]
            for line in lines:
                yield document, line, block.group(2) if len(lines) == 1 else None


def _targets():
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_every_setting_stands_in_the_operators_table():
    text = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
    table = text.partition("<!-- settings -->\n")[2].partition("<!-- /settings -->")[0]
    assert table == _tool("doc_outputs").settings_rows()


@pytest.mark.parametrize(
    ("document", "line", "shown"),
    [item for item in _commands() if not _ELSEWHERE.match(item[1])],
    ids=lambda value: value.name if isinstance(value, Path) else None,
)
def test_commands_of_the_documents_run_and_print_what_is_shown(document, line, shown):
    words = shlex.split(line, comments=True)
    assert words[0] in ("twitch-cds", ".venv/bin/twitch-cds"), f"{document.name}: say how {line!r} is tested"
    printed = _tool("doc_outputs").output_of(line)
    if shown is not None:
        assert printed == shown, "make docs renews it"


def test_every_make_target_that_is_named_exists():
    named = {
        (document.name, target)
        for document in DOCUMENTS
        for target in re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert {item for item in named if item[1] not in _targets()} == set()


def test_links_between_documents_lead_somewhere():
    broken = []
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", document.read_text(encoding="utf-8")):
            if not (document.parent / target).exists():
                broken.append(f"{document.name} -> {target}")
    assert broken == []


def test_the_catalogue_of_the_doctor_is_that_of_the_code():
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    assert page == _tool("doc_outputs").catalogue_page(), "make docs renews it"


def _raised_codes():
    """Return every error code that stands in the source as a text of its own."""
    found = set()
    for path in (ROOT / "cds_service").rglob("*.py"):
        found |= set(re.findall(r'"([A-Z]\d{3})"', path.read_text(encoding="utf-8")))
    return found


def test_every_error_code_is_documented():
    pages = [(ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("errors.md", "doctor.md")]
    documented = set(re.findall(r"^\| `([A-Z]\d{3})` \|", "\n".join(pages), re.MULTILINE))
    assert _raised_codes() - documented == set()


def test_the_error_list_reads_calls_tables_and_filled_in_texts(tmp_path):
    (tmp_path / "module.py").write_text(
        'CODES = {"A001": ("is wrong.", "Mend it."), "A002": "a short word"}\n'
        'fault(where, "A003", f"names {name!r}.", "Choose " "another.")\n'
    )
    assert set(_tool("error_list").entries(tmp_path)) >= {
        ("A001", "is wrong.", "Mend it."),
        ("A002", "a short word", ""),
        ("A003", "names \u2026.", "Choose another."),
    }
