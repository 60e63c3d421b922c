"""Answers are counted by rule and day; every card once, with what was said of it last."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from cds_service.feedback import Given, history_by_rule

UNTIL = datetime(2026, 11, 20, 12, tzinfo=UTC)


def given_card(card, rules, days_ago=0):
    at = int((UNTIL - timedelta(days=days_ago)).timestamp())
    return Given(card, "s", "k", tuple(rules), "info", given_at=at)


def said(card, outcome, rules, days_ago=0.0, reason=""):
    at = (UNTIL - timedelta(days=days_ago)).isoformat()
    return {"card": card, "service": "s", "outcome": outcome, "rules": list(rules), "reasonCode": reason,
            "outcomeTimestamp": at, "receivedAt": at}  # fmt: skip


def test_shown_answered_and_ignored():
    given = [given_card("a", ["x"]), given_card("b", ["x", "y"], 1), given_card("c", ["y"], 2)]
    answers = [said("a", "accepted", ["x"]), said("b", "overridden", ["x", "y"], 0, "already-known")]
    x, y = history_by_rule(answers, given, until=UNTIL, days=30)
    assert (x.rule, x.shown, x.accepted, x.overridden, x.ignored) == ("x", 2, 1, 1, 0)
    assert (y.rule, y.shown, y.accepted, y.overridden, y.ignored) == ("y", 2, 0, 1, 1)
    assert dict(x.reasons) == {"already-known": 1}
    today, yesterday = date(2026, 11, 20), date(2026, 11, 19)
    assert (x.days[today].shown, x.days[today].accepted, x.days[today].overridden) == (1, 1, 1)
    assert (x.days[yesterday].shown, x.days[yesterday].accepted) == (1, 0)


def test_reasons_count_on_the_day_they_were_given():
    cards = [given_card(name, ["x"], 3) for name in "abcd"]
    reasons = {"a": ("later", 0), "b": ("later", 1), "c": ("already-known", 1), "d": ("", 1)}
    answers = [said(card, "overridden", ["x"], day, code) for card, (code, day) in reasons.items()]
    (x,) = history_by_rule(answers, cards, until=UNTIL, days=7)
    found = {day.day: dict(counts.reasons) for day, counts in x.days.items() if counts.overridden}
    assert found == {20: {"later": 1}, 19: {"later": 1, "already-known": 1}}
    assert x.days[date(2026, 11, 19)].overridden == 3
    assert x.reasons == sum((counts.reasons for counts in x.days.values()), start=x.reasons.__class__())


def test_the_last_word_counts():
    answers = [said("a", "overridden", ["x"], 0.1, "other"), said("a", "accepted", ["x"], 0)]
    (x,) = history_by_rule(answers, [given_card("a", ["x"])], until=UNTIL, days=1)
    assert (x.accepted, x.overridden, dict(x.reasons)) == (1, 0, {})


def test_the_time_has_so_many_days_and_no_more():
    given = [given_card("a", ["x"], 6), given_card("b", ["x"], 7)]
    (x,) = history_by_rule([], given, until=UNTIL, days=7)
    assert (x.shown, x.ignored) == (1, 1)
    assert history_by_rule([], given, until=UNTIL, days=6) == []


def test_an_answer_counts_on_its_own_day_also_to_an_older_card():
    (x,) = history_by_rule([said("a", "accepted", ["x"])], [given_card("a", ["x"], 40)], until=UNTIL, days=7)
    assert (x.shown, x.accepted, x.ignored) == (0, 1, 0)


def test_a_card_nobody_knows_is_named_so():
    (row,) = history_by_rule([said("z", "accepted", [])], [], until=UNTIL, days=7)
    assert row.rule == "(unknown card)"


def test_the_rules_shown_most_come_first():
    given = [given_card("a", ["x"]), given_card("b", ["y"]), given_card("c", ["y"]), given_card("d", ["a"])]
    assert [row.rule for row in history_by_rule([], given, until=UNTIL, days=7)] == ["y", "a", "x"]
