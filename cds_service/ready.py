"""Load the knowledge and make it ready to judge, once for each process and the processes forked from it."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from cds_service.content import content_root
from cds_service.errors import Issue
from cds_service.fhir import latest_clinical_date, read_bundle
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.program import program_of
from cds_service.review import review_patient
from cds_service.site import NO_SITE, read_site
from cds_service.site_changes import is_as_published
from cds_service.validate.sentinels import sentinel_issues


@lru_cache(maxsize=1)
def ready_knowledge(root: Path | None, site: Path | None = None) -> Knowledge:
    """Return the knowledge below ``root`` (None: the bundled one), its rules compiled.

    ``site`` is the file of what one site changes in it; None leaves everything as published.

    Raises:
        ContentError: A file is wrong or a rule cannot be judged; every fault is told.
        SettingsError: The site file is wrong.
    """
    file = NO_SITE if site is None else read_site(site, root or content_root())
    knowledge = load_knowledge(root, site=file)
    program_of(knowledge)
    return knowledge


@lru_cache(maxsize=8)
def unproven(knowledge: Knowledge) -> tuple[Issue, ...]:
    """Return what the sentinels of the rules say against this knowledge; empty when every rule is proven.

    Rules the site changed are proven as published; ``differing`` tells what their sentinels say here.
    """
    changed = _changed(knowledge)
    faults = [issue for issue in sentinel_issues(knowledge) if _file(issue) not in changed]
    if changed:
        published = sentinel_issues(load_knowledge(knowledge.root))
        faults += [issue for issue in published if _file(issue) in changed]
    return tuple(sorted(faults))


@lru_cache(maxsize=8)
def differing(knowledge: Knowledge) -> tuple[Issue, ...]:
    """Return the sentinels that come out differently because the site changed their rules: told, no fault."""
    changed = _changed(knowledge)
    if not changed:
        return ()
    as_published = unproven(knowledge)
    here = sentinel_issues(knowledge)
    return tuple(i for i in here if _file(i) in changed and i not in as_published)


def _changed(knowledge: Knowledge) -> frozenset[str]:
    return frozenset(rule.path for rule in knowledge.rules.values() if not is_as_published(rule, knowledge))


def _file(issue: Issue) -> str:
    return issue.where.rpartition(":")[0]


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
