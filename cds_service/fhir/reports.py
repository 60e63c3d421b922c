"""Diagnostic reports: coded conclusions, and conclusions in words."""

from __future__ import annotations

from cds_service.facts import Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.history import concept_of
from cds_service.fhir.reading import MAX_TEXT, Reading
from cds_service.fhir.records import source_of
from cds_service.fhir.resources import DiagnosticReport
from cds_service.fhir.symptoms import Setting, read_concept, text_event


def read_reports(reading: Reading) -> None:
    """Read every usable DiagnosticReport: coded conclusions, and conclusions in words."""
    for located in reading.usable(DiagnosticReport):
        resource: DiagnosticReport = located[3]
        status = (resource.status or "").strip()
        if status not in words.REPORT_USABLE:
            reading.refuse("F019" if status in words.RESULT_KNOWN else "F018", located, kind="report")
            continue
        says_more = resource.conclusion or resource.conclusionCode or resource.codedDiagnosis
        if not says_more and not reading.sense(resource.code).names("procedure")[0]:
            continue
        moment = _report_moment(reading, resource)
        if moment is not None and moment.earliest > reading.times.now:
            reading.refuse("F032", located, kind="report")
            continue
        _read_report(reading, resource, Setting(source_of(located), moment, "report"))


def _report_moment(reading: Reading, resource: DiagnosticReport) -> Moment | None:
    period = resource.effectivePeriod
    return reading.times.first(
        resource.effectiveDateTime,
        period.end if period else None,
        period.start if period else None,
        resource.issued,
    )


def _read_report(reading: Reading, resource: DiagnosticReport, setting: Setting) -> None:
    concepts = [concept_of(item) for item in resource.conclusionCode or ()]
    for concept in (*concepts, *(resource.codedDiagnosis or ())):
        if not read_concept(reading, concept, setting, present=True, kinds=("report", "procedure")):
            reading.count_unread("report", reading.sense(concept))
    title = " ".join(reading.sense(resource.code).texts)[:400]
    if resource.conclusion and title:
        for sentence in resource.conclusion[:MAX_TEXT].splitlines() or ():
            for name in reading.lexicon.asserted("report", f"{title}: {sentence}"):
                reading.add_event(text_event("report", name, sentence, setting, None, None))
    read_concept(reading, resource.code, setting, present=True, kinds=("procedure",))
