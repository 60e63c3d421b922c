"""Judge laboratory results, vital signs and scores: bands, ranges, trends, "none on record"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from cds_service.engine.context import Context
from cds_service.engine.derived import series_of
from cds_service.engine.judging import admits_normal, judge
from cds_service.engine.logic import Answer, Answer3
from cds_service.engine.spec import NumberSpec, spec_of
from cds_service.engine.text import describe_measurement
from cds_service.engine.windows import AnchorDates, Span, Spans, length_of, resolve
from cds_service.facts import Measurement, Moment
from cds_service.findings import Evidence, Missing
from cds_service.rules.criteria import Change, NumberCriterion


class _Found(NamedTuple):
    """What was seen: the answer, the results it rests on, and why it is unknown or nothing was there."""

    verdict: Answer3
    shown: tuple[Measurement, ...] = ()
    reason: str = ""


#: Most names of the knowledge have no result in a given record: what is seen then, made once.
_NONE_KNOWN = _Found(None, reason="not-measured")
_NONE_SENT = _Found(None, reason="not-sent")
_MISSING = _Found(True, reason="not-measured")


@dataclass(frozen=True, slots=True)
class NumberLeaf:
    """A ``lab``, ``vital`` or ``survey`` criterion ready to judge.

    ``is_newest_only``: in a window up to now only what may be the newest result counts, for one of it is
    inside if any is. Of results whose dates do not tell which is newer none is believed against another:
    where they give different answers the answer is unknown.
    """

    criterion: NumberCriterion
    anchor_dates: AnchorDates | None = None
    is_newest_only: bool = field(init=False)

    def __post_init__(self) -> None:
        """Look once whether one result is enough."""
        c = self.criterion
        is_one = c.pick == "latest" and c.times == 1 and c.change is None
        object.__setattr__(self, "is_newest_only", is_one)

    def verdict(self, ctx: Context) -> Answer3:
        """Judge the criterion for one patient."""
        return self._look(ctx).verdict

    def answer(self, ctx: Context) -> Answer:
        """Judge the criterion and show the results it rests on."""
        c = self.criterion
        found = self._look(ctx)
        if found.verdict is None and not found.shown:
            return _unknown(c.kind, c.name, found.reason)
        evidence = tuple(evidence_of(m, ctx) for m in found.shown)
        if found.verdict is None:
            return Answer(None, evidence, (Missing(c.kind, c.name, found.reason),))
        if found.verdict and not evidence:
            return Answer(True, (Evidence(c.kind, c.name, self._absent_words(ctx)),))
        return Answer(found.verdict, evidence)

    def _absent_words(self, ctx: Context) -> str:
        """Return how a result is absent: the record may hold one of another time, and people see it there."""
        name = self.criterion.name
        title, series = spec_of(name, ctx).title, series_of(name, ctx)
        if not series:
            return f"{title}: none on record"
        when = "in that time" if self.criterion.window.anchor_word else "recent"
        return f"{title}: none {when} (newest {series[-1].moment.text[:10]})"

    def abnormal(self, ctx: Context) -> tuple[Evidence, ...]:
        """Return the results that make it true, unless it is true of every normal result as well."""
        found = self._look(ctx)
        if found.verdict is not True:
            return ()
        return tuple(evidence_of(m, ctx) for m in found.shown if not admits_normal(self.criterion, m, ctx))

    def dates(self, ctx: Context) -> tuple[tuple[Moment, ...], Answer3]:
        """Return the time of every result in the window that satisfies the judgment (for anchors)."""
        spans = self._spans(ctx).spans
        hits = tuple(
            m.moment
            for m in series_of(self.criterion.name, ctx)
            if any(span.may_hold(m.moment) for span in spans) and self.judge(m, ctx) is True
        )
        return (hits, True) if hits else ((), self.verdict(ctx))

    def judge(self, m: Measurement, ctx: Context) -> Answer3:
        """Judge one result against states and limits."""
        return judge(self.criterion, m, ctx)

    def _spans(self, ctx: Context) -> Spans:
        window = self.criterion.window
        length = window.within
        if isinstance(length, str):
            spec = spec_of(self.criterion.name, ctx)
            length = length_of(length, ctx, spec.usual(ctx), spec.fresh(ctx))
        return resolve(window, length, ctx, self.anchor_dates)

    def _look(self, ctx: Context) -> _Found:
        """Judge every span; the first that holds counts, else the first that cannot tell."""
        if not self.criterion.window.anchor_word and (absence := _absence_at_all(self.criterion, ctx)):
            return self._without_results(absence)
        spans = self._spans(ctx)
        if not spans.spans:
            return _Found(spans.verdict, reason="no-date")
        series = series_of(self.criterion.name, ctx)
        found = [self._in_span(span, series, ctx) for span in spans.spans]
        if len(found) == 1:
            return found[0]
        for wanted in (True, None):
            for one in found:
                if one.verdict is wanted:
                    return one
        return found[0]

    def _without_results(self, absence: str) -> _Found:
        if absence == "not-sent":
            return _NONE_SENT
        return _MISSING if "missing" in self.criterion.states else _NONE_KNOWN

    # --- one span

    def _in_span(self, span: Span, series: tuple[Measurement, ...], ctx: Context) -> _Found:
        c = self.criterion
        is_all = not self.is_newest_only or span.end != span.now
        inside = [m for m in (series if is_all else newest_of(c.name, ctx)) if span.may_hold(m.moment)]
        if not inside:
            reason = _absence(c, span, ctx)
            return _Found(None, reason=reason) if reason == "unreadable" else self._without_results(reason)
        if c.states == ("missing",):
            return _Found(False, (inside[-1],))
        if c.change is not None:
            return _agreed([self._trend(c.change, m, series, ctx) for m in _newest(inside)])
        if c.times > 1:
            return self._repeated(inside, ctx)
        chosen = _newest(inside) if c.pick == "latest" else (_pick(c.pick, inside),)
        return _agreed([self._judged(m, ctx) for m in chosen])

    def _judged(self, m: Measurement, ctx: Context) -> _Found:
        verdict = self.judge(m, ctx)
        return _Found(verdict, (m,), _why_unknown(m, self.criterion) if verdict is None else "")

    def _repeated(self, inside: list[Measurement], ctx: Context) -> _Found:
        c = self.criterion
        verdicts = [self.judge(m, ctx) for m in inside]
        hits = tuple(m for m, verdict in zip(inside, verdicts, strict=True) if verdict is True)
        shown = hits or tuple(inside[-1:])
        latest = _agreed([self._judged(m, ctx) for m in _newest(inside)])
        if latest.verdict is False:
            return _Found(False, shown)
        spread = bool(hits) and hits[-1].moment.latest - hits[0].moment.earliest >= c.apart
        if len(hits) >= c.times and spread:
            return _Found(latest.verdict, shown, latest.reason)
        if len(inside) >= c.times and None not in verdicts:
            return _Found(False, shown)
        return _Found(None, shown, "too-few")

    def _trend(
        self, change: Change, last: Measurement, series: tuple[Measurement, ...], ctx: Context
    ) -> _Found:
        reach = last.moment.earliest - change.over
        earlier = [m for m in series if reach <= m.moment.latest < last.moment.earliest]
        usable = [m for m in earlier if m.is_exact and last.is_exact]
        if last.value is None or not usable:
            return _Found(None, (last,), "too-few")
        spec = spec_of(self.criterion.name, ctx)
        judged = [m for m in usable if _changed(change, m, last, spec)]
        return _Found(bool(judged), ((judged or usable)[-1], last))


# --- choosing, comparing, explaining


def newest_of(name: str, ctx: Context) -> tuple[Measurement, ...]:
    """Return every result that may be the newest of an analyte, as far as the dates tell; oldest first."""
    found = ctx.newest.get(name)
    if found is None:
        found = ctx.newest[name] = _newest(series_of(name, ctx))
    return found


def _newest(results: Sequence[Measurement]) -> tuple[Measurement, ...]:
    if len(results) < 2:
        return tuple(results)
    begun = max(m.moment.earliest for m in results)
    return tuple(m for m in results if m.moment.latest >= begun)


def _agreed(found: Sequence[_Found]) -> _Found:
    """Return the answer of the last of results that may all be the newest; unknown where they differ."""
    if any(one.verdict is not found[-1].verdict for one in found):
        return _Found(None, tuple(dict.fromkeys(m for one in found for m in one.shown)), "contradictory")
    return found[-1]


def _pick(pick: str, inside: list[Measurement]) -> Measurement:
    numbered = [m for m in inside if m.value is not None and not m.unit_doubtful]
    if not numbered:
        return inside[-1]
    chooser = max if pick == "highest" else min
    return chooser(numbered, key=lambda m: m.value or Decimal(0))


def _changed(change: Change, earlier: Measurement, last: Measurement, spec: NumberSpec) -> bool:
    if earlier.value is None or last.value is None:
        return False
    difference = last.value - earlier.value
    if change.direction == "fall":
        difference = -difference
    if change.unit == "%":
        return difference * 100 >= change.amount * earlier.value and difference > 0
    bound = spec.canonical(change.amount, change.unit)
    return bound is not None and difference >= bound


def _absence_at_all(c: NumberCriterion, ctx: Context) -> str:
    """Why there is no result whatever the window; empty where there is one, or one that is unreadable."""
    known = ctx.absences.get(c.name)
    if known is None:
        names = spec_of(c.name, ctx).members
        present = series_of(c.name, ctx) or not ctx.refused.keys().isdisjoint(names)
        known = ctx.absences[c.name] = "" if present else _unsent(c, ctx)
    return known


def _unsent(c: NumberCriterion, ctx: Context) -> str:
    return "not-measured" if ctx.facts.state(c.kind).is_known else "not-sent"


@lru_cache(maxsize=8192)
def _unknown(kind: str, name: str, reason: str) -> Answer:
    """Return the answer without any result; the same for every patient."""
    return Answer(None, missing=(Missing(kind, name, reason),))


def _absence(c: NumberCriterion, span: Span, ctx: Context) -> str:
    """Why there is no result: not sent, sent but unreadable, or truly none on record."""
    if ctx.refused:
        names = spec_of(c.name, ctx).members
        refused = (aside for name in names for aside in ctx.refused.get(name, ()))
        if any(aside.moment is None or span.may_hold(aside.moment) for aside in refused):
            return "unreadable"
    return _unsent(c, ctx)


def _why_unknown(m: Measurement, c: NumberCriterion) -> str:
    if not m.is_exact:
        return "no-number"
    return "no-range" if c.states or any(limit.of_range for limit in c.limits) else "no-number"


def evidence_of(m: Measurement, ctx: Context) -> Evidence:
    """Return a result as evidence, with value, unit, date, range and source; made once a patient."""
    found = ctx.shown.get(id(m))  # by identity: results live as long as the patient is judged
    if found is None:
        found = ctx.shown[id(m)] = _evidence(m, spec_of(m.name, ctx))
    return found


def _evidence(m: Measurement, spec: NumberSpec) -> Evidence:
    return Evidence(
        spec.kind,
        m.name,
        describe_measurement(m, spec.title),
        m.source,
        m.moment,
        m.value,
        m.unit or spec.unit,
        m.reported,
        m.range_reported,
        m.unit_doubtful,
        sources=m.also_from,
    )
