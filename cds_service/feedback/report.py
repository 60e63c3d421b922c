"""Count by rule what was answered to its cards: how many were given, accepted, overridden, and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from cds_service.feedback.items import ACCEPTED, OVERRIDDEN
from cds_service.feedback.ledger import Given

#: Stands for the rules of a card that is not known (any more).
UNKNOWN_CARD = "(unknown card)"


@dataclass(frozen=True, slots=True)
class RuleRates:
    """What became of the cards that told a rule; each card counts once, with what was said last.

    ``given`` are cards still known, ``answered`` those of them and of earlier ones that were answered.
    ``reasons`` are coded reasons of overrides with their number, the most frequent first; ``defects`` the
    overrides whose reason names a fault of the content.
    """

    rule: str
    given: int
    accepted: int
    overridden: int
    commented: int
    defects: int
    reasons: tuple[tuple[str, int], ...]

    @property
    def answered(self) -> int:
        """Cards that were accepted or overridden."""
        return self.accepted + self.overridden

    @property
    def override_percent(self) -> int | None:
        """Overridden among the answered, rounded to whole percent; None when nothing was answered."""
        return (200 * self.overridden + self.answered) // (2 * self.answered) if self.answered else None


def rates_by_rule(
    answers: Iterable[Mapping[str, Any]], given: Iterable[Given], defects: Collection[str] = ()
) -> list[RuleRates]:
    """Return the rates of every rule that was told or answered, sorted by rule id.

    ``answers`` are rows of ``Ledger.answers``; ``defects`` the codes of reasons that name a fault of the
    content. A card that tells several rules counts for each of them.
    """
    last = last_answers(answers)
    told = Counter(rule for card in given for rule in card.rules)
    by_rule: dict[str, list[Mapping[str, Any]]] = {rule: [] for rule in told}
    for row in last.values():
        for rule in row["rules"] or [UNKNOWN_CARD]:
            by_rule.setdefault(rule, []).append(row)
    return [_rates(rule, told[rule], by_rule[rule], defects) for rule in sorted(by_rule)]


def last_answers(answers: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], Mapping[str, Any]]:
    """Return, by service and card, what was said last of each card; ``answers`` as in ``rates_by_rule``."""
    ordered = sorted(answers, key=lambda row: (row["outcomeTimestamp"], row["receivedAt"], row["outcome"]))
    return {(row["service"], row["card"]): row for row in ordered}


def _rates(rule: str, given: int, rows: Collection[Mapping[str, Any]], defects: Collection[str]) -> RuleRates:
    outcomes = Counter(row["outcome"] for row in rows)
    reasons = Counter(row["reasonCode"] for row in rows if row["reasonCode"])
    return RuleRates(
        rule=rule,
        given=given,
        accepted=outcomes[ACCEPTED],
        overridden=outcomes[OVERRIDDEN],
        commented=sum(bool(row["commented"]) for row in rows),
        defects=sum(count for code, count in reasons.items() if code in defects),
        reasons=tuple(sorted(reasons.items(), key=lambda item: (-item[1], item[0]))),
    )
