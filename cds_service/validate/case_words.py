"""The words of a case file: times, numbers, drugs, events and the twitch as a person writes them.

Every function reads one string and knows nothing of files; a string it does not understand is a
``WordError``, whose text says what was expected. Grammar: ``docs/rule-language.md``, part 3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal

from cds_service.facts import Moment, moment_from_date, moment_from_datetime
from cds_service.rules.criteria import SECONDS

SIDES = ("left", "right", "both")
COURSES = ("intermittent", "persistent", "spreading", "progressive", "sudden")
#: What a laboratory says in words or codes: (direction, whether it is its panic mark).
DIRECTIONS: dict[str, tuple[str | None, bool]] = {
    "low": ("low", False),
    "normal": ("normal", False),
    "high": ("high", False),
    "very low": ("low", True),
    "very high": ("high", True),
    "L": ("low", False),
    "N": ("normal", False),
    "H": ("high", False),
    "LL": ("low", True),
    "HH": ("high", True),
    "AA": (None, True),
}
#: Remarks about a result, and the fields of a measurement each one sets.
REMARKS: dict[str, tuple[str, ...]] = {
    "hemolyzed": ("sample_doubtful",),
    "infusion arm": ("sample_doubtful", "sample_unusable"),
    "sample doubtful": ("sample_doubtful",),
    "unit doubtful": ("unit_doubtful",),
    "preliminary": ("preliminary",),
    "point of care": ("point_of_care",),
}
_AGO = re.compile(r"(\d{1,9}) (minute|hour|day|year)s? ago")
_NUMBER = re.compile(r"(<=|>=|<|>)?\s*(-?\d+(?:\.\d+)?)(?:\s+(\S.*))?")
_RANGE = re.compile(r"range (-?\d+(?:\.\d+)?)-(-?\d+(?:\.\d+)?)|range ([<>])(-?\d+(?:\.\d+)?)")
_DOSE_UNIT = {"mg/d": Decimal(1), "g/d": Decimal(1000), "mcg/d": Decimal("0.001"), "ug/d": Decimal("0.001")}
_COUNT = re.compile(r"x([1-9]\d?)")


class WordError(ValueError):
    """A fact that cannot be read; the message says what was expected."""


@dataclass(frozen=True, slots=True)
class NumberWords:
    """A result as written. ``value`` None: only a direction. ``unreadable``: sent but not usable."""

    printed: str
    moment: Moment
    value: Decimal | None = None
    unit: str = ""
    comparator: str = ""
    low: Decimal | None = None
    high: Decimal | None = None
    range_printed: str = ""
    direction: str | None = None
    marked: bool = False
    unreadable: bool = False
    remarks: frozenset[str] = frozenset()


@dataclass(slots=True)
class DrugWords:
    """A use of a drug as written; ``dose`` in mg per day, ``days`` the ordered length of a draft.

    ``reasons`` why a draft ends it: empty for none written, None for one nobody could read.
    """

    name: str
    dose: Decimal | None = None
    route: str | None = None
    supplies: int = 1
    start: Moment | None = None
    end: Moment | None = None
    single: bool = False
    days: int | None = None
    reasons: tuple[str, ...] | None = ()
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True)
class EventWords:
    """A condition, symptom, procedure and so on as written."""

    name: str
    side: str | None = None
    count: int = 1
    onset: Moment | None = None
    recorded: Moment | None = None
    course: str | None = None
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True)
class TwitchWords:
    """The twitch as written; ``recorded`` is its first and last record."""

    sites: frozenset[str]
    side: str | None = None
    onset: Moment | None = None
    recorded: tuple[Moment, Moment] | None = None
    course: str | None = None
    traits: dict[str, bool] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)


def read_time(text: str, as_of: datetime) -> Moment | None:
    """Read ``2 days ago``, ``today`` or ``2025-05-30``; None when the text is no time at all."""
    if match := _AGO.fullmatch(text):
        return moment_from_datetime(as_of - timedelta(seconds=int(match[1]) * SECONDS[f"{match[2]}s"]))
    if text == "now":
        return moment_from_datetime(as_of)
    if text == "today":
        return moment_from_date(as_of.date(), as_of)
    try:
        return moment_from_date(date.fromisoformat(text), as_of) if text[:2] in ("19", "20") else None
    except ValueError:
        return None


def need_time(text: str, as_of: datetime) -> Moment:
    """Read a time that must be there. Raises WordError."""
    moment = read_time(text, as_of)
    if moment is None:
        raise WordError(f"{text!r} is not a time; write '2 days ago', 'today', 'now' or '2025-05-30'")
    return moment


def read_number(text: str, as_of: datetime) -> NumberWords:
    """Read ``2.9 mmol/L, 2 days ago, range 3.5-5.0, hemolyzed``; without a time it is one day old."""
    head, *parts = _split(text)
    found: dict[str, object] = {"printed": head, "remarks": set(), "moment": None}
    if head == "unreadable":
        found["unreadable"] = True
    elif head in DIRECTIONS:
        found["direction"], found["marked"] = DIRECTIONS[head]
    elif match := _NUMBER.fullmatch(head):
        found |= {"comparator": match[1] or "", "value": Decimal(match[2]), "unit": match[3] or ""}
    else:
        raise WordError(f"{head!r} is not a result; write '2.9 mmol/L', '<0.2 mmol/L', 'low' or 'unreadable'")
    for part in parts:
        _number_part(part, found, as_of)
    found["moment"] = found["moment"] or need_time("1 day ago", as_of)
    found["remarks"] = frozenset(found["remarks"])  # type: ignore[call-overload]
    return NumberWords(**found)  # type: ignore[arg-type]


def _number_part(part: str, found: dict[str, object], as_of: datetime) -> None:
    if part in REMARKS:
        found["remarks"].update(REMARKS[part])  # type: ignore[attr-defined]
    elif part in DIRECTIONS:
        found["direction"], found["marked"] = DIRECTIONS[part]
    elif match := _RANGE.fullmatch(part):
        low = match[1] or (match[4] if match[3] == ">" else None)
        high = match[2] or (match[4] if match[3] == "<" else None)
        found |= {
            "low": low and Decimal(low),
            "high": high and Decimal(high),
            "range_printed": part[len("range ") :],
        }
    else:
        found["moment"] = _instead(part, as_of, (*REMARKS, *DIRECTIONS, "range 3.5-5.0"))


def read_drug(text: str, as_of: datetime, routes: frozenset[str]) -> DrugWords:
    """Read ``prednisone 40 mg/d oral x2, since 21 days ago``; ``routes`` are the route words known."""
    head, *parts = _split(text)
    name, *words = head.split()
    drug = DrugWords(name)
    while words:
        _drug_word(words, drug, routes)
    for part in parts:
        _drug_part(part, drug, as_of)
    return drug


def _drug_word(words: list[str], drug: DrugWords, routes: frozenset[str]) -> None:
    word = words.pop(0)
    if match := _COUNT.fullmatch(word):
        drug.supplies = int(match[1])
    elif words and words[0] in _DOSE_UNIT and re.fullmatch(r"\d+(\.\d+)?", word):
        drug.dose = Decimal(word) * _DOSE_UNIT[words.pop(0)]
    elif word in routes and drug.route is None:
        drug.route = word
    else:
        raise WordError(
            f"{word!r} is neither a dose ('40 mg/d'), a number of supplies ('x2') nor a route "
            f"({', '.join(sorted(routes))})"
        )


def _drug_part(part: str, drug: DrugWords, as_of: datetime) -> None:
    if match := re.fullmatch(r"(.+ ago|\S+) to (.+ ago|\S+)", part):
        drug.start, drug.end = need_time(match[1], as_of), need_time(match[2], as_of)
        if drug.start.earliest > drug.end.latest:
            raise WordError(f"{part!r} ends before it starts")
    elif part.startswith("since "):
        drug.start = need_time(part[len("since ") :], as_of)
    elif part.startswith("until "):
        drug.end = need_time(part[len("until ") :], as_of)
    elif match := re.fullmatch(r"for (\d{1,4}) days?", part):
        drug.days = int(match[1])
    elif part in ("not selected", "by text"):
        drug.flags.add(part)
    elif part.startswith("reason "):
        drug.reasons = None if part == "reason unreadable" else tuple(part.split()[1:])
    else:
        drug.start = drug.end = _instead(
            part,
            as_of,
            (
                "since 5 days ago",
                "until 5 days ago",
                "9 days ago to 2 days ago",
                "for 10 days",
                "not selected",
                "by text",
                "reason toxicity",
            ),
        )
        drug.single = True


def read_event(text: str, as_of: datetime) -> EventWords:
    """Read ``facial-droop right x2, 2 hours ago, persistent``."""
    head, *parts = _split(text)
    name, *words = head.split()
    event = EventWords(name)
    for word in words:
        if word in SIDES:
            event.side = word
        elif match := _COUNT.fullmatch(word):
            event.count = int(match[1])
        else:
            raise WordError(f"{word!r} is neither a side ({', '.join(SIDES)}) nor a count ('x2')")
    for part in parts:
        _event_part(part, event, as_of)
    return event


_EVENT_FLAGS = ("past", "in encounter", "patient reported", "by text", "undated")


def _event_part(part: str, event: EventWords, as_of: datetime) -> None:
    if part.startswith("recorded "):
        event.recorded = need_time(part[len("recorded ") :], as_of)
    elif part in COURSES:
        event.course = part
    elif part in _EVENT_FLAGS:
        event.flags.add(part)
    elif part == "in_encounter":
        event.flags.add("in encounter")
    else:
        event.onset = _instead(part, as_of, ("recorded 3 days ago", *COURSES, *_EVENT_FLAGS))


def read_twitch(text: str, as_of: datetime, sites: Iterable[str], traits: Iterable[str]) -> TwitchWords:
    """Read ``lip right, 5 days ago, persistent, not suppressible``; ``twitch`` stands for no site."""
    head, *parts = _split(text)
    known, words = frozenset(sites), head.split()
    side = [word for word in words if word in SIDES]
    named = frozenset(words) - frozenset(SIDES) - {"twitch", "unknown"}
    if strange := sorted(named - known):
        raise WordError(
            f"{strange[0]!r} is no site of a twitch; known: {', '.join(sorted(known))}, or 'twitch' for none"
        )
    if len(side) > 1:
        raise WordError(f"{head!r} names two sides; write 'both'")
    twitch = TwitchWords(named, side[0] if side else None)
    for part in parts:
        _twitch_part(part, twitch, as_of, frozenset(traits))
    return twitch


def _twitch_part(part: str, twitch: TwitchWords, as_of: datetime, traits: frozenset[str]) -> None:
    if part.startswith("recorded "):
        first, _, last = part[len("recorded ") :].partition(" to ")
        start = need_time(first, as_of)
        twitch.recorded = (start, need_time(last, as_of) if last else start)
    elif part in COURSES:
        twitch.course = part
    elif part.removeprefix("not ") in traits:
        twitch.traits[part.removeprefix("not ")] = not part.startswith("not ")
    elif part in ("patient reported", "by text"):
        twitch.flags.add(part)
    else:
        twitch.onset = _instead(part, as_of, ("recorded 3 days ago", *COURSES, *sorted(traits)))


def _split(text: str) -> list[str]:
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise WordError(f"{text!r} has an empty part between commas")
    return parts


def _instead(part: str, as_of: datetime, others: Iterable[str]) -> Moment:
    moment = read_time(part, as_of)
    if moment is None:
        raise WordError(
            f"{part!r} is not understood; write a time ('2 days ago', 'today', '2025-05-30') or one of: "
            f"{', '.join(others)}"
        )
    return moment
