"""Ask one question well: what its answer is worth, and whether to ask again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime

from cds_service.fetch.breaker import Breaker
from cds_service.fetch.deadline import Deadline
from cds_service.fetch.faults import OF_THE_SERVER, PASSING, Fault, FetchFault
from cds_service.fetch.transport import Answer, Line, Question

#: A copy older than this in a cache on the way is not the record (seconds).
_STALE_SECONDS = 300
_CLOCK_SKEW_SECONDS = 3_600
_BACKOFF = (0.05, 0.15)
_BY_STATUS = {
    401: Fault.REFUSED,
    403: Fault.REFUSED,
    404: Fault.ABSENT,
    410: Fault.ABSENT,
    429: Fault.BUSY,
    503: Fault.BUSY,
    500: Fault.SERVER,
    502: Fault.SERVER,
    504: Fault.SERVER,
}


@dataclass(slots=True)
class Asker:
    """Asks the questions of one call; ``requests`` counts what was sent, retries included.

    ``jitter`` chooses a pause between two numbers of seconds; ``now`` gives seconds since 1970, to know old
    copies by their date (None: only by their age). ``is_hurried``: the caller's token leaves less time than
    the site does; then no answer in time is no sign that the server is ill.
    """

    breaker: Breaker
    deadline: Deadline
    token: str = field(repr=False)
    jitter: Callable[[float, float], float]
    now: Callable[[], float] | None = None
    is_hurried: bool = False
    requests: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def ask(self, line: Line, question: Question, *, ours: bool = True) -> Answer:
        """Return a good answer; ask again where that may help, was earned and fits the deadline.

        ``ours``: the address is of our making. A caller's own may be one that no healthy server answers: such
        faults are not counted, or one caller could have the server rest for all.

        Raises:
            FetchFault: There is no good answer.
        """
        while True:
            if self.deadline.left <= 0:
                raise FetchFault(Fault.TIMEOUT)
            if not self.breaker.admits():
                raise FetchFault(Fault.RESTING)
            try:
                answer = self._once(line, question)
            except FetchFault as fault:
                self._judge(fault.fault, ours)
                pause = self._pause(fault, question)
                if pause is None or not self.breaker.may_retry():
                    raise
                time.sleep(pause)
            else:
                self.breaker.succeeded()
                return answer

    def _judge(self, fault: Fault, ours: bool) -> None:
        """Note what a fault says about the health of the server."""
        if fault not in OF_THE_SERVER:
            self.breaker.succeeded()
        elif ours and not (fault is Fault.TIMEOUT and self.is_hurried):
            self.breaker.failed()

    def _pause(self, fault: FetchFault, question: Question) -> float | None:
        """Return how many seconds to wait before asking again; None when that is of no use."""
        if fault.fault not in PASSING or question.body is not None:
            return None
        pause = self.jitter(*_BACKOFF) if fault.wait is None else fault.wait
        return pause if pause < self.deadline.left / 2 else None

    def _once(self, line: Line, question: Question) -> Answer:
        with self._lock:
            self.requests += 1
        answer = line.ask(question, self.token)
        if answer.status != 200:
            fault = Fault.REDIRECT if 300 <= answer.status < 400 else Fault.STATUS
            raise FetchFault(_BY_STATUS.get(answer.status, fault), _wait(answer))
        if _is_stale(answer, self.now):
            raise FetchFault(Fault.STALE)
        return answer


def _wait(answer: Answer) -> float | None:
    """Return the seconds of Retry-After; a date in it counts as long. None without the header."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    return float(text) if text.isascii() and text.isdigit() and len(text) < 6 else float("inf")


def _is_stale(answer: Answer, now: Callable[[], float] | None) -> bool:
    """Whether a cache on the way answered with an old copy, by its Age or its Date."""
    age = answer.headers.get("Age", "").strip()
    if age.isascii() and age.isdigit() and int(age[:9]) > _STALE_SECONDS:
        return True
    try:
        said = parsedate_to_datetime(answer.headers.get("Date", ""))
        seconds = (said if said.tzinfo else said.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return False
    return now is not None and now() - seconds > _CLOCK_SKEW_SECONDS
