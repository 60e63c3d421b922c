"""What the service would have answered, and what it could not tell for want of which data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cds_service.doctor.troubles import Notes
from cds_service.errors import Issue
from cds_service.findings import Verdict
from cds_service.review import Review
from cds_service.unread import unread_rows

#: Reasons of a gap that lie in what was sent, not in what was never done.
_OF_SENDING: Final = ("not-sent", "unreadable")
_ORDER_HOOKS: Final = ("order-select", "order-sign", "medication-refill")
_MOST_CODES: Final = 200


@dataclass(frozen=True, slots=True)
class Gap:
    """How many rules could not tell for want of one kind of data, and why it was wanting."""

    kind: str
    reason: str
    rules: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of the service: status and error code, or counts of cards and rules.

    ``mended``: the envelope was wrong, and the counts are those of the call without its faults. ``values``
    tells of the patient (cards, matched rules, unread codes) and is empty unless asked for.
    """

    status: int
    code: str = ""
    mended: bool = False
    cards: Mapping[str, int] = field(default_factory=dict)
    rules: Mapping[str, int] = field(default_factory=dict)
    gaps: tuple[Gap, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)


def refused(issue: Issue, status: int) -> Answer:
    """Return the answer to a call the service refuses."""
    return Answer(status, issue.code)


def answered(review: Review, *, status: int, code: str, mended: bool, with_values: bool) -> Answer:
    """Return what the service makes of a call; ``status`` and ``code`` tell of a wrong envelope, else 200."""
    if status == 200 and not review.assessable:
        status, code = 412, "W412"
    return Answer(
        status,
        code,
        mended,
        cards=dict(sorted(Counter(card["indicator"] for card in review.cards).items())),
        rules=review.counts,
        gaps=_gaps(review),
        values=_values(review) if with_values else {},
    )


def note_outcome(review: Review, hook: str, more_elsewhere: int, notes: Notes) -> None:
    """Note what the answer says about the call.

    ``more_elsewhere`` is how many more cards patient-view would give of the same record.
    """
    if not review.assessable:
        notes.add("D701", "answer")
    elif review.triaged.outside:
        notes.add("D704", "answer", review.triaged.outside)
    elif not review.cards:
        notes.add("D703", "answer")
    for gap in _gaps(review):
        if gap.reason in _OF_SENDING:
            rules = "1 rule" if gap.rules == 1 else f"{gap.rules} rules"
            notes.add("D705", f"{gap.kind}: {gap.reason} ({rules})")
    for finding in review.findings:
        if finding.error:
            notes.add("D706", "answer", finding.rule_id)
    if review.switched_off:
        notes.add("D707", "answer", count=len(review.switched_off))
    if hook in _ORDER_HOOKS and more_elsewhere > 0:
        notes.add("D709", "answer", count=more_elsewhere)


def _gaps(review: Review) -> tuple[Gap, ...]:
    found: Counter[tuple[str, str]] = Counter()
    for finding in review.findings:
        if finding.verdict is Verdict.UNKNOWN:
            found.update({(item.kind, item.reason) for item in finding.missing})
    return tuple(Gap(kind, reason, rules) for (kind, reason), rules in sorted(found.items()))


def _values(review: Review) -> dict[str, Any]:
    matched = [item.rule_id for item in review.findings if item.verdict is Verdict.MATCH]
    unknown = [item.rule_id for item in review.findings if item.verdict is Verdict.UNKNOWN]
    return {
        "cards": [{"indicator": card["indicator"], "summary": card["summary"]} for card in review.cards],
        "matchedRules": matched,
        "couldNotTell": sorted(unknown),
        "unreadCodes": unread_rows(review.facts.unread_codes, _MOST_CODES),
    }
