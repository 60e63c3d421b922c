"""What a run adds up: every count is a sum, so the order of adding does not matter."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from cds_service.facts import DataState, PatientFacts
from cds_service.findings import Finding, Verdict
from cds_service.review import Review

#: Significant digits of the values that are counted for the distributions.
_DIGITS: Final = 3
#: Parts of a key that is kept as one text.
_JOINT: Final = "\x1f"


def _counter() -> Counter[str]:
    return Counter()


@dataclass(slots=True)
class Tally:
    """Sums over documents.

    ``given`` is what came in (files, bytes, documents, resources, patients), ``reviewed`` and ``quarantined``
    what became of it; the three are counted in different places. ``rules`` counts ``rule answer`` and
    ``rule indicator``, ``kinds`` ``kind state``, ``values`` ``analyte unit value``, ``unread``
    ``kind system code``. ``resources`` counts resources that stood on their own, by type (0: a file of that
    type was there and empty); ``damaged`` the types of which a file is damaged, ``promised`` those a manifest
    names.
    """

    given: Counter[str] = field(default_factory=_counter)
    reviewed: Counter[str] = field(default_factory=_counter)
    quarantined: Counter[str] = field(default_factory=_counter)
    reasons: Counter[str] = field(default_factory=_counter)
    rules: Counter[str] = field(default_factory=_counter)
    indicators: Counter[str] = field(default_factory=_counter)
    kinds: Counter[str] = field(default_factory=_counter)
    values: Counter[str] = field(default_factory=_counter)
    unread: Counter[str] = field(default_factory=_counter)
    resources: Counter[str] = field(default_factory=_counter)
    damaged: Counter[str] = field(default_factory=_counter)
    promised: Counter[str] = field(default_factory=_counter)

    def add(self, other: Tally) -> None:
        """Add another tally to this one."""
        for name in self.__slots__:
            getattr(self, name).update(getattr(other, name))

    def states(self) -> dict[str, DataState]:
        """Return what an export says of resource types of which a patient has none.

        A type nobody sent is not among them: of that nothing is known.
        """
        seen = dict.fromkeys(sorted(self.resources), DataState.NONE_FOUND)
        gaps = {*self.damaged, *(self.promised.keys() - self.resources.keys())}
        return {**seen, **dict.fromkeys(sorted(gaps), DataState.INCOMPLETE)}

    def count(self, review: Review) -> None:
        """Count one reviewed patient."""
        self.reviewed["patients"] += 1
        self.rules.update([key for finding in review.findings for key in _keys(finding)])
        self.indicators[top_indicator(review) or "none"] += 1
        facts = review.facts
        self.kinds.update(f"{kind}{_JOINT}{state.value}" for kind, state in facts.states.items())
        self.unread.update({_JOINT.join(key): count for key, count in facts.unread_codes.items()})
        self._count_values(facts)

    def _count_values(self, facts: PatientFacts) -> None:
        for name, results in facts.numbers.items():
            usable = (m for m in reversed(results) if not (m.unit_doubtful or m.sample_unusable))
            last = next((m for m in usable if m.value is not None and not m.comparator), None)
            if last is not None and last.value is not None:
                self.values[_JOINT.join((name, last.unit, _rounded(last.value)))] += 1

    def to_json(self) -> dict[str, dict[str, int]]:
        """Return the counts by name, sorted."""
        return {name: dict(sorted(getattr(self, name).items())) for name in self.__slots__}

    @classmethod
    def from_json(cls, members: dict[str, dict[str, int]]) -> Tally:
        """Return a tally that was written by ``to_json``."""
        return cls(**{name: Counter(counts) for name, counts in members.items()})


def _keys(finding: Finding) -> tuple[str, ...]:
    """Return what a finding is counted as: its answer, and of a match how urgent it is and whether shown."""
    if finding.error:
        return (_joint(finding.rule_id, "errored"),)
    answer = _joint(finding.rule_id, finding.verdict.value)
    if finding.verdict is not Verdict.MATCH:
        return (answer,)
    shown = (_joint(finding.rule_id, "shown"),) if finding.rank else ()
    return (answer, _joint(finding.rule_id, finding.indicator), *shown)


@lru_cache(maxsize=4096)
def _joint(rule_id: str, word: str) -> str:
    """Return a key of ``rules``: every patient asks for the same."""
    return f"{rule_id}{_JOINT}{word}"


def parts(counts: Counter[str]) -> list[tuple[Any, ...]]:
    """Return the joint keys of a counter parted, each with its count, sorted by key."""
    return [(*key.split(_JOINT), count) for key, count in sorted(counts.items())]


def top_indicator(review: Review) -> str:
    """Return the indicator of the best finding that has a rank; empty where there is none."""
    return next((f.indicator for f in review.findings if f.rank == 1 and not f.folded_into), "")


@lru_cache(maxsize=4096)
def _rounded(value: Decimal) -> str:
    """Return a number to three significant digits, in plain notation."""
    if not value:
        return "0"
    rounded = round(value, _DIGITS - 1 - value.adjusted())
    return format(rounded.normalize(), "f")
