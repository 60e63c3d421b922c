"""Read the numbers of a record as the product reads them, with the values at which rules cut them.

Units are converted by the readers of the product itself: a chart that shows another number than the rules
judged would mislead. Values go out as texts, so that no digit is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from cds_service.catalogue.logic import LogicWords
from cds_service.catalogue.thresholds import Cut, analyte_cuts
from cds_service.facts import Measurement, PatientFacts
from cds_service.fhir import extract_facts, latest_clinical_date, read_bundle
from cds_service.knowledge import Knowledge
from cds_service.rules.criteria import Limit
from cds_service.sandbox.shown import ShownUnit, shown_unit
from cds_service.terminology import Analyte

_Range = tuple[Decimal | None, Decimal | None]
#: Side of a cut in words of the answer.
_DIRECTIONS = {"low": "below", "high": "above"}


def chart_of(body: bytes, knowledge: Knowledge, *, as_of: datetime, patient_id: str | None) -> dict[str, Any]:
    """Return the results of a record, by analyte, and what was set aside at ``as_of`` (JSON-ready).

    Results later than ``as_of`` are there, too, marked ``after``: the rules do not look at them.

    Args:
        body: A Bundle, as JSON.
        knowledge: All content.
        as_of: Instant the record is looked at, with zone.
        patient_id: Whose results, where the record holds more than one patient; None otherwise.

    Raises:
        PatientDataError: No FHIR, or no one patient.
    """
    record = read_bundle(body)

    def facts_at(instant: datetime) -> PatientFacts:
        terms, narrative = knowledge.terminology, knowledge.narrative
        return extract_facts(record, terms, narrative, as_of=instant, patient_id=patient_id)

    now = facts_at(as_of)
    newest = latest_clinical_date(record)
    later = facts_at(newest) if newest is not None and newest > as_of else now
    cuts = analyte_cuts(knowledge)
    names = sorted({*now.numbers, *later.numbers}, key=lambda name: _order(name, knowledge))
    return {
        "asOf": as_of.isoformat().replace("+00:00", "Z"),
        "labs": [_series(name, now, later, cuts.get(name, ()), knowledge) for name in names],
        "setAside": [
            {"source": str(row.source), "code": row.code, "message": row.reason} for row in now.set_aside
        ],
    }


def _order(name: str, knowledge: Knowledge) -> tuple[int, str, str]:
    analyte = knowledge.terminology.analytes[name]
    return ("lab", "vital", "survey").index(analyte.kind), analyte.title.casefold(), name


def _series(
    name: str, now: PatientFacts, later: PatientFacts, cuts: Iterable[Cut], knowledge: Knowledge
) -> dict[str, Any]:
    """Return one analyte with its results, oldest first, and the limits of rules."""
    analyte = knowledge.terminology.analytes[name]
    known = {row.source for row in now.numbers.get(name, ())}
    following = [row for row in later.numbers.get(name, ()) if row.source not in known]
    units = knowledge.terminology.units
    shown = shown_unit((*now.numbers.get(name, ()), *following), analyte, units)
    usual = _usual(now, analyte)
    points = [_point(row, usual, shown, is_after=False) for row in now.numbers.get(name, ())]
    return {
        "analyte": name,
        "kind": analyte.kind,
        "title": analyte.title,
        "unit": analyte.unit,
        "usual": _range(*usual),
        "usualShown": None if shown is None else shown.range(*usual),
        "shownUnit": None if shown is None else shown.unit,
        "points": points + [_point(row, usual, shown, is_after=True) for row in following],
        "thresholds": list(_thresholds(analyte, cuts, shown, knowledge)),
    }


def _usual(facts: PatientFacts, analyte: Analyte) -> _Range:
    """Return the usual range of adults; open on both sides for everybody else."""
    return analyte.default_range(facts.sex) if facts.is_adult else (None, None)


def _point(row: Measurement, usual: _Range, shown: ShownUnit | None, *, is_after: bool) -> dict[str, Any]:
    return {
        "date": row.moment.text,
        "value": None if row.value is None else _text(row.value),
        "comparator": row.comparator,
        "reported": row.reported,
        "shown": None if shown is None else shown.point(row),
        "direction": row.direction or _direction(row, usual),
        "critical": row.marked,
        "source": str(row.source),
        "range": _range(row.low, row.high),
        "rangeReported": row.range_reported,
        "preliminary": row.preliminary,
        "doubt": _doubt(row),
        "after": is_after,
    }


def _direction(row: Measurement, usual: _Range) -> str | None:
    """Return low or high where a sure number lies outside its own range, else outside the usual one.

    "<0.2" is low where the range begins above; "<5" says nothing about a range that begins at 3. None
    where the result is inside, or where that cannot be told.
    """
    if row.value is None or row.unit_doubtful or row.sample_doubtful or row.sample_unusable:
        return None
    low = usual[0] if row.low is None else row.low
    high = usual[1] if row.high is None else row.high
    if low is not None and row.value < low and row.comparator in ("", "<", "<="):
        return "low"
    if high is not None and row.value > high and row.comparator in ("", ">", ">="):
        return "high"
    return None


def _doubt(row: Measurement) -> str | None:
    """Return what is doubtful: the ``unit``, the ``sample``; or that the sample is ``unusable``."""
    if row.sample_unusable:
        return "unusable"
    if row.sample_doubtful:
        return "sample"
    return "unit" if row.unit_doubtful else None


def _thresholds(
    analyte: Analyte, cuts: Iterable[Cut], shown: ShownUnit | None, knowledge: Knowledge
) -> Iterator[Mapping[str, str | None]]:
    words = LogicWords(knowledge)
    for cut in cuts:
        text = words.limits((Limit(cut.op, cut.value, analyte.unit),))
        told = {"shown": None, "shownText": None} if shown is None else shown.cut(cut, knowledge)
        for rule_id in cut.rules:
            yield {
                "value": _text(cut.value),
                "direction": _DIRECTIONS[cut.side],
                "ruleId": rule_id,
                "title": knowledge.rules[rule_id].title,
                "text": text,
                **told,
            }


def _range(low: Decimal | None, high: Decimal | None) -> dict[str, str | None] | None:
    if low is None and high is None:
        return None
    return {"low": None if low is None else _text(low), "high": None if high is None else _text(high)}


def _text(value: Decimal) -> str:
    return format(value, "f")
