"""Renew what documents show of the product: the output of commands, settings, findings of the doctor.

A ``sh`` block of one ``twitch-cds`` command that is followed by a ``text`` block gets the output of
today. ``tests/test_docs.py`` finds the blocks that are out of date.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from cds_service.doctor import catalogue_page
from cds_service.settings import settings_table

ROOT = Path(__file__).resolve().parents[1]
WIDTH = "110"
_TELLS_A_FAULT = "# exit code 1"
_SHOWN = re.compile(
    r"(```sh\n(?P<command>[^\n]*twitch-cds [^\n]*)\n```\n\n?```text\n).*?(?=^```$)", re.DOTALL | re.MULTILINE
)
_SETTINGS = re.compile(r"(<!-- settings -->\n).*?(?=<!-- /settings -->)", re.DOTALL)


def output_of(command: str) -> str:
    """Return what a documented command prints.

    Raises CalledProcessError when it ends with another exit code than its comment tells (none: 0).
    """
    words = shlex.split(command, comments=True)[1:]
    done = subprocess.run(
        [sys.executable, "-m", "cds_service", *words],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": WIDTH},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != int(command.endswith(_TELLS_A_FAULT)):
        raise subprocess.CalledProcessError(done.returncode, command, done.stdout, done.stderr)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def settings_rows() -> str:
    """Return the table of settings as Markdown."""
    rows = ["| setting | variable | default | meaning |", "|---|---|---|---|"]
    for name, variable, default, meaning in settings_table():
        rows.append(f"| `{name}` | `{variable}` | {f'`{default}`' if default else 'empty'} | {meaning} |")
    return "".join(f"{row}\n" for row in rows)


def renewed(text: str) -> str:
    """Return a document with all its shown parts of today."""
    text = _SHOWN.sub(lambda found: found.group(1) + output_of(found.group("command")), text)
    return _SETTINGS.sub(lambda found: found.group(1) + settings_rows(), text)


def documents() -> list[Path]:
    """Return every document of the project."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> int:
    """Renew every document."""
    (ROOT / "docs" / "doctor.md").write_text(catalogue_page(), encoding="utf-8")
    for path in documents():
        text = path.read_text(encoding="utf-8")
        path.write_text(renewed(text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
