"""Libraries that only some outputs need: brought when they are used, with the way to install them when missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

from cds_service.errors import Issue, SettingsError

_WANTED: Final[dict[str, tuple[str, str, str]]] = {
    "pyarrow": (
        "B018",
        "needs pyarrow, which is not installed.",
        "Run: pip install 'twitch-cds[parquet]', or leave parquet out of --format.",
    ),
    "matplotlib": (
        "B019",
        "needs matplotlib, which is not installed.",
        "Run: pip install 'twitch-cds[report]', or leave out --report.",
    ),
}
_WHERE: Final = {"pyarrow": "--format parquet", "matplotlib": "--report"}


def brought(module: str) -> Any:
    """Return a module of pyarrow or matplotlib.

    Raises:
        SettingsError: the library is not installed (B018, B019).
    """
    library = module.partition(".")[0]
    try:
        return import_module(module)
    except ImportError:
        raise SettingsError(Issue(_WHERE[library], *_WANTED[library])) from None


def needed(formats: tuple[str, ...], *, report: bool) -> None:
    """Check before a run begins that what its outputs need is installed.

    Raises:
        SettingsError: a library is not installed (B018, B019).
    """
    if "parquet" in formats:
        brought("pyarrow.parquet")
    if report:
        brought("matplotlib")
