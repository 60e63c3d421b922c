"""Let so many requests work at the same time and so many wait; who comes then is told to come back.

A service that takes more than it can do answers nobody in time. Calls take turns at being judged, and
whatever must be durable takes turns at the database: threads that crowd around either only slow it down.
Source: goal R8; OWASP ASVS 5.0, 15.2.2.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from cds_service.errors import Issue
from cds_service.web.problems import Refusal

_RETRY_SECONDS = 1


class Turns:
    """So many at once, so many waiting; safe to share between threads."""

    def __init__(self, at_once: int, waiting: int) -> None:
        """Let ``at_once`` work and ``waiting`` more wait for their turn."""
        self._work = threading.BoundedSemaphore(at_once)
        self._places = threading.BoundedSemaphore(at_once + waiting)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for a turn and hold it. Raises Refusal, as ``place`` does."""
        with self.place(), self._work:
            yield

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold a place among those who work or wait; for what comes before a turn.

        Raises:
            Refusal: There is none left (503, Retry-After); told at once.
        """
        if not self._places.acquire(blocking=False):
            what = "The service has more calls than it can answer in time; nothing was done with this one."
            issue = Issue("service", "W503", what, "Send it again after the seconds of Retry-After.")
            raise Refusal(503, issue, "throttled", retry_after=_RETRY_SECONDS)
        try:
            yield
        finally:
            self._places.release()
