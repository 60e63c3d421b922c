"""Which resources are understood only because the site mapped their local code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cds_service.fhir.datatypes import Concept
from cds_service.fhir.lexicon import Meaning
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Located, pointer_of
from cds_service.fhir.vocabulary import codings

_CODES = ("code", "medicationCodeableConcept", "vaccineCode", "valueCodeableConcept")
_MAX_SHOWN = 60


def mapped_resources(reading: Reading) -> dict[str, str]:
    """Return the JSON pointer of each such resource with the local code it carries; sorted.

    A resource that also carries a code the published terminology knows is not among them.
    """
    terminology = reading.lexicon.terminology
    if not terminology.local_codes:
        return {}
    groups = (*reading.record.groups.values(), reading.record.drafts)
    found: dict[str, str] = {}
    for group in groups:
        for located in group:
            code = next(
                filter(None, (_local(concept, reading) for concept in _concepts(located, reading))), ""
            )
            if code:
                found[pointer_of(located)] = code[:_MAX_SHOWN]
    return dict(sorted(found.items()))


def _concepts(located: Located, reading: Reading) -> Iterator[Concept]:
    resource: Any = located[3]
    for name in _CODES:
        concept = getattr(resource, name, None)
        if isinstance(concept, Concept):
            yield concept
    reference = getattr(resource, "medicationReference", None)
    target = reading.references.find(reference.reference, located) if reference is not None else None
    if target is not None and target[3] is not resource:
        code = getattr(target[3], "code", None)
        yield from [code] if isinstance(code, Concept) else []


def _local(concept: Concept, reading: Reading) -> str:
    """Return the local code a concept is understood by, or an empty word."""
    terminology = reading.lexicon.terminology
    local = ""
    for row in codings(concept):
        if not row.system or not row.code:
            continue
        short = terminology.canonical_system(row.system)
        if short is not None and (short, row.code.strip()) in terminology.local_codes:
            local = local or row.code.strip()
        elif _is_known(reading.lexicon.code(row.system, row.code)):
            return ""
    return local


def _is_known(meaning: Meaning) -> bool:
    return bool(meaning.analytes or meaning.drugs or meaning.twitch or meaning.names)
