"""Count by rule and day what was shown and what was answered, over the last days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cds_service.feedback.items import ACCEPTED, OVERRIDDEN
from cds_service.feedback.ledger import Given
from cds_service.feedback.report import UNKNOWN_CARD, last_answers


@dataclass(slots=True)
class DayCounts:
    """What happened on one day (UTC): cards shown, answers that came in, coded reasons of dismissals."""

    shown: int = 0
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class RuleHistory:
    """What became of the cards that told a rule; a card counts once, with what was said of it last.

    ``shown`` are the cards given in the time; ``ignored`` those of them that nobody has answered. Answers
    count on the day they came in, also those to cards that were given before. ``reasons`` are coded reasons.
    """

    rule: str
    shown: int = 0
    ignored: int = 0
    accepted: int = 0
    overridden: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    days: dict[date, DayCounts] = field(default_factory=lambda: defaultdict(DayCounts))


def history_by_rule(
    answers: Iterable[Mapping[str, Any]], given: Iterable[Given], *, until: datetime, days: int
) -> list[RuleHistory]:
    """Return the history of every rule that was told or answered, those shown most first.

    Args:
        answers: Rows of ``Ledger.answers``.
        given: The cards that are still known.
        until: The end of the time, with zone.
        days: How many days it has, the last one included.
    """
    first = (until.astimezone(UTC) - timedelta(days=days - 1)).date()
    last = last_answers(answers)
    found: dict[str, RuleHistory] = {}
    for card in given:
        day = datetime.fromtimestamp(card.given_at, UTC).date()
        for rule in card.rules if day >= first else ():
            history = found.setdefault(rule, RuleHistory(rule))
            history.shown += 1
            history.ignored += (card.service, card.card) not in last
            history.days[day].shown += 1
    for row in last.values():
        day = datetime.fromisoformat(row["receivedAt"]).date()
        for rule in (row["rules"] or [UNKNOWN_CARD]) if day >= first else ():
            _count(found.setdefault(rule, RuleHistory(rule)), row, day)
    return sorted(found.values(), key=lambda row: (-row.shown, row.rule))


def _count(history: RuleHistory, row: Mapping[str, Any], day: date) -> None:
    counts = history.days[day]
    if row["outcome"] == ACCEPTED:
        history.accepted += 1
        counts.accepted += 1
    elif row["outcome"] == OVERRIDDEN:
        history.overridden += 1
        counts.overridden += 1
        if row["reasonCode"]:
            history.reasons[row["reasonCode"]] += 1
            counts.reasons[row["reasonCode"]] += 1
