"""Three-valued logic (CQL, FHIRPath 6.5) and the answer of one criterion.

True, False and None (unknown). ``all``: false wins, then unknown. ``any``: true wins, then unknown.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from cds_service.findings import Evidence, Missing, Verdict

Answer3 = bool | None


class Answer(NamedTuple):
    """What a criterion answers, with the facts it looked at and what it missed.

    ``evidence`` of a true answer is what makes it true; of a false one, what was seen instead.
    """

    verdict: Answer3
    evidence: tuple[Evidence, ...] = ()
    missing: tuple[Missing, ...] = ()


#: The answer where nothing of the kind is on record and the kind was sent.
NOTHING = Answer(False)


@lru_cache(maxsize=8192)
def not_sent(kind: str, names: tuple[str, ...]) -> Answer:
    """Return the answer where the kind was not sent; the same for every patient."""
    return Answer(None, missing=tuple(Missing(kind, name, "not-sent") for name in names))


def all_of(values: Iterable[Answer3]) -> Answer3:
    """False if any is false, else unknown if any is unknown, else true."""
    unknown = False
    for value in values:
        if value is False:
            return False
        unknown = unknown or value is None
    return None if unknown else True


def any_of(values: Iterable[Answer3]) -> Answer3:
    """True if any is true, else unknown if any is unknown, else false."""
    unknown = False
    for value in values:
        if value is True:
            return True
        unknown = unknown or value is None
    return None if unknown else False


def negate(value: Answer3) -> Answer3:
    """Swap true and false; unknown stays unknown."""
    return None if value is None else not value


def at_least(values: Iterable[Answer3], needed: int) -> Answer3:
    """True if ``needed`` are true; unknown if the unknown ones could still reach it."""
    seen = list(values)
    true = seen.count(True)
    if true >= needed:
        return True
    return None if true + seen.count(None) >= needed else False


def as_verdict(value: Answer3) -> Verdict:
    """Return the public word for an answer."""
    if value is None:
        return Verdict.UNKNOWN
    return Verdict.MATCH if value else Verdict.NO_MATCH
