"""Remember which tokens were used, so that each is taken once: by all workers, across restarts.

A row is a hash of issuer and ``jti`` with the time until which it matters. Only tokens with a
verified signature come here, and none lives longer than an hour: that bounds the table.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from sqlalchemy import BigInteger, Column, MetaData, String, Table, delete
from sqlalchemy.exc import SQLAlchemyError

from cds_service.database.commits import Together, Writer
from cds_service.database.inserts import insert_new
from cds_service.errors import Issue, StoreError

#: Seconds between two sweeps of one process.
_SWEEP_SECONDS = 60


def used_token_table(metadata: MetaData) -> Table:
    """Return the table of used tokens, as part of a database's description."""
    return Table(
        "used_tokens",
        metadata,
        Column("mark", String(64), primary_key=True),
        Column("kept_until", BigInteger, nullable=False, index=True),
    )


class UsedTokens:
    """The used tokens in a database; safe to share between threads and processes."""

    def __init__(self, writer: Writer, table: Table) -> None:
        self._writer = writer
        self._table = table
        self._insert = Together(self._inserted)
        self._swept = 0

    def spend(self, issuer: str, token_id: str, kept_until: int, now: int) -> bool:
        """Return whether this is the first use of a token; the database alone decides who is first.

        Args:
            issuer: Claim ``iss``.
            token_id: Claim ``jti``.
            kept_until: Until when the token could be used again, seconds UTC.
            now: Seconds UTC.

        Raises:
            StoreError: The database does not answer.
        """
        mark = hashlib.sha256(json.dumps([issuer, token_id]).encode()).hexdigest()
        try:
            self._sweep(now)
            return self._insert((mark, kept_until))
        except SQLAlchemyError as error:
            raise _cannot_tell(error) from None

    def _inserted(self, rows: Sequence[tuple[str, int]]) -> list[bool]:
        """Insert rows in one commit; return of each whether it is the first of its mark."""
        with self._writer.begin() as connection:
            statement = insert_new(connection, self._table, "mark").returning(self._table.c.mark)
            return [
                connection.execute(statement, {"mark": mark, "kept_until": until}).first() is not None
                for mark, until in rows
            ]

    def _sweep(self, now: int) -> None:
        """Forget, now and then, what can no longer be used."""
        if 0 <= now - self._swept < _SWEEP_SECONDS:
            return
        self._swept = now
        with self._writer.begin() as connection:
            connection.execute(delete(self._table).where(self._table.c.kept_until < now))


def _cannot_tell(error: SQLAlchemyError) -> StoreError:
    """Say that the database failed; by the kind of fault only, its text may hold the address."""
    what = f"Whether a token was used before cannot be told ({type(error).__name__}); nothing was assessed."
    return StoreError(Issue("store", "W508", what, "Send the call again with a new token."))
