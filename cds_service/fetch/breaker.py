"""Spare a failing server: a rest after failures in a row, and few retries for many questions."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

#: Failures in a row after which a server rests, and for how many seconds.
FAILURES = 5
REST_SECONDS = 10.0
#: Retries that a question earns, and how many can be saved up: 100 failing questions become 116 at most.
_EARNED = 0.15
_SAVED = 10.0


@dataclass(slots=True)
class Breaker:
    """What is known of one server's health; shared by all calls and threads."""

    clock: Callable[[], float] = time.monotonic
    _failures: int = 0
    _rests_until: float | None = None
    _retries: float = 1.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def admits(self) -> bool:
        """Whether the server may be asked; after a rest one question is let through to try."""
        with self._lock:
            if self._rests_until is None:
                return True
            if self.clock() < self._rests_until:
                return False
            self._rests_until = self.clock() + REST_SECONDS
            return True

    def succeeded(self) -> None:
        """Note an answer: the server is well."""
        with self._lock:
            self._failures = 0
            self._rests_until = None
            self._retries = min(_SAVED, self._retries + _EARNED)

    def failed(self) -> None:
        """Note that there was no answer, or one that says the server is not well."""
        with self._lock:
            self._failures += 1
            self._retries = min(_SAVED, self._retries + _EARNED)
            if self._failures >= FAILURES:
                self._rests_until = self.clock() + REST_SECONDS

    def may_retry(self) -> bool:
        """Take one retry, if one was earned and the server does not rest."""
        with self._lock:
            if self._retries < 1 or self._rests_until is not None:
                return False
            self._retries -= 1
            return True


@dataclass(slots=True)
class Breakers:
    """The breaker of each server, made when it is first asked for."""

    clock: Callable[[], float] = time.monotonic
    _known: dict[str, Breaker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def of(self, origin: str) -> Breaker:
        """Return the breaker of an origin; there are only as many as the settings list servers."""
        with self._lock:
            return self._known.setdefault(origin, Breaker(self.clock))
