"""Load the knowledge and make it ready to judge, once for each process and the processes forked from it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cds_service.content import content_root
from cds_service.fhir import latest_clinical_date, read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.program import program_of
from cds_service.review import review_patient


@lru_cache(maxsize=1)
def ready_knowledge(root: Path | None) -> Knowledge:
    """Return the knowledge below ``root`` (None: the bundled one), its rules compiled.

    Raises:
        ContentError: A file is wrong or a rule cannot be judged; every fault is told.
    """
    knowledge = load_knowledge(root)
    program_of(knowledge)
    return knowledge


def bundled_patients() -> list[Path]:
    """Return the Bundles of the synthetic patients that come with the product, sorted."""
    return sorted((content_root() / "fixtures" / "patients").glob("*/bundle.json"))


def rehearse(knowledge: Knowledge) -> int:
    """Review every bundled patient once and return how many there were.

    What is loaded on first use is loaded before the first call, and a knowledge that cannot judge at
    all is found at the start.

    Raises:
        PatientDataError: A bundled patient could not be read.
    """
    paths = bundled_patients()
    for path in paths:
        record = read_bundle(path.read_bytes(), where=path.parent.name)
        newest = latest_clinical_date(record)
        if newest is not None:
            review_patient(record, knowledge, as_of=newest)
    return len(paths)
