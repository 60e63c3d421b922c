"""Load the knowledge and make it ready to judge, once for each process and the processes forked from it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.review import program_of


@lru_cache(maxsize=1)
def ready_knowledge(root: Path | None) -> Knowledge:
    """Return the knowledge below ``root`` (None: the bundled one), its rules compiled.

    Raises:
        ContentError: A file is wrong or a rule cannot be judged; every fault is told.
    """
    knowledge = load_knowledge(root)
    program_of(knowledge)
    return knowledge
