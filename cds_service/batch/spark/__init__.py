"""The batch on Spark: ``review_with_spark`` for notebooks and jobs, ``run_on_spark`` for the command line.

They are loaded when they are first asked for: executors come by here and need no part of the driver.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds_service.batch.spark.driver import own_session, review_with_spark, run_on_spark, setup_of

__all__ = ["own_session", "review_with_spark", "run_on_spark", "setup_of"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.driver"), name)
