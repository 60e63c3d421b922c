"""What a worker process does about the process that started it: stop with it, whatever ends it."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time

from cds_service.json_log import LOGGER

_LOOK_EVERY_SECONDS = 1.0


def follow_the_parent(stop_seconds: int) -> None:
    """Let a worker stop when its parent stops; in any other process nothing is done.

    A terminal sends Ctrl-C to parent and workers alike, then the parent tells its workers to stop: a
    worker that is told twice hangs until the grace period is over, so workers do not hear Ctrl-C.
    A parent that is killed tells nobody: its workers would go on, unsupervised, and keep the port.

    Args:
        stop_seconds: How long calls under way may still take then.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # which the parent blocks for itself
    watch = threading.Thread(target=_stop_without, args=(parent.pid, stop_seconds), daemon=True)
    watch.start()


def _stop_without(parent: int | None, stop_seconds: int) -> None:
    """Stop this process as soon as ``parent`` is not its parent any more."""
    while os.getppid() == parent:
        time.sleep(_LOOK_EVERY_SECONDS)
    LOGGER.error("the service was killed; this worker stops")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(stop_seconds)
    os._exit(1)
