"""Tell the history of answers to cards as the page of feedback shows it: with titles of rules and reasons."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cds_service.feedback import RuleHistory
from cds_service.knowledge import Knowledge

_COUNTS = ("shown", "accepted", "overridden", "ignored")


def told_history(rows: Iterable[RuleHistory], knowledge: Knowledge, days: int) -> dict[str, Any]:
    """Return the histories JSON-ready, with their totals; ``days`` is the length of the time.

    A card that tells several rules counts for each of them, so the totals count told rules, not cards.
    """
    reasons = {reason.code: reason.display for reason in knowledge.override_reasons}
    told = [_told(row, knowledge, reasons) for row in rows]
    totals = {name: sum(row[name] for row in told) for name in _COUNTS}
    return {"days": days, "rules": told, "totals": totals}


def _told(row: RuleHistory, knowledge: Knowledge, reasons: dict[str, str]) -> dict[str, Any]:
    rule = knowledge.rules.get(row.rule)
    return {
        "ruleId": row.rule,
        "title": row.rule if rule is None else rule.title,
        **{name: getattr(row, name) for name in _COUNTS},
        "reasons": [
            {"code": code, "display": reasons.get(code, code), "count": count}
            for code, count in sorted(row.reasons.items(), key=lambda item: (-item[1], item[0]))
        ],
        "byDay": [
            {
                "day": day.isoformat(),
                "shown": counts.shown,
                "accepted": counts.accepted,
                "overridden": counts.overridden,
                "reasons": [{"code": code, "count": count} for code, count in sorted(counts.reasons.items())],
            }
            for day, counts in sorted(row.days.items())
        ],
    }
