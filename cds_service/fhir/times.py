"""Read FHIR dates, times and periods as Moments, as precise as the record and no more.

A time without a zone is read in the zone of ``as_of`` (the record was written at the same place);
a partial date is the whole span it may mean. Where it may be somewhere else's today, or the writer's
clock may only be fast, a moment after ``as_of`` may already have begun: a fresh result is never lost
to that. Text that is no date gives None, never a guess.
"""

from __future__ import annotations

import calendar
import re
from datetime import UTC, date, datetime, timedelta

from cds_service.facts import DAY, HOUR, Moment, moment_from_date

_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_MAX = 40
_WITH_ZONE = len("2026-11-15T08:30:00+01:00")
_TO_THE_MINUTE = len("2026-11-15T08:30")
_SIGNS = slice(4, 14, 3)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Clocks of two systems in one hospital differ by minutes: what they say of "now" is no future.
_CLOCK_SKEW = 10 * 60
#: Where the day begins first: UTC+14 (IANA time zone database, Pacific/Kiritimati).
_FARTHEST_EAST = 14 * HOUR


class Times:
    """Reads date texts relative to one ``as_of``; remembers what it has read (panels share times)."""

    def __init__(self, as_of: datetime) -> None:
        """Raise ValueError when ``as_of`` has no time zone."""
        if as_of.tzinfo is None:
            raise ValueError("as_of needs a time zone")
        self.as_of = as_of
        self.now = int(as_of.timestamp())
        offset = as_of.utcoffset()
        self._zone_reach = _FARTHEST_EAST - int(offset.total_seconds() if offset else 0)
        self._read: dict[str, Moment | None] = {}
        self._day_texts: dict[int, str] = {}

    def read(self, text: str | None) -> Moment | None:
        """Return the Moment of a FHIR date, dateTime or instant; None when absent or no date."""
        if text is None:
            return None
        if text not in self._read:
            self._read[text] = self._parse(text)
        return self._read[text]

    def first(self, *texts: str | None) -> Moment | None:
        """Return the first of several texts that is a date."""
        for text in texts:
            moment = self.read(text) if text else None
            if moment is not None:
                return moment
        return None

    def is_long_ago(self, text: str, days: int) -> bool:
        """Whether a date text is surely more than ``days`` before ``as_of``, by its first characters alone.

        False is no answer. Two days of grace cover every zone.
        """
        limit = self._day_texts.get(days)
        if limit is None:
            day = self.day_of(self.now - (days + 2) * DAY)
            limit = self._day_texts[days] = day.text if day is not None else ""
        return text < limit and len(text) >= len(limit) and text[:4].isdigit()

    def day_of(self, seconds: int) -> Moment | None:
        """Return the whole day (in the zone of ``as_of``) a point in time lies in; None out of range."""
        try:
            return moment_from_date(datetime.fromtimestamp(seconds, self.as_of.tzinfo).date(), self.as_of)
        except (OverflowError, ValueError, OSError):
            return None

    def shifted(self, moment: Moment, seconds: int) -> Moment:
        """Return a moment moved by ``seconds``; a whole day stays a whole day."""
        day_only = moment.is_day_only
        try:
            start = datetime.fromtimestamp(moment.earliest, self.as_of.tzinfo) + timedelta(seconds=seconds)
        except (OverflowError, ValueError, OSError):
            return moment
        text = start.date().isoformat() if day_only else start.isoformat(timespec="seconds")
        return Moment(moment.earliest + seconds, moment.latest + seconds, text)

    def _parse(self, text: str) -> Moment | None:
        if len(text) > _MAX:
            return None
        compact = text.replace(" ", "")
        if len(compact) <= 10:
            return self._partial(compact)
        if len(compact) < _TO_THE_MINUTE or compact[_SIGNS] != "--T:":
            return None
        try:
            return self._instant(compact)
        except (ValueError, OverflowError):
            return None

    def _instant(self, text: str) -> Moment:
        instant = datetime.fromisoformat(text)
        reach = _CLOCK_SKEW
        if instant.tzinfo is None:
            instant, reach = instant.replace(tzinfo=self.as_of.tzinfo), self._zone_reach
        seconds = _seconds(instant)
        shown = text if len(text) == _WITH_ZONE else instant.isoformat(timespec="seconds")
        return Moment(self._begun(seconds, reach), seconds, shown)

    def _begun(self, seconds: int, reach: int) -> int:
        """Return the first possible time: now, where what looks like the future may have begun."""
        return seconds if seconds <= self.now or seconds > self.now + reach else self.now

    def _partial(self, text: str) -> Moment | None:
        span = read_date_span(text)
        if span is None:
            return None
        try:
            first = last = moment_from_date(span[0], self.as_of)
            if span[1] != span[0]:
                last = moment_from_date(span[1], self.as_of)
        except (OverflowError, ValueError):
            return None
        return Moment(self._begun(first.earliest, self._zone_reach), last.latest, text)


def _seconds(instant: datetime) -> int:
    """Return the whole seconds since 1970 UTC, those before it rounded up; exact, as a float would not be."""
    since = instant - _EPOCH
    whole = since.days * DAY + since.seconds
    return whole + 1 if whole < 0 and since.microseconds else whole


def read_date_span(text: str | None) -> tuple[date, date] | None:
    """Return the first and last day a FHIR date may mean (year, year and month, or day)."""
    match = _DATE.fullmatch(text.strip()) if text else None
    if match is None:
        return None
    year, month, day = (int(part or 0) for part in match.groups())
    try:
        if day and month:
            exact = date(year, month, day)
            return exact, exact
        if month:
            return date(year, month, 1), date(year, month, calendar.monthrange(year, month)[1])
        return date(year, 1, 1), date(year, 12, 31)
    except (ValueError, calendar.IllegalMonthError):
        return None
