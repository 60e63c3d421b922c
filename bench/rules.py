"""Measure what judging all rules costs for one patient, twitching and not."""

from __future__ import annotations

from datetime import datetime

from patients import AS_OF, TWITCHING, WELL, bundle_of, median, show, timed

from cds_service.fhir import extract_facts, read_bundle
from cds_service.knowledge import load_knowledge
from cds_service.program import program_of
from cds_service.review import review_patient

_ROUNDS = 200


def main() -> None:
    """Print the table."""
    knowledge = load_knowledge()
    program = program_of(knowledge)
    as_of = datetime.fromisoformat(AS_OF)
    rows = []
    for story, mark in ((TWITCHING, "1000"), (WELL, "100")):
        data = bundle_of(story)
        record = read_bundle(data)
        facts = extract_facts(record, knowledge.terminology, knowledge.narrative, as_of=as_of)
        steps = [
            ("read", lambda data=data: read_bundle(data), ""),
            (
                "facts",
                lambda record=record: extract_facts(
                    record, knowledge.terminology, knowledge.narrative, as_of=as_of
                ),
                "",
            ),
            ("judge all rules", lambda facts=facts: program.judge(facts), mark),
            ("review", lambda record=record: review_patient(record, knowledge, as_of=as_of), ""),
        ]
        for name, work, limit in steps:
            rows.append([f"{story}: {name}", f"{median(timed(work, _ROUNDS)) * 1e6:.0f}", limit])
    show(
        f"One patient, {len(knowledge.rules)} rules, microseconds (median)",
        ["what", "measured", "mark"],
        rows,
    )


if __name__ == "__main__":
    main()
