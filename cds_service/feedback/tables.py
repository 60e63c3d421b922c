"""The tables of feedback: which cards were given, and what was answered to them."""

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
