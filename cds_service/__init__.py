"""Clinical decision support for involuntary muscle twitching: FHIR record in, CDS Hooks cards out.

For use as a library: ``load_knowledge``, ``review_patient`` for one patient, ``run_batch`` for many.
They are loaded when they are first asked for: the command line need not wait for all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cds_service.batch import run_batch
    from cds_service.knowledge import load_knowledge
    from cds_service.review import review_patient

__version__ = "0.1.0"
__all__ = ["__version__", "load_knowledge", "review_patient", "run_batch"]

_HOMES = {"load_knowledge": "knowledge", "review_patient": "review", "run_batch": "batch"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
