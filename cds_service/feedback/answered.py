"""Keep which findings were answered, as keyed hashes: an answer counts for a while, whoever asks (7.5)."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, func, select

from cds_service.database.inserts import insert_or_renew
from cds_service.feedback.items import ACCEPTED, Answer
from cds_service.feedback.rest import QuickAccess
from cds_service.feedback.tables import ANSWERED

#: So many are remembered; the oldest are forgotten first, and are then told again.
_MOST = 100_000
_AT_ONCE = 500
#: How much later than ours the clock of another machine may be; what is said of a later time is not believed.
CLOCK_SKEW_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to a finding: when it was shown and answered (seconds UTC), whether it was accepted."""

    shown_at: int
    answered_at: int
    accepted: bool


def keyed(key: bytes, scope: str, mark: str) -> str:
    """Return the hash of a mark, from which nobody without the key learns whom or what it is about."""
    return hmac.new(key, f"{scope}\0{mark}".encode(), hashlib.sha256).hexdigest()


def said_by(answerer: str, mark: str) -> str:
    """Return a hashed mark as it is kept when ``answerer`` answers (empty: nobody was asked who they are).

    Who learns the uuid of another's card can answer it, but to no effect on what that other is told.
    """
    return hashlib.sha256(f"{answerer}\0{mark}".encode()).hexdigest() if answerer else mark


class AnsweredFindings:
    """What was answered to findings; safe to share between threads and, by its key, processes.

    A memory that cannot be read raises: then a finding has its card again, and the operator is told.
    """

    def __init__(self, quick: QuickAccess, key: str) -> None:
        self._quick = quick
        self._key = key.encode()

    def marks(self, scope: str, texts: Mapping[str, int]) -> dict[str, int]:
        """Return the hashes of what a card tells about a patient, as ``Given.marks`` keeps them."""
        return {keyed(self._key, scope, text): seconds for text, seconds in sorted(texts.items())}

    def instance(self, hook_instance: str) -> str:
        """Return the hash of a call."""
        return keyed(self._key, "call", hook_instance)

    def recall(
        self, scope: str, texts: Iterable[str], *, now: int, instance: str, answerer: str = ""
    ) -> dict[str, Said]:
        """Return what ``answerer`` said to these marks in this scope, but for cards of this very call.

        ``scope`` names the patient; it enters the hash only. ``now`` is in seconds UTC.

        Raises:
            SQLAlchemyError: The database does not answer, or failed a moment ago.
        """
        hashed = {said_by(answerer, keyed(self._key, scope, text)): text for text in texts}
        names = sorted(hashed)
        found: dict[str, Said] = {}
        with self._quick.read(now) as connection:
            for start in range(0, len(names), _AT_ONCE):
                query = select(ANSWERED).where(
                    ANSWERED.c.mark.in_(names[start : start + _AT_ONCE]),
                    ANSWERED.c.instance != self.instance(instance),
                    ANSWERED.c.answered_at <= now + CLOCK_SKEW_SECONDS,
                )
                for row in connection.execute(query):
                    found[hashed[row.mark]] = Said(row.shown_at, row.answered_at, row.accepted)
        return found


def keep_answered(
    connection: Connection, said: Sequence[tuple[Answer, Any]], received: int, answerer: str = ""
) -> None:
    """Keep what new answers say about the findings of their cards; the latest answer counts.

    ``said`` are answers of ``answerer``, each with the given card it is about. An answer from the future
    of our clock (``received``, seconds UTC) counts from now. What was kept while that clock ran ahead is
    forgotten.
    """
    connection.execute(delete(ANSWERED).where(ANSWERED.c.answered_at > received + CLOCK_SKEW_SECONDS))
    rows: dict[str, dict[str, Any]] = {}
    for answer, card in sorted(said, key=lambda pair: (pair[0].at, pair[0].outcome)):
        at = min(int(answer.at.timestamp()), received)
        for given, seconds in card.marks.items():
            mark = said_by(answerer, given)
            rows[mark] = {
                "mark": mark,
                "instance": card.instance,
                "shown_at": card.given_at,
                "answered_at": at,
                "accepted": answer.outcome == ACCEPTED,
                "kept_until": at + seconds,
            }
    if rows:
        statement = insert_or_renew(connection, ANSWERED, newer="answered_at")
        connection.execute(statement, [rows[mark] for mark in sorted(rows)])


def forget_answered(connection: Connection, now: int) -> None:
    """Forget answers that no longer count, and the oldest of too many."""
    connection.execute(delete(ANSWERED).where(ANSWERED.c.kept_until < now))
    surplus = (connection.scalar(select(func.count()).select_from(ANSWERED)) or 0) - _MOST
    if surplus > 0:
        oldest = select(ANSWERED.c.mark).order_by(ANSWERED.c.answered_at, ANSWERED.c.mark).limit(surplus)
        connection.execute(delete(ANSWERED).where(ANSWERED.c.mark.in_(oldest)))
