"""Send hostile requests to an application in this process and to a running one, watch clock and log, count."""

from __future__ import annotations

import faulthandler
import io
import itertools
import signal
import threading
import time
import traceback
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from cds_service.json_log import LOGGER
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.settings import Settings
from cds_service.web import create_app
from tests.fuzz.hostile import Hostile, request_of
from tests.fuzz.invariants import Invariants, bent
from tests.fuzz.wire import Wire

#: Seconds after which a request counts as hanging; the goal is one second on a machine of its own.
HANG_SECONDS = 20
_DEAD_SECONDS = 300
_BATCH = 100
#: How many of the innermost calls a hang is told with.
_STACK = 12


class Hang(BaseException):
    """A request took too long; no handler of the application may catch it. Says where it was."""


@dataclass(slots=True)
class Tally:
    """What a run of requests came to. ``failures`` maps a seed to what its answer broke."""

    requests: int = 0
    seconds: float = 0.0
    slowest: float = 0.0
    slowest_seed: int = -1
    over_a_second: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    codes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    framings: Counter[str] = field(default_factory=Counter)
    failures: dict[int, list[str]] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Take in another tally."""
        self.requests += other.requests
        self.seconds += other.seconds
        if other.slowest > self.slowest:
            self.slowest, self.slowest_seed = other.slowest, other.slowest_seed
        self.over_a_second += other.over_a_second
        self.statuses += other.statuses
        self.codes += other.codes
        self.kinds += other.kinds
        self.framings += other.framings
        self.failures |= other.failures


class Target:
    """One application, its log in memory, a running service beside it, and what answers are held against."""

    def __init__(self, folder: Path, wire: Wire, knowledge: Knowledge | None = None) -> None:
        """Keep the feedback in ``folder``; ``knowledge`` None loads the bundled one."""
        folder.mkdir(parents=True, exist_ok=True)
        knowledge = knowledge or load_knowledge()
        settings = Settings(
            store_url=f"sqlite:///{folder / 'fuzz.sqlite3'}",
            allow_as_of=True,
            log_level="debug",
            memory_key="k" * 32,
        )
        self.app = create_app(settings, knowledge)
        self._log = io.StringIO()
        for handler in LOGGER.handlers:
            handler.setStream(self._log)  # type: ignore[attr-defined]
        self._client = self.app.test_client()
        document = self._client.get("/openapi.json").get_json()
        self.invariants = Invariants(document, knowledge)
        self._wire = wire
        self._over_wire = Invariants(wire.document(), knowledge)

    def run(self, seeds: Iterable[int]) -> Tally:
        """Send the requests of the seeds."""
        tally = Tally()
        self.invariants.codes = self._over_wire.codes = tally.codes
        started = time.perf_counter()
        for batch in batched(seeds, _BATCH):
            faulthandler.dump_traceback_later(_DEAD_SECONDS, exit=True)  # a hang inside C code
            framings = {seed: self._one(seed, tally) for seed in batch}
            if any(framings.values()) and (sick := self.unhealthy()):
                about = [f"{seed} {framing}" for seed, framing in framings.items() if framing]
                tally.failures[batch[-1]] = [*sick, f"after {', '.join(about)}"]
            faulthandler.cancel_dump_traceback_later()
        tally.seconds = time.perf_counter() - started
        return tally

    def _one(self, seed: int, tally: Tally) -> str:
        """Send the request of a seed, count what came, and return its framing."""
        sent = request_of(seed)
        began = time.perf_counter()
        status, broken = self.send(sent, seed)
        took = time.perf_counter() - began
        tally.requests += 1
        tally.statuses[status] += 1
        tally.kinds[sent.kind] += 1
        tally.framings[sent.framing] += bool(sent.framing)
        tally.over_a_second += took > 1
        if took > tally.slowest:
            tally.slowest, tally.slowest_seed = took, seed
        if broken:
            tally.failures[seed] = broken
        return sent.framing

    def send(self, sent: Hostile, seed: int = 0) -> tuple[int, list[str]]:
        """Return the status of a request and what its answer broke; 0 when there was no answer.

        ``seed`` draws how a framing is done.
        """
        if sent.framing:
            return self._over_socket(sent, seed)
        self._log.seek(0)
        self._log.truncate()
        used = time.process_time()
        try:
            with watched(HANG_SECONDS):
                answer = self._client.open(
                    sent.path,
                    method=sent.method,
                    data=sent.body,
                    content_type=sent.media,
                    headers=sent.headers,
                )
                body = answer.get_data()
        except Hang as hang:
            return 0, [f"hang with {time.process_time() - used:.2f} s of processor, at {hang}"]
        log = self._log.getvalue()
        broken = self.invariants.broken(sent, answer.status_code, answer.content_type or "", body, log)
        if answer.status_code >= 500:
            broken.append(log[-2000:])
        answer.close()
        return answer.status_code, broken

    def unhealthy(self) -> list[str]:
        """Return what is wrong with the running service: it must answer a good call, and its log be clean."""
        return self._wire.unhealthy()

    def _over_socket(self, sent: Hostile, seed: int) -> tuple[int, list[str]]:
        try:
            framed, answers = self._wire.send(sent, seed, HANG_SECONDS)
        except TimeoutError:
            return 0, [f"hang: {sent.framing}"]
        except OSError as error:
            return 0, [f"{sent.framing}: {error!r}"]
        if not framed.is_whole:
            return answers[0].status if answers else 0, bent(answers)
        if len(answers) != framed.answers:
            return 0, [f"{sent.framing}: {len(answers)} answers of {framed.answers}"]
        first = answers[0]
        broken = self._over_wire.broken(sent, first.status, first.media, first.body, "")
        return first.status, broken + bent(answers[1:])


@contextmanager
def watched(seconds: float) -> Iterator[None]:
    """Raise Hang after ``seconds``."""
    in_main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGALRM, _ring) if in_main else None
    if in_main:
        signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        if in_main:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)


def batched(seeds: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield the seeds in lists of ``size``."""
    waiting = iter(seeds)
    while batch := list(itertools.islice(waiting, size)):
        yield batch


def _ring(number: int, frame: FrameType | None) -> None:
    stack = traceback.extract_stack(frame)[-_STACK:]
    raise Hang(" > ".join(f"{Path(at.filename).name}:{at.lineno} {at.name}" for at in stack))
