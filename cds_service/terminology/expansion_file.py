"""The file of expanded value sets: written once by a command, read at every start, never refreshed alone."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from cds_service.errors import Issue
from cds_service.terminology.expansion import ASKED, MOST_CODES, Expanded, SetRoots, sets_to_expand
from cds_service.terminology.extend import Additions
from cds_service.terminology.store import Terminology

FORMAT = 1
_MAX_BYTES = 100_000_000


def write_expansions(path: Path, server: str, moment: str, expanded: Iterable[Expanded]) -> None:
    """Write what a server said; the file appears whole or not at all.

    Args:
        path: The file.
        server: Address of the server, without anything secret.
        moment: When it was asked, ISO 8601 with zone.
        expanded: Its answers.
    """
    rows = [
        {
            "kind": item.asked.kind,
            "name": item.asked.name,
            "system": item.asked.system,
            "roots": list(item.asked.roots),
            "codes": list(item.codes),
            "versions": list(item.versions),
        }
        for item in sorted(expanded, key=lambda item: item.asked)
    ]
    whole = {"format": FORMAT, "server": server, "expanded": moment, "sets": rows}
    draft = path.with_name(path.name + ".part")
    draft.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
    draft.replace(path)


def add_expansions(
    path: Path, terminology: Terminology, more: Additions
) -> tuple[int, list[Issue], list[Issue]]:
    """Add expanded codes; return how many, what of the file is not used, and the faults of the file.

    A value set whose own codes have changed since it was expanded is not used: it may mean something else.
    """
    data = _read(path)
    if data is None:
        fault = Issue(path.name, "T065", "is no file of expansions.", "Write it with terminology expand.")
        return 0, [], [fault]
    notices: list[Issue] = [
        Issue(
            path.name, "T066", f"was expanded on {data['expanded']} by {data['server']}.", "Renew it in time."
        )
    ]
    current = {(s.kind, s.name, s.system): s for s in sets_to_expand(terminology)}
    added = 0
    for row in data["sets"]:
        asked = current.get((row["kind"], row["name"], row["system"]))
        if asked is None or list(asked.roots) != row["roots"]:
            notices.append(
                Issue(
                    f"{path.name}: {row['kind']}/{row['name']}",
                    "T067",
                    "is not used: the value set has other codes by now.",
                    "Expand again: twitch-cds terminology expand.",
                )
            )
            continue
        added += _add(asked, row["codes"], terminology, more)
    return added, notices, []


def _add(asked: SetRoots, codes: list[str], terminology: Terminology, more: Additions) -> int:
    names = terminology.set_parents[asked.kind].get(asked.name, (asked.name,))
    home = more.sets.setdefault(asked.kind, {})
    new = 0
    for code in codes:
        known = terminology.names_for(asked.kind, asked.system, code)
        if set(names) <= set(known):
            continue
        key = (asked.system, code)
        new += key not in home and not known
        home[key] = tuple(sorted({*home.get(key, ()), *names}))
    return new


def _read(path: Path) -> dict[str, Any] | None:
    """Return the content of the file when it has the form ``write_expansions`` gives it, else None."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        data = json.loads(path.read_bytes())
        is_fine = data["format"] == FORMAT and all(
            isinstance(data[key], str) for key in ("server", "expanded")
        )
        return data if is_fine and all(map(_is_row, data["sets"])) else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _is_row(row: Any) -> bool:
    texts = all(isinstance(row[key], str) for key in ("kind", "name", "system"))
    lists = all(
        isinstance(row[key], list)
        and len(row[key]) <= MOST_CODES
        and all(isinstance(v, str) for v in row[key])
        for key in ("roots", "codes")
    )
    return texts and lists and row["system"] in ASKED
