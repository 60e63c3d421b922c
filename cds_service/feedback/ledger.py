"""Keep which cards were given and what was answered to them: once each, durable before it is acknowledged."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select
from sqlalchemy.exc import SQLAlchemyError

from cds_service.database.commits import Writer
from cds_service.database.inserts import insert_new
from cds_service.errors import Issue, StoreError
from cds_service.feedback.answered import forget_answered, keep_answered
from cds_service.feedback.items import Answer
from cds_service.feedback.rest import QuickAccess
from cds_service.feedback.tables import ANSWERS, GIVEN, kind_of

_DAY = 86_400
#: A card that was given is known for so long, and so many of them; feedback comes within days.
_KNOWN_SECONDS = 366 * _DAY
_MOST_GIVEN = 200_000
#: Old rows are looked for once in so many writings.
_TIDY_EVERY = 200
#: So many cards are looked up in one query: databases bound the number of parameters.
_AT_ONCE = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Given:
    """One card that was given.

    ``marks`` are keyed hashes of the findings it told, and how many seconds an answer to them counts;
    ``instance`` that of the call. ``given_at`` is in seconds UTC; 0 before it is given.
    """

    card: str
    service: str
    knowledge: str
    rules: tuple[str, ...]
    indicator: str
    instance: str = ""
    marks: Mapping[str, int] = field(default_factory=dict)
    given_at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a batch of answers: how many were new, and the cards nobody knows.

    ``kept`` are the new answers; ``cards`` the given cards they were about, each once, sorted by card.
    """

    new: int
    repeated: int
    unmatched: int
    kept: tuple[Answer, ...] = ()
    cards: tuple[Given, ...] = ()


class Ledger:
    """Given cards and answers in one database; safe to share between threads and processes.

    ``quick`` gives up soon: a card never waits for the book-keeping about it.
    """

    def __init__(self, writer: Writer, quick: QuickAccess) -> None:
        self._writer = writer
        self._quick = quick
        self._writings = 0

    def give(self, cards: Sequence[Given], *, now: int) -> bool:
        """Remember cards given at ``now`` (seconds UTC); return whether it could be written."""
        rows = sorted((_given_row(card, now) for card in cards), key=lambda row: str(row["card"]))
        if not rows:
            return True
        try:
            with self._quick.write(now) as connection:
                connection.execute(insert_new(connection, GIVEN, "card"), rows)
                self._tidy(connection, now)
        except SQLAlchemyError:
            return False
        return True

    def record(
        self,
        service: str,
        answers: Sequence[Answer],
        *,
        received: datetime,
        keep_comments: bool = False,
        answerer: str = "",
    ) -> Receipt:
        """Append the answers that were not kept before, all or none; when this returns they are durable.

        They quiet findings for calls of the same ``answerer`` only (empty: nobody was asked who they are).

        Raises:
            StoreError: They could not be written; none of them was.
        """
        said = {row["key"]: (row, a) for a in answers for row in [_answer_row(service, a, keep_comments)]}
        rows = {key: row for key, (row, _) in said.items()}
        if not rows:
            return Receipt(0, 0, 0)
        try:
            with self._writer.begin() as connection:
                known = _cards(connection, {row["card"] for row in rows.values()})
                for row in rows.values():
                    row.update(_of_card(known.get(row["card"])), received_at=_micros(received))
                new = _append(connection, list(rows.values()))
                about = [(said[row["key"]][1], known.get(row["card"])) for row in new]
                keep_answered(
                    connection,
                    [
                        (answer, card)
                        for answer, card in about
                        if card is not None and card.service == service
                    ],
                    int(received.timestamp()),
                    answerer,
                )
        except SQLAlchemyError as error:
            raise cannot_keep(error) from None
        unmatched = sum(row["card"] not in known for row in rows.values())
        fresh = sorted({row["card"] for row in new} & set(known))
        kept = tuple(said[row["key"]][1] for row in new)
        cards = tuple(known[card] for card in fresh)
        return Receipt(len(new), len(answers) - len(new), unmatched, kept, cards)

    def answers(self) -> list[dict[str, Any]]:
        """Return every answer, the oldest first, as a row of plain values. Raises StoreError."""
        return [
            _shown(row) for row in self._rows(select(ANSWERS).order_by(ANSWERS.c.outcome_at, ANSWERS.c.id))
        ]

    def given(self) -> list[Given]:
        """Return every card that is still known, sorted by its uuid. Raises StoreError."""
        return [_as_given(row) for row in self._rows(select(GIVEN).order_by(GIVEN.c.card))]

    def _rows(self, query: Any) -> list[Any]:
        try:
            with self._writer.engine.connect() as connection:
                return list(connection.execute(query))
        except SQLAlchemyError as error:
            raise cannot_keep(error) from None

    def _tidy(self, connection: Connection, now: int) -> None:
        """Forget, now and then, cards that are old and the oldest of too many."""
        self._writings += 1
        if self._writings % _TIDY_EVERY != 1:
            return
        forget_answered(connection, now)
        connection.execute(delete(GIVEN).where(GIVEN.c.given_at < now - _KNOWN_SECONDS))
        surplus = (connection.scalar(select(func.count()).select_from(GIVEN)) or 0) - _MOST_GIVEN
        if surplus > 0:
            oldest = select(GIVEN.c.card).order_by(GIVEN.c.given_at, GIVEN.c.card).limit(surplus)
            connection.execute(delete(GIVEN).where(GIVEN.c.card.in_(oldest)))


def _append(connection: Connection, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Insert rows one by one, for the database tells of each whether it was new; return those that were.

    Whoever writes at the same time goes through them in the same order: nobody waits in a circle.
    """
    statement = insert_new(connection, ANSWERS, "key").returning(ANSWERS.c.key)
    ordered = sorted(rows, key=lambda row: (row["outcome_at"], row["card"], row["key"]))
    new = {row["key"] for row in ordered if connection.execute(statement.values(row)).first() is not None}
    return [row for row in rows if row["key"] in new]


def _cards(connection: Connection, cards: Iterable[str]) -> dict[str, Given]:
    wanted = sorted(cards)
    known: dict[str, Given] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        query = select(GIVEN).where(GIVEN.c.card.in_(wanted[start : start + _AT_ONCE]))
        known.update((row.card, _as_given(row)) for row in connection.execute(query))
    return known


def _given_row(card: Given, now: int) -> dict[str, Any]:
    return {
        "card": card.card,
        "service": card.service,
        "knowledge": card.knowledge,
        "rules": " ".join(card.rules),
        "indicator": card.indicator,
        "instance": card.instance,
        "marks": json.dumps(dict(card.marks), sort_keys=True),
        "given_at": now,
    }


def _as_given(row: Any) -> Given:
    return Given(
        row.card,
        row.service,
        row.knowledge,
        tuple(row.rules.split()),
        row.indicator,
        row.instance,
        json.loads(row.marks),
        row.given_at,
    )


def _of_card(card: Given | None) -> dict[str, str]:
    if card is None:
        return {"rules": "", "indicator": "", "knowledge": ""}
    return {"rules": " ".join(card.rules), "indicator": card.indicator, "knowledge": card.knowledge}


def _answer_row(service: str, answer: Answer, keep_comments: bool) -> dict[str, Any]:
    row: dict[str, Any] = {
        "service": service,
        "card": answer.card,
        "outcome": answer.outcome,
        "suggestions": " ".join(answer.suggestions),
        "reason_system": answer.reason_system,
        "reason_code": answer.reason_code,
        "commented": bool(answer.comment),
        "comment": answer.comment if keep_comments else "",
        "outcome_at": _micros(answer.at),
    }
    # only what the row itself shows is hashed, so that the hash of an answer tells nothing beyond it
    said = json.dumps(row, sort_keys=True)
    return {"key": hashlib.sha256(said.encode()).hexdigest(), **row}


def _micros(instant: datetime) -> int:
    return (instant - _EPOCH) // timedelta(microseconds=1)


def _shown(row: Any) -> dict[str, Any]:
    """Return an answer as it is exported."""
    return {
        "card": row.card,
        "service": row.service,
        "rules": row.rules.split(),
        "indicator": row.indicator,
        "knowledgeVersion": row.knowledge,
        "outcome": row.outcome,
        "acceptedSuggestions": row.suggestions.split(),
        "reasonSystem": row.reason_system,
        "reasonCode": row.reason_code,
        "commented": row.commented,
        "comment": row.comment,
        "outcomeTimestamp": _text(row.outcome_at),
        "receivedAt": _text(row.received_at),
    }


def _text(micros: int) -> str:
    return (_EPOCH + timedelta(microseconds=micros)).isoformat(timespec="microseconds").replace("+00:00", "Z")


def cannot_keep(error: SQLAlchemyError) -> StoreError:
    """Return the fault by its kind only: the text of a database holds what was to be written."""
    kind = kind_of(error)
    issue = Issue(
        "feedback",
        "W507",
        f"The feedback store cannot be used ({kind}); nothing was kept.",
        "Send it again later.",
    )
    return StoreError(issue)
