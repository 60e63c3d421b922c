"""The tables of feedback: which cards were given, what was answered to them."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Integer, MetaData, String, Table, Text

METADATA = MetaData()

#: One row for each card that was given; times in seconds since 1970 UTC. ``rules`` are rule ids separated
#: by blanks, the leading one first; ``marks`` is a JSON object of keyed hashes and the seconds they count.
GIVEN = Table(
    "cards_given",
    METADATA,
    Column("card", String(36), primary_key=True),
    Column("service", String(64), nullable=False),
    Column("knowledge", String(64), nullable=False),
    Column("rules", Text, nullable=False),
    Column("indicator", String(16), nullable=False),
    Column("instance", String(64), nullable=False),
    Column("marks", Text, nullable=False),
    Column("given_at", BigInteger, nullable=False, index=True),
)

#: One row for each thing a clinician did with a card; appended, never changed. ``key`` is the hash of
#: what was said, by which the same thing said again is known. ``outcome_at`` and ``received_at`` are
#: microseconds since 1970 UTC: an order that does not depend on how a database stores times. ``rules``,
#: ``indicator`` and ``knowledge`` are those of the card, empty where the card is not known (any more).
ANSWERS = Table(
    "card_answers",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("key", String(64), nullable=False, unique=True),
    Column("service", String(64), nullable=False),
    Column("card", String(36), nullable=False, index=True),
    Column("outcome", String(16), nullable=False),
    Column("suggestions", Text, nullable=False),
    Column("reason_system", Text, nullable=False),
    Column("reason_code", Text, nullable=False),
    Column("commented", Boolean, nullable=False),
    Column("comment", Text, nullable=False),
    Column("outcome_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("rules", Text, nullable=False),
    Column("indicator", String(16), nullable=False),
    Column("knowledge", String(64), nullable=False),
)

#: One row for each finding that was answered, by its keyed hash; times in seconds since 1970 UTC.
#: ``instance`` is that of the call whose card it was, ``accepted`` whether that was said last.
ANSWERED = Table(
    "answered_findings",
    METADATA,
    Column("mark", String(64), primary_key=True),
    Column("instance", String(64), nullable=False),
    Column("shown_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger, nullable=False, index=True),
    Column("accepted", Boolean, nullable=False),
    Column("kept_until", BigInteger, nullable=False, index=True),
)


def kind_of(error: Exception) -> str:
    """Name the kind of a fault without its text, which may hold an address, a password or what was written.

    SQLite and PostgreSQL name it more closely: ``SQLITE_FULL``, ``DeadlockDetected``.
    """
    origin = getattr(error, "orig", None) or error
    return str(getattr(origin, "sqlite_errorname", "")) or type(origin).__name__
