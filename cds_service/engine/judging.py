"""Judge one result against the states and limits of a criterion: intervals, never guesses."""

from __future__ import annotations

from decimal import Decimal

from cds_service.engine.context import Context
from cds_service.engine.logic import Answer3, all_of, any_of
from cds_service.engine.spec import NumberSpec, spec_of
from cds_service.facts import Measurement
from cds_service.rules.criteria import Limit, NumberCriterion

_INFINITY = Decimal("Infinity")
Interval = tuple[Decimal, bool, Decimal, bool]  # low, low included, high, high included


def judge(c: NumberCriterion, m: Measurement, ctx: Context) -> Answer3:
    """Judge one result: every state word or limit, None where the result cannot tell."""
    if c.doubtful_sample and not m.sample_doubtful:
        return False
    spec = spec_of(m.name, ctx)
    values: list[Answer3] = []
    if c.states:
        values.append(any_of([_state(state, m, spec, c, ctx) for state in c.states if state != "missing"]))
    if c.limits:
        values.append(all_of([_limit(limit, m, spec, c, ctx) for limit in c.limits]))
    return all_of(values)


def admits_normal(c: NumberCriterion, m: Measurement, ctx: Context) -> bool:
    """Whether every result inside the range of this one satisfies the criterion: it asks for no abnormality.

    Where no end of the range is known, only a state word can say so.
    """
    if c.states and "normal" not in c.states:
        return False
    spec = spec_of(m.name, ctx)
    low, high = _range(m, spec, ctx)
    if c.limits and low is None and high is None:
        return False
    ends = (-_INFINITY if low is None else low, _INFINITY if high is None else high)
    return all(
        _compare((end, True, end, True), limit.op, _bound(limit, m, spec, ctx)) is True
        for limit in c.limits
        for end in ends
    )


def _state(state: str, m: Measurement, spec: NumberSpec, c: NumberCriterion, ctx: Context) -> Answer3:
    if state.startswith("very-"):
        return m.marked and m.direction == state.removeprefix("very-")
    if m.value is None:
        return None if m.direction is None else m.direction == state
    low, high = _range(m, spec, ctx)
    interval = _interval(m, c, ctx)
    if interval is None:
        return None
    if state == "low":
        return _compare(interval, "below", low)
    if state == "high":
        return _compare(interval, "above", high)
    return all_of((_compare(interval, "at_least", low), _compare(interval, "at_most", high)))


def _limit(limit: Limit, m: Measurement, spec: NumberSpec, c: NumberCriterion, ctx: Context) -> Answer3:
    if m.value is None:
        return None
    interval = _interval(m, c, ctx)
    return None if interval is None else _compare(interval, limit.op, _bound(limit, m, spec, ctx))


def _bound(limit: Limit, m: Measurement, spec: NumberSpec, ctx: Context) -> Decimal | None:
    """The limit on the scale of the result; None where range or unit do not tell."""
    if not limit.of_range:
        return None if m.unit_doubtful else spec.canonical(limit.amount, limit.unit)
    end = _range(m, spec, ctx)[limit.of_range == "high"]
    return None if end is None else end * limit.amount


def _range(m: Measurement, spec: NumberSpec, ctx: Context) -> tuple[Decimal | None, Decimal | None]:
    """The result's own range, filled up by the adult default where one may be used (I9)."""
    if m.unit_doubtful or not ctx.is_adult:
        return m.low, m.high
    low, high = spec.adult_range(ctx.facts.sex)
    return (low if m.low is None else m.low), (high if m.high is None else m.high)


def _interval(m: Measurement, c: NumberCriterion, ctx: Context) -> Interval | None:
    """Where the true value may lie; None when a doubtful sample says nothing about it."""
    value = m.value
    if value is None:
        return None
    if m.sample_unusable and not c.doubtful_sample:
        return None
    comparator = m.comparator
    if m.sample_doubtful and not c.doubtful_sample:
        if not spec_of(m.name, ctx).doubtful_is_upper_bound:
            return None
        comparator = comparator if comparator in ("<", "<=") else "<="
    if comparator in ("<", "<="):
        return -_INFINITY, False, value, comparator == "<="
    if comparator in (">", ">="):
        return value, comparator == ">=", _INFINITY, False
    return value, True, value, True


def _compare(interval: Interval, op: str, bound: Decimal | None) -> Answer3:
    """Compare an interval with a bound: true or false only where every possible value agrees."""
    if bound is None:
        return None
    low, low_in, high, high_in = interval
    if op == "below":
        return _decide(high < bound or (high == bound and not high_in), low >= bound)
    if op == "at_most":
        return _decide(high <= bound, low > bound or (low == bound and not low_in))
    if op == "above":
        return _decide(low > bound or (low == bound and not low_in), high <= bound)
    return _decide(low >= bound, high < bound or (high == bound and not high_in))


def _decide(yes: bool, no: bool) -> Answer3:
    return True if yes else False if no else None
