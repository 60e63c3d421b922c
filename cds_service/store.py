"""Keep what clinicians answered to cards: the feedback table and nothing else.

A row is durable before it is acknowledged: SQLite runs with a write-ahead log and full
synchronisation, so a crash of process or machine loses nothing that was answered 200. The rows
hold no patient data: card, rule, outcome and coded reason only.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    DateTime,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import Issue, SettingsError

_METADATA = MetaData()

#: One row for each thing a clinician did with a card; appended, never changed.
FEEDBACK = Table(
    "feedback",
    _METADATA,
    Column("id", Integer, primary_key=True),
    Column("service", String(64), nullable=False),
    Column("card", String(64), nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("suggestion", String(64), nullable=False, server_default=""),
    Column("reason_system", String(255), nullable=False, server_default=""),
    Column("reason_code", String(64), nullable=False, server_default=""),
    Column("outcome_at", DateTime(timezone=True), nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
)

_SQLITE_PRAGMAS = ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON")


class FeedbackStore:
    """An open database of feedback; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def fault(self) -> str:
        """Return why the store cannot be read, or the empty text when it can."""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(FEEDBACK.c.id).limit(1)).first()
        except SQLAlchemyError as error:
            return f"the feedback store cannot be read ({_cause(error)})"
        return ""

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()


def open_store(url: str) -> FeedbackStore:
    """Open the database named by ``url`` and create the table where it is missing.

    Args:
        url: As SQLAlchemy names databases, ``sqlite:///feedback.sqlite3``.

    Raises:
        SettingsError: The name is wrong, its driver is absent or the database cannot be opened.
    """
    try:
        address = make_url(url)
        is_sqlite = address.get_backend_name() == "sqlite"
        if is_sqlite:
            _file_of(address).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(address, pool_pre_ping=not is_sqlite)
        if is_sqlite:
            event.listen(engine, "connect", _set_pragmas)
        _METADATA.create_all(engine)
    except (SQLAlchemyError, ImportError, OSError) as error:
        raise SettingsError(
            Issue(
                "settings",
                "S011",
                f"store_url cannot be opened ({_cause(error)}).",
                "Check path, rights, driver.",
            )
        ) from None
    return FeedbackStore(engine)


def _file_of(address: URL) -> Path:
    """Return the file of an SQLite database. Raises SettingsError for one in memory."""
    if address.database in (None, "", ":memory:"):
        raise SettingsError(
            Issue(
                "settings",
                "S012",
                "store_url is a database in memory.",
                "Name a file: feedback is kept for good.",
            )
        )
    return Path(str(address.database))


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _SQLITE_PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _cause(error: Exception) -> str:
    """Name the kind of a fault without its text, which may hold the address with a password."""
    origin = getattr(error, "orig", None) or error
    return type(origin).__name__
