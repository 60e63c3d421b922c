"""Vendored files are the ones their list names, letter by letter, each library with its licence."""

import hashlib
import re
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]
_FOLDERS = {
    "page": _ROOT / "cds_service/web/sandbox/static/vendor",
    "tests": Path(__file__).parent / "vendor",
}


@pytest.mark.parametrize("folder", _FOLDERS.values(), ids=_FOLDERS)
def test_every_file_has_the_sum_that_is_written_down(folder: Path) -> None:
    rows = re.findall(
        r"^\| (\S+) \| `([0-9a-f]{64})` \|$", (folder / "README.md").read_text("utf-8"), re.MULTILINE
    )
    found = {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path != folder / "README.md"
    }
    assert found == dict(rows)


@pytest.mark.parametrize("folder", _FOLDERS.values(), ids=_FOLDERS)
def test_every_library_comes_with_its_licence_and_stands_in_notice(folder: Path) -> None:
    notice = (_ROOT / "NOTICE").read_text("utf-8").lower()
    libraries = [path.name for path in folder.iterdir() if path.is_dir()]
    assert libraries
    for name in libraries:
        assert (folder / name / "LICENSE").is_file()
        assert name in notice
