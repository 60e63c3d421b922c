"""How rows enter tables where others may have entered them: left out, or in place of theirs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

_INSERTS = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def can_insert(dialect: str) -> bool:
    """Return whether a kind of database (as SQLAlchemy names it) is one the feedback can be kept in."""
    return dialect in _INSERTS


def insert_new(connection: Connection, table: Table, key: str) -> Any:
    """Return an insert that leaves out rows whose ``key`` is there already."""
    insert: Any = _INSERTS[connection.dialect.name]
    return insert(table).on_conflict_do_nothing(index_elements=[key])


def insert_or_renew(connection: Connection, table: Table, newer: str = "") -> Any:
    """Return an insert that takes the place of rows of the same primary key.

    With ``newer`` it leaves alone those that have more in that column.
    """
    insert: Any = _INSERTS[connection.dialect.name](table)
    keys = [column.name for column in table.primary_key]
    others = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
    where = table.c[newer] <= insert.excluded[newer] if newer else None
    return insert.on_conflict_do_update(index_elements=keys, set_=others, where=where)
