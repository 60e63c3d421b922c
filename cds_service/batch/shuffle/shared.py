"""Resources that belong to no patient and may serve any: medications, found by reference, from the disk."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from cds_service.batch.rows import Place
from cds_service.batch.shuffle.spool import read_part

_NAMED: Final = re.compile(rb"Medication/([A-Za-z0-9.\-]{1,64})|urn:uuid:([0-9a-fA-F\-]{36})")
_MOST_ASKED: Final = 5_000


def names_in(texts: Iterable[bytes]) -> list[str]:
    """Return the ids of the shared resources that texts refer to, sorted, at most some thousand."""
    likely = (text for text in texts if b"Medication/" in text or b"urn:uuid:" in text)
    names = {match[1] or match[2] for text in likely for match in _NAMED.finditer(text)}
    return [name.decode() for name in sorted(names)[:_MOST_ASKED]]


class SharedResources:
    """Finds shared resources by what texts refer to."""

    def __init__(self, path: Path) -> None:
        """Open the file ``build`` made; without it nothing is found."""
        self._db = sqlite3.connect(f"file:{path}?mode=ro", uri=True) if path.exists() else None

    def named_in(self, texts: Iterable[bytes]) -> list[tuple[Place, bytes]]:
        """Return the shared resources that texts refer to, each version of each."""
        if self._db is None:
            return []
        rows: list[tuple[Place, bytes]] = []
        for name in names_in(texts):
            found = self._db.execute(
                "SELECT file, line, text FROM shared WHERE id = ? ORDER BY file, line, text", (name,)
            )
            rows += [(Place(file, line or None), text) for file, line, text in found]
        return rows


def build(path: Path, spools: Iterable[Path]) -> None:
    """Make the file from what the first phase found; a file that is there already is made anew."""
    aside = path.with_name(f"{path.name}.part")
    aside.unlink(missing_ok=True)
    db = sqlite3.connect(aside)
    try:
        db.execute("PRAGMA journal_mode = OFF")
        db.execute("CREATE TABLE shared (id TEXT, file TEXT, line INTEGER, text BLOB)")
        db.executemany(
            "INSERT INTO shared VALUES (?, ?, ?, ?)",
            ((name, place.file, place.line or 0, text) for name, place, text, _ in read_part(0, spools)),
        )
        db.execute("CREATE INDEX by_id ON shared (id)")
        db.commit()
    finally:
        db.close()
    aside.replace(path)
