"""Spare the garbage collector work that finds nothing: it looks for cycles, and hardly any are made here."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Final

#: Objects made before the youngest are looked through: some patients make so many, and few hold a cycle.
_RARELY: Final = 50_000


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Let nothing be looked through for cycles meanwhile; what holds no cycle is freed at once as ever.

    The collector looks through all that is alive again and again while content is loaded: a third of the
    time, for nothing. Whoever has paused it already keeps it paused.
    """
    is_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if is_on:
            gc.enable()


@contextlib.contextmanager
def collector_rare() -> Iterator[None]:
    """Leave alone what is there: workers share it, and it is never garbage. Look at the rest rarely."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_RARELY, *before[1:])
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
