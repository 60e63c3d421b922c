"""Hostile requests by the hundred thousand; ``bench`` is on the path for the command that is shipped."""

import sys
from pathlib import Path

_BENCH = str(Path(__file__).resolve().parents[2] / "bench")
if _BENCH not in sys.path:
    sys.path.append(_BENCH)
