"""One budget of time and one of bytes for everything a call asks of a FHIR server."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from cds_service.fetch.faults import Fault, FetchFault


@dataclass(frozen=True, slots=True)
class Deadline:
    """An instant of a clock that only runs forward; made by ``within``."""

    ends: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def within(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Return the deadline that many seconds from now."""
        return cls(clock() + seconds, clock)

    @property
    def left(self) -> float:
        """Seconds that are left; never negative."""
        return max(0.0, self.ends - self.clock())

    def need(self) -> float:
        """Return the seconds that are left. Raises TimeoutError when there are none."""
        left = self.left
        if left <= 0:
            raise TimeoutError
        return left


@dataclass(frozen=True, slots=True)
class Pace(Deadline):
    """A deadline for what may take long, that ends too when nothing comes for ``stall`` seconds."""

    stall: float = 30.0

    def need(self) -> float:
        """Return the seconds the next wait may take. Raises TimeoutError when there are none."""
        return min(self.stall, Deadline.need(self))


@dataclass(slots=True)
class Allowance:
    """How many bytes may still be taken in; shared by the threads of one call."""

    left: int
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, count: int) -> None:
        """Use up bytes. Raises FetchFault (TOO_LARGE) when there are not enough."""
        with self._lock:
            self.left -= count
            if self.left < 0:
                raise FetchFault(Fault.TOO_LARGE)
