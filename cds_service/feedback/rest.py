"""Leave a database alone for a moment after it failed: a card does not wait for what only helps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from cds_service.database.commits import Busy, Writer

_REST_SECONDS = 2


class Resting(SQLAlchemyError):
    """The database failed a moment ago and was not asked."""


class QuickAccess:
    """Connections to a database that are given up soon; what fails here is forgotten, never waited for.

    A database that failed is asked again after two seconds. Safe to share between threads.
    """

    def __init__(self, writer: Writer) -> None:
        """Take a writer whose waits are short."""
        self.engine = writer.engine
        self._writer = writer
        self._until = 0

    @contextmanager
    def read(self, now: int) -> Iterator[Connection]:
        """Yield a connection to read from; as ``write`` otherwise."""
        with self._unless_resting(now), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, now: int) -> Iterator[Connection]:
        """Yield a connection in a transaction of its own; ``now`` is in seconds UTC.

        Raises:
            SQLAlchemyError: The database does not answer, or failed a moment ago.
        """
        with self._unless_resting(now), self._writer.begin() as connection:
            yield connection

    @contextmanager
    def _unless_resting(self, now: int) -> Iterator[None]:
        if 0 < self._until - now <= _REST_SECONDS:  # a clock that was set back ends the rest
            raise Resting("failed a moment ago")
        try:
            yield
        except Busy:
            raise  # it answers well: the others' writing is what took long
        except SQLAlchemyError:
            self._until = now + _REST_SECONDS
            raise
