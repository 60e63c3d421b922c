"""Libraries that only some outputs need: brought when used, with the way to install them when missing."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, Final

from cds_service.batch.faults import stops

#: What needs the library, and the code of its absence.
_WANTED: Final = {"pyarrow": ("--format parquet", "B018"), "matplotlib": ("--report", "B019")}


def brought(module: str) -> Any:
    """Return a module of pyarrow or matplotlib.

    Raises:
        BatchError: The library is not installed (B018, B019).
    """
    try:
        return import_module(module)
    except ImportError:
        where, code = _WANTED[module.partition(".")[0]]
        raise stops(code, where) from None


def needed(formats: Sequence[str], *, report: bool) -> None:
    """Check, before a run begins, that what its outputs need is installed.

    Raises:
        BatchError: A library is not installed (B018, B019).
    """
    if "parquet" in formats:
        brought("pyarrow.parquet")
    if report:
        brought("matplotlib")
