"""The rules of a knowledge, ready to judge: compiled once for whoever judges, explains or validates."""

from __future__ import annotations

from functools import lru_cache

from cds_service.collector import collector_paused
from cds_service.engine import Program, compile_program
from cds_service.knowledge import Knowledge


@lru_cache(maxsize=8)
@collector_paused()
def program_of(knowledge: Knowledge) -> Program:
    """Return the rules of a knowledge, ready to judge; made once.

    Raises:
        ContentError: names that do not exist, units that do not convert; every fault at once.
    """
    return compile_program(
        knowledge.rules.values(),
        knowledge.definitions,
        knowledge.gates,
        knowledge.terminology,
        knowledge.order_sets,
        knowledge.modifiers,
    )
