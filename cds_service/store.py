"""Keep what clinicians answered to cards, and for a while which cautions they were shown.

An answer is durable before it is acknowledged: SQLite runs with a write-ahead log and full
synchronization, so a crash of process or machine loses nothing that was answered 200. The rows
hold no patient data: of feedback card, rules, outcome and coded reason only (``cds_service.feedback``); of
what was shown a keyed hash, whose key is never stored.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    create_engine,
    delete,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    DisconnectionError,
    IntegrityError,
    OperationalError,
    ProgrammingError,
    SQLAlchemyError,
)
from sqlalchemy.schema import CreateIndex, CreateTable

from cds_service.auth.replay import UsedTokens, used_token_table
from cds_service.database.commits import Writer
from cds_service.database.inserts import can_insert, insert_or_renew
from cds_service.errors import Issue, SettingsError
from cds_service.feedback import ANSWERS, METADATA, AnsweredFindings, Ledger, QuickAccess, keyed, kind_of
from cds_service.feedback.answered import CLOCK_SKEW_SECONDS
from cds_service.feedback.ledger import cannot_keep
from cds_service.feedback.tables import ANSWERED

_METADATA = MetaData()

#: One row for each caution that was shown, as a keyed hash; times in seconds since 1970 UTC. ``instance``
#: is the keyed hash of the call that showed it: the same call, sent again, gets the same answer.
SHOWN = Table(
    "shown_cautions",
    _METADATA,
    Column("mark", String(64), primary_key=True),
    Column("instance", String(64), nullable=False),
    Column("shown_at", BigInteger, nullable=False, index=True),
    Column("kept_until", BigInteger, nullable=False, index=True),
)

#: One row for each token that was used, while it could be used again.
USED_TOKENS = used_token_table(_METADATA)

#: So many cautions are remembered; the oldest are forgotten first, and are then told again.
_MOST_SHOWN = 100_000
#: Key of a process for which the settings name none: what it remembers no other process knows.
_OWN_KEY = secrets.token_hex(32)

#: Milliseconds to wait for a database that another process holds: an answer is worth a wait, a card is not
#: held up for the book-keeping about it. What is only remembered may be lost when the machine loses power.
_PATIENT_MS = 5_000
_QUICK_MS = 250
_TRIES = 10
_DURABLE = "FULL"
_RELAXED = "NORMAL"
#: Seconds to wait for a connection to a database server.
_CONNECT_SECONDS = 3
#: How an SQLite database begins (sqlite.org, "Database File Format").
_SQLITE_HEAD = b"SQLite format 3\x00"


class FeedbackStore:
    """An open database of feedback; safe to share between threads."""

    def __init__(self, engine: Engine, quick: Engine) -> None:
        """Keep the engine of what must last, and that of what only helps and must not wait."""
        lock = threading.Lock() if engine.dialect.name == "sqlite" else None
        self._engine = engine
        self._writer = Writer(engine, lock, _PATIENT_MS / 1000)
        self._quick = QuickAccess(Writer(quick, lock, _QUICK_MS / 1000))
        #: Given cards and what was answered to them.
        self.ledger = Ledger(self._writer, self._quick)

    def fault(self) -> str:
        """Return why the store cannot be read, or the empty text when it can."""
        try:
            with self._engine.connect() as connection:
                connection.execute(select(ANSWERS.c.id).limit(1)).first()
        except SQLAlchemyError as error:
            return f"the feedback store cannot be read ({kind_of(error)})"
        return ""

    def forget(self) -> None:
        """Forget what was shown and answered to whom: all is told again. The ledger keeps every answer.

        Raises:
            StoreError: It could not be written; nothing is forgotten.
        """
        try:
            with self._writer.begin() as connection:
                for table in (SHOWN, ANSWERED):
                    connection.execute(delete(table))
        except SQLAlchemyError as error:
            raise cannot_keep(error) from None

    def close(self) -> None:
        """Give back every connection."""
        self._engine.dispose()
        self._quick.engine.dispose()

    def shown(self, key: str = "", most: int = _MOST_SHOWN) -> ShownCards:
        """Return the memory of shown cautions in this database.

        Processes of the same ``key`` remember together; without one this process remembers alone.
        ``most`` bounds how many rows there may be.
        """
        return ShownCards(self._quick, key or _OWN_KEY, most)

    def answered(self, key: str = "") -> AnsweredFindings:
        """Return the memory of answered findings in this database; ``key`` as in ``shown``."""
        return AnsweredFindings(self._quick, key or _OWN_KEY)

    def used_tokens(self) -> UsedTokens:
        """Return the memory of used tokens in this database; durable like an answer."""
        return UsedTokens(self._writer, USED_TOKENS)


class ShownCards:
    """Which cautions were shown to whom; safe to share between threads and, by its key, processes.

    ``scope`` names whom a caution was shown to and about (user and patient, or the patient alone); it
    enters the hash only.
    A memory that cannot be written says so; one that cannot be read raises. Then a caution is told again.
    """

    def __init__(self, quick: QuickAccess, key: str, most: int) -> None:
        self._quick = quick
        self._key = key.encode()
        self._most = most

    def recall(self, scope: str, marks: Mapping[str, int], *, now: int, instance: str = "") -> frozenset[str]:
        """Return which of ``marks`` were kept for this scope by another call.

        Each mark names for how many seconds before ``now`` (seconds UTC) it counts.

        Raises:
            SQLAlchemyError: The database does not answer, or failed a moment ago.
        """
        hashed = {self._hash(scope, mark): mark for mark in marks}
        query = select(SHOWN.c.mark, SHOWN.c.shown_at).where(
            SHOWN.c.mark.in_(sorted(hashed)), SHOWN.c.instance != self._hash("call", instance)
        )
        with self._quick.read(now) as connection:
            rows = connection.execute(query).all()
        found = ((hashed[row.mark], row.shown_at) for row in rows)
        latest = now + CLOCK_SKEW_SECONDS
        return frozenset(mark for mark, shown_at in found if now - marks[mark] <= shown_at <= latest)

    def keep(self, scope: str, marks: Mapping[str, int], *, now: int, instance: str = "") -> bool:
        """Remember each of ``marks`` for its number of seconds; forget what is over or too much.

        Return whether it could be written.
        """
        call = self._hash("call", instance)
        hashed = sorted((self._hash(scope, mark), seconds) for mark, seconds in marks.items())
        rows = [
            {"mark": mark, "instance": call, "shown_at": now, "kept_until": now + seconds}
            for mark, seconds in hashed
        ]
        try:
            with self._quick.write(now) as connection:
                if rows:
                    connection.execute(insert_or_renew(connection, SHOWN), rows)
            with self._quick.write(now) as connection:
                self._tidy(connection, now)
        except SQLAlchemyError:
            return False
        return True

    def _tidy(self, connection: Connection, now: int) -> None:
        """Forget what is over, and the oldest rows beyond the bound."""
        connection.execute(delete(SHOWN).where(SHOWN.c.kept_until < now))
        surplus = (connection.scalar(select(func.count()).select_from(SHOWN)) or 0) - self._most
        if surplus > 0:
            oldest = select(SHOWN.c.mark).order_by(SHOWN.c.shown_at, SHOWN.c.mark).limit(surplus)
            connection.execute(delete(SHOWN).where(SHOWN.c.mark.in_(oldest)))

    def _hash(self, scope: str, mark: str) -> str:
        return keyed(self._key, scope, mark)


def open_store(url: str) -> FeedbackStore:
    """Open the database named by ``url`` and create the tables where they are missing.

    Args:
        url: As SQLAlchemy names databases, ``sqlite:///feedback.sqlite3``.

    Raises:
        SettingsError: The name is wrong, its driver is absent or the database cannot be opened.
    """
    try:
        address = make_url(url)
        engine = _engine(address, _PATIENT_MS, _DURABLE)
        quick = _engine(address, _QUICK_MS, _RELAXED)
        for metadata in (_METADATA, METADATA):
            _make_tables(metadata, engine)
    except ImportError:
        raise _no_driver() from None
    except (SQLAlchemyError, OSError) as error:
        raise _cannot_be_opened(kind_of(error)) from None
    return FeedbackStore(engine, quick)


def _make_tables(metadata: MetaData, engine: Engine) -> None:
    """Create the tables that are missing; workers that start together may all find them missing.

    "If it does not exist" is no lock: of two who create a table at once, one fails, in SQLite and in
    PostgreSQL. It looks again then. Raises SQLAlchemyError.
    """
    for _ in range(_TRIES):
        try:
            metadata.create_all(engine)
        except (IntegrityError, ProgrammingError, OperationalError):
            if not any(inspect(engine).has_table(name) for name in metadata.tables):
                raise
        else:
            return
    metadata.create_all(engine)


def is_there(url: str) -> bool:
    """Whether a database could be read: a file of SQLite exists; of a server that cannot be told, so yes."""
    try:
        address = make_url(url)
        return address.get_backend_name() != "sqlite" or _file_of(address).exists()
    except SQLAlchemyError:
        return True  # opening it says what is wrong with the name


def check_store(url: str) -> None:
    """Check that ``open_store`` could open a database, as far as that can be told without opening it.

    Nothing is made and no server is asked.

    Raises:
        SettingsError: The name is wrong, its driver is absent, or its file cannot be written.
    """
    try:
        address = make_url(url)
        if address.get_backend_name() != "sqlite":
            _engine(address, _PATIENT_MS, _DURABLE).dispose()
            return
        why = _file_fault(_file_of(address))
    except ImportError:
        raise _no_driver() from None
    except (SQLAlchemyError, OSError) as error:
        why = kind_of(error)
    if why:
        raise _cannot_be_opened(why)


def _no_driver() -> SettingsError:
    what = "store_url names a database whose driver is not installed."
    return SettingsError(Issue("settings", "S011", what, "For PostgreSQL: pip install '.[postgres]'."))


def _cannot_be_opened(why: str) -> SettingsError:
    what = f"store_url cannot be opened ({why})."
    remedy = (
        "A file: its folder must be there and may be written. A server: it must answer at that address "
        "and know user, password and database."
    )
    return SettingsError(Issue("settings", "S011", what, remedy))


def _file_fault(path: Path) -> str:
    """Return why a file cannot hold a database; empty where nothing speaks against it."""
    if path.exists():
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
        if head not in (b"", _SQLITE_HEAD):
            return "the file is no SQLite database"
    folder = next(place for place in path.absolute().parents if place.exists())
    if not folder.is_dir():
        return f"{folder.name} is no folder"
    places = [folder, path] if path.exists() else [folder]
    return "" if all(os.access(place, os.W_OK) for place in places) else "no right to write"


def _engine(address: URL, wait_ms: int, synchronous: str) -> Engine:
    """Return an engine that waits ``wait_ms`` for a database another process holds."""
    if address.get_backend_name() != "sqlite":
        engine = create_engine(
            address,
            pool_pre_ping=True,
            pool_timeout=_CONNECT_SECONDS,
            connect_args=_patience(address, wait_ms),
        )
        if not can_insert(engine.dialect.name):
            what = "store_url names a kind of database the feedback cannot be kept in."
            raise SettingsError(Issue("settings", "S014", what, "Use sqlite or postgresql."))
        return engine
    path = _file_of(address)
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(address, pool_timeout=_CONNECT_SECONDS)
    pragmas = ("journal_mode=WAL", f"synchronous={synchronous}", "foreign_keys=ON")
    statements = [f"PRAGMA {text}" for text in (f"busy_timeout={wait_ms}", *pragmas)]
    event.listen(engine, "connect", _preparer(path, [*statements, *_definitions(engine)]))
    event.listen(engine, "checkout", _file_check(path))
    return engine


def _patience(address: URL, wait_ms: int) -> dict[str, Any]:
    """Return how long a database server may take: to connect, for a statement, to be silent."""
    if address.get_backend_name() != "postgresql":
        return {}
    return {
        "connect_timeout": _CONNECT_SECONDS,
        "options": f"-c statement_timeout={wait_ms}",
        "tcp_user_timeout": max(wait_ms, 1_000),
    }


def _definitions(engine: Engine) -> list[str]:
    """Return the statements that make what is missing of the tables."""
    tables = [table for metadata in (_METADATA, METADATA) for table in metadata.sorted_tables]
    made: list[Any] = [CreateTable(table, if_not_exists=True) for table in tables]
    indexes = sorted((i for table in tables for i in table.indexes), key=lambda index: str(index.name))
    made += [CreateIndex(index, if_not_exists=True) for index in indexes]
    return [str(statement.compile(dialect=engine.dialect)) for statement in made]


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


def _preparer(path: Path, statements: Sequence[str]) -> Callable[[Any, Any], None]:
    """Return what makes a new connection ready, in a new file too, and notes which file it has."""

    def prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        for statement in statements:
            cursor.execute(statement)
        cursor.close()
        record.info["file"] = _identity(path)

    return prepare


def _file_check(path: Path) -> Callable[[Any, Any, Any], None]:
    """Return what refuses a connection whose file is gone: what is written there, nobody finds again."""

    def check(_connection: Any, record: Any, _proxy: Any) -> None:
        if record.info.get("file") != _identity(path):
            raise DisconnectionError("the file of the store was replaced")

    return check


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
