"""Reads "for 5 days", "x 3 weeks", "3 week history of", "since yesterday" as days; never guesses a unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cds_service.narrative.lexicon import DurationWords, Mark
from cds_service.narrative.tokens import Passage

_MOST_DAYS = 36_500
_MOST_DIGITS = 6


@dataclass(frozen=True, slots=True)
class Duration:
    """A stated length at tokens ``first`` to ``last``.

    ``days`` is the least it can mean (None when only an upper limit is stated), ``most`` the
    most, None when open ("several weeks", "over a month"). ``forward``: what lasted stands after it.
    """

    first: int
    last: int
    days: int | None
    most: int | None
    forward: bool = False


@dataclass(frozen=True, slots=True)
class _Quantity:
    last: int
    least: int
    most: int | None


def durations(passage: Passage, details: Sequence[Mark | None], words: DurationWords) -> list[Duration]:
    """Return the durations of a text in order, those written as fixed phrases included."""
    found: list[Duration] = []
    place = 0
    while place < len(passage.words):
        mark = details[place]
        if mark is not None and mark.kind == "since":
            duration: Duration | None = Duration(mark.first, mark.last, mark.value, mark.value)
        else:
            duration = _duration(passage, place, words)
        if duration is not None:
            found.append(duration)
        place = place + 1 if duration is None else max(place, duration.last) + 1
    return found


def _duration(passage: Passage, place: int, words: DurationWords) -> Duration | None:
    quantity = _quantity(passage, place, words)
    if quantity is None:
        return None
    first, opened, limit = _opening(passage, place, words)
    last = quantity.last
    following = _word(passage, last + 1)
    if following in words.never_before or (_word(passage, first - 1) in words.never_after and not opened):
        return None
    closed = following in words.after
    sign_follows = last + 1 >= len(passage.words) or not passage.is_word[last + 1]
    alone = sign_follows and _word(passage, place) not in words.never_bare | words.bare_plurals
    if not (opened or closed or following in words.forward or alone):
        return None
    least = None if limit == "most" else quantity.least
    most = None if limit == "least" else quantity.most
    return Duration(first, last + closed, least, most, following in words.forward)


def _opening(passage: Passage, place: int, words: DurationWords) -> tuple[int, bool, str]:
    """Look back from a quantity: first token of the duration, whether a word opens it, its limit."""
    first, limit = place, ""
    for size in (2, 1):
        tokens = tuple(passage.words[max(0, place - size) : place])
        if len(tokens) == size and tokens in words.at_least | words.at_most:
            limit = "least" if tokens in words.at_least else "most"
            first = place - size
            break
    opened = limit != "" and _word(passage, first) in words.before
    while _word(passage, first - 1) in words.leads | words.before:
        first -= 1
        opened = opened or _word(passage, first) in words.before
    return first, opened, limit


def _quantity(passage: Passage, place: int, words: DurationWords) -> _Quantity | None:
    if _word(passage, place) in words.bare_plurals:
        return _Quantity(place, 2 * words.units[_word(passage, place)], None)
    least, last, is_vague = _number(passage, place, words)
    if least is None:
        return None
    if _word(passage, last + 1) == "/":
        unit_days = words.slashes.get(_word(passage, last + 2))
        opened = _opening(passage, place, words)[1]
        return _in_days(last + 2, least, least, unit_days) if unit_days and opened else None
    most: Decimal | None = least
    step = 2 if _word(passage, last + 1) in words.ranges else 1
    second, second_last, _ = _number(passage, last + step, words)
    if second is not None and second >= least:
        most, last = second, second_last
    unit = words.units.get(_word(passage, last + 1))
    return None if unit is None else _in_days(last + 1, least, None if is_vague else most, unit)


def _in_days(last: int, least: Decimal, most: Decimal | None, unit: int) -> _Quantity | None:
    days = int(least * unit)
    longest = None if most is None else int(most * unit)
    return None if max(days, longest or 0) > _MOST_DAYS else _Quantity(last, days, longest)


def _number(passage: Passage, place: int, words: DurationWords) -> tuple[Decimal | None, int, bool]:
    """Return the number at a token (None: there is none), its last token and whether it is vague."""
    word = _word(passage, place)
    if word[:1].isdecimal() and word.isascii():
        return (Decimal(word), place, False) if len(word) <= _MOST_DIGITS else (None, place, False)
    if (word in words.numbers or word in words.leads) and _word(passage, place + 1) in words.vague:
        word, place = _word(passage, place + 1), place + 1
    if word in words.vague:
        last = place + 1 if _word(passage, place + 1) == "of" else place
        return Decimal(words.vague[word]), last, True
    if word in words.numbers:
        return Decimal(words.numbers[word]), place, False
    return None, place, False


def _word(passage: Passage, place: int) -> str:
    return passage.words[place] if 0 <= place < len(passage.words) else ""
