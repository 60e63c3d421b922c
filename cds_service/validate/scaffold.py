"""Write the two files of a new rule, with prompts, so that nobody starts from an empty page."""

from __future__ import annotations

import re
from pathlib import Path

from cds_service.content import read_document
from cds_service.errors import ContentError, Issue
from cds_service.schema import Schemas, nearest
from cds_service.validate.cases import case_folder

_ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_MAX_ID = 60


def new_rule(root: Path, group: str, rule_id: str) -> tuple[Path, Path]:
    """Write a draft rule and its case file from ``cards/templates/``; return both paths.

    Raises:
        ContentError: unknown group, an id that is taken or no id, or no place for case files (an
            installation without ``tests/``). Nothing is written then.
    """
    rules = root / "cards" / "rules"
    _check(root, rules, group, rule_id)
    paths = rules / group / f"{rule_id}.yaml", case_folder(root) / group / f"{rule_id}.yaml"
    for path in paths:
        if path.exists():
            raise _refused(
                f"cannot write {path.relative_to(root).as_posix()}: the file exists.", "Choose another id."
            )
    words = {"id": rule_id, "group": group, "category": _category(root, group), "date": _released(root)}
    for path, template in zip(paths, ("rule", "case"), strict=True):
        text = (root / "cards" / "templates" / f"{template}.yaml").read_text(encoding="utf-8")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(text, words), encoding="utf-8")
    return paths


def _check(root: Path, rules: Path, group: str, rule_id: str) -> None:
    groups = sorted(path.name for path in rules.iterdir() if path.is_dir()) if rules.is_dir() else []
    if group not in groups:
        raise _refused(
            f"there is no group {group!r}.", nearest(group, groups) or f"Groups: {', '.join(groups)}."
        )
    if not _ID.fullmatch(rule_id) or len(rule_id) > _MAX_ID:
        raise _refused(
            f"{rule_id!r} is no id.", "Write lower-case words joined by hyphens, at most 60 characters."
        )
    taken = next(iter(sorted(rules.glob(f"*/{rule_id}.yaml"))), None)
    if taken is not None:
        raise _refused(
            f"the id {rule_id!r} is taken by {taken.relative_to(root).as_posix()}.", "Choose another id."
        )
    if not case_folder(root).parent.is_dir():
        raise _refused("this installation has no place for case files.", "Work in a checkout of the project.")


def _category(root: Path, group: str) -> str:
    """Return the first category of the schema that the name of the group begins with."""
    schema = Schemas(root / "cards" / "schema")["rule"]
    choices = schema["properties"]["category"]["items"]["oneOf"]
    categories = [str(choice["const"]) for choice in choices]
    return next((category for category in categories if group.startswith(category)), categories[0])


def _released(root: Path) -> str:
    """Return the date of the knowledge: nothing below the command line reads a clock."""
    return str(read_document(root / "cards" / "version.yaml", root).data["released"])


def _filled(text: str, words: dict[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(f"@{word}@", value)
    return text


def _refused(what: str, remedy: str) -> ContentError:
    return ContentError(Issue("new-rule", "V150", what, remedy))
