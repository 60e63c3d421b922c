"""How long an explanation takes, beside the review it explains; never part of the tests."""

from __future__ import annotations

import gc
import time

from rich.console import Console
from rich.table import Table

from cds_service.explain import explain_patient
from cds_service.fhir import latest_clinical_date, read_bundle
from cds_service.ready import bundled_patients, ready_knowledge
from cds_service.review import review_patient

ROUNDS = 7


def main() -> None:
    """Print the best of some rounds for every bundled patient, as mean and worst."""
    knowledge = ready_knowledge(None)
    records = [read_bundle(path.read_bytes(), where=path.parent.name) for path in bundled_patients()]
    dated = [(record, newest) for record in records if (newest := latest_clinical_date(record)) is not None]
    gc.collect()
    gc.freeze()
    best: list[tuple[float, float]] = []
    for record, newest in dated:
        rounds = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            review = review_patient(record, knowledge, as_of=newest)
            middle = time.perf_counter()
            explain_patient(review, knowledge)
            rounds.append((middle - start, time.perf_counter() - middle))
        best.append((min(r[0] for r in rounds), min(r[1] for r in rounds)))
    table = Table(title=f"{len(best)} patients, {len(knowledge.rules)} rules, ms", title_justify="left")
    for heading in ("what", "mean", "worst", "mark"):
        table.add_column(heading, justify="left" if heading == "what" else "right")
    for what, place, mark in (("review", 0, ""), ("explain what was reviewed", 1, "5")):
        times = [row[place] * 1000 for row in best]
        table.add_row(what, f"{sum(times) / len(times):.1f}", f"{max(times):.1f}", mark)
    Console().print(table)


if __name__ == "__main__":
    main()
