"""Observations to measurements: exact value, checked unit, own range, direction; or a reason why not.

The unit is read from the resource, never from its code; a result that cannot be used is set aside
with its raw value (specification 3.1 "Validity", "Results without a usable number", "Unit against
its own reference range").
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from typing import Any, Final, NamedTuple, TypeAlias

from cds_service.facts import Measurement, Moment, Source
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import Quantity
from cds_service.fhir.faults import CODES
from cds_service.fhir.numbers import (
    NumberFault,
    is_comparator,
    number_in,
    printed,
    read_number,
    read_text_number,
)
from cds_service.fhir.ranges import is_unit_doubtful, read_range
from cds_service.fhir.reading import Reading, notes_of
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.resources import Component, Observation
from cds_service.fhir.sense import Sense
from cds_service.fhir.symptoms import read_finding
from cds_service.terminology import DOUBTFUL, UNUSABLE, Analyte, AnalyteCode

#: Every number of at most 40 digits times every factor is exact in this context.
_EXACT: Final = Context(prec=100)
_NO_FLAGS: Final[frozenset[str]] = frozenset()
_PartCodes: TypeAlias = tuple[Observation | Component, tuple[AnalyteCode, ...]]


@dataclass(slots=True)
class _Setting:
    """What all parts of one Observation share."""

    located: Located
    source: Source
    moment: Moment
    status: str
    sample: str


class _Amount(NamedTuple):
    """A number as sent: digits, comparator and unit."""

    value: Decimal
    digits: str
    comparator: str
    unit_text: str | None
    unit_code: str | None
    unit_system: str | None


def read_observations(reading: Reading) -> None:
    """Read every usable Observation into numbers, symptoms, reports and sightings of the twitch."""
    sense_of, count_unread = reading.lexicon.sense, reading.count_unread
    for located in reading.usable(Observation):
        resource: Observation = located[3]
        sense = sense_of(resource.code)
        if resource.component is None and resource.valueQuantity is not None and sense.is_idle:
            count_unread("lab", sense)
        else:
            _read_observation(reading, located, sense)


def _read_observation(reading: Reading, located: Located, sense: Sense) -> None:
    resource: Observation = located[3]
    parts: list[_PartCodes] = []
    if resource.component is None or _has_value(resource):
        parts.append((resource, sense.analytes))
    for part in resource.component or ():
        parts.append((part, reading.sense(part.code).analytes))
    measured = [part for part in parts if part[1]]
    if measured:
        _read_parts(reading, located, measured)
    else:
        _read_unmeasured(reading, located, sense)


def _read_parts(reading: Reading, located: Located, parts: list[_PartCodes]) -> None:
    """Measure every part of one Observation that measures something, unless it is older than asked for."""
    days, dated = reading.numbers_for_days, located[3].effectiveDateTime
    if days is not None and dated is not None and reading.times.is_long_ago(dated, days):
        return
    setting = _setting(reading, located, parts[0][1])
    if setting is None:
        return
    for part, codes in parts:
        for code in codes:
            _measure(reading, setting, code, part)


def _read_unmeasured(reading: Reading, located: Located, sense: Sense) -> None:
    """Read an Observation no analyte claims: a finding, or a test no rule asks for."""
    resource: Observation = located[3]
    if sense.has_analyte_conflict:
        reading.refuse("F035", located, kind="lab")
        return
    status = _status(located)
    if status not in words.RESULT_USABLE:
        reading.refuse("F019" if status in words.RESULT_KNOWN else "F018", located)
    elif not read_finding(reading, located, moment_of(reading, resource)):
        reading.count_unread("lab", sense)


def moment_of(reading: Reading, resource: Any) -> Moment | None:
    """Return when a result held: effectiveDateTime, instant, or the end (else start) of its period."""
    moment = reading.times.read(resource.effectiveDateTime)
    if moment is not None:
        return moment
    period = resource.effectivePeriod
    texts = (
        getattr(resource, "effectiveInstant", None),
        period.end if period else None,
        period.start if period else None,
    )
    return reading.times.first(*texts)


def _status(located: Located) -> str:
    return (located[3].status or "").strip()


def _setting(reading: Reading, located: Located, codes: tuple[AnalyteCode, ...]) -> _Setting | None:
    """Return what all parts share, or None (reported) when status or date forbid any use."""
    resource = located[3]
    status, moment = resource.status, moment_of(reading, resource)
    if status not in words.RESULT_USABLE:
        status = _status(located)  # a trailing blank is forgiven here, not in the second look
    if status in words.RESULT_USABLE and moment is not None and moment.earliest <= reading.times.now:
        return _Setting(located, source_of(located), moment, status, _sample(reading, resource))
    name: str | None = codes[0].name
    if status in words.RESULT_USABLE and moment is None:
        code = "F031" if resource.effectiveDateTime or resource.effectivePeriod else "F030"
    elif status in words.RESULT_USABLE:
        code, name = "F032", None
    else:
        code, name = ("F019", None) if status in words.RESULT_KNOWN else ("F018", name)
    kind = reading.lexicon.terminology.analytes[codes[0].name].kind
    reading.refuse(code, located, kind=kind, name=name, moment=moment)
    return None


def _sample(reading: Reading, resource: Observation) -> str:
    """Return what notes and flags say of the sample: unusable, doubtful or nothing."""
    if (
        resource.note is None
        and resource.comment is None
        and resource.comments is None
        and resource.interpretation is None
    ):
        return ""
    texts = [*notes_of(resource.note), resource.comment or "", resource.comments or ""]
    texts += [text for item in words.listed(resource.interpretation) for text in words.words_of(item)]
    said = {reading.lexicon.sample(text) for text in texts if text}
    return UNUSABLE if UNUSABLE in said else DOUBTFUL if DOUBTFUL in said else ""


def _has_value(part: Observation | Component) -> bool:
    return (
        part.valueQuantity is not None
        or part.valueString is not None
        or part.valueCodeableConcept is not None
        or len(part.valueInteger) > 0
        or part.valueBoolean is not None
    )


# ----------------------------------------------------------------------------- one value


def _measure(reading: Reading, setting: _Setting, code: AnalyteCode, part: Observation | Component) -> None:
    """Add one measurement, or set the value aside with its reason."""
    analyte = reading.lexicon.terminology.analytes[code.name]
    try:
        measurement = _measurement(reading, setting, code, analyte, part)
    except NumberFault as fault:
        _without_number(reading, setting, code, analyte, part, fault.code)
    else:
        _keep(reading, setting, measurement)


def _measurement(
    reading: Reading, setting: _Setting, code: AnalyteCode, analyte: Analyte, part: Observation | Component
) -> Measurement:
    """Return the result in the canonical unit. Raises NumberFault with the reason why it cannot be used."""
    amount = _amount(part)
    if amount.comparator and not is_comparator(amount.comparator):
        raise NumberFault("F029")
    factors = code.factors or analyte.factors
    unit = reading.lexicon.unit_word(analyte, factors, amount.unit_text, amount.unit_code, amount.unit_system)
    if unit in CODES:
        raise NumberFault(unit)
    factor = factors[unit]
    value = _EXACT.fma(amount.value, factor.times, factor.plus)
    if not analyte.is_plausible(value):
        raise NumberFault("F027")
    own = read_range(reading, part.referenceRange, unit, factors) if part.referenceRange else None
    if own is not None and own.is_foreign:
        raise NumberFault("F036")
    flags = words.flags_of(part.interpretation, reading.words) if part.interpretation is not None else _NO_FLAGS
    is_unusable = setting.sample == UNUSABLE
    return Measurement(
        code.name,
        value,
        setting.moment,
        setting.source,
        f"{amount.comparator}{amount.digits} {amount.unit_text or amount.unit_code or ''}".rstrip(),
        analyte.unit,
        amount.comparator,
        own.low if own else None,
        own.high if own else None,
        words.direction_of(flags) if flags and not is_unusable else None,
        bool(flags & words.FLAG_MARKED) and not is_unusable,
        own is not None and is_unit_doubtful(own, analyte, factors),
        bool(setting.sample),
        is_unusable,
        preliminary=setting.status == "preliminary",
        point_of_care=code.point_of_care,
        unit_reported=amount.unit_text or unit,
        range_reported=own.printed if own else "",
    )


def _keep(reading: Reading, setting: _Setting, measurement: Measurement) -> None:
    """File a measurement under its name with what orders results of the same time."""
    moment = setting.moment
    order = (
        moment.earliest,
        moment.latest,
        not measurement.point_of_care,
        setting.status in words.RESULT_CORRECTED,
        measurement.source.reference,
        setting.source.pointer,
    )
    rows = reading.numbers.get(measurement.name)
    if rows is None:
        reading.numbers[measurement.name] = [(order, measurement)]
    else:
        rows.append((order, measurement))


def _amount(part: Observation | Component) -> _Amount:
    """Return the number of a value. Raises NumberFault when there is none, or an unusable one."""
    quantity = part.valueQuantity
    if quantity is not None:
        return _of_quantity(quantity)
    if len(part.valueInteger):
        raw = bytes(part.valueInteger)
        return _Amount(read_number(raw), printed(raw), "", None, None, None)
    found = read_text_number(part.valueString) if part.valueString else None
    if found is None:
        raise NumberFault("F020")
    return _Amount(Decimal(found.digits), found.digits, found.comparator, found.unit, None, None)


def _of_quantity(quantity: Quantity) -> _Amount:
    text = str(bytes(quantity.value), "utf-8", "replace")
    comparator = quantity.comparator
    return _Amount(
        number_in(text),
        text,
        comparator.strip() if comparator else "",
        quantity.unit,
        quantity.code,
        quantity.system,
    )


# ----------------------------------------------------------------------------- values without a number


def _without_number(
    reading: Reading,
    setting: _Setting,
    code: AnalyteCode,
    analyte: Analyte,
    part: Observation | Component,
    fault: str,
) -> None:
    """Keep a result that has only a direction; otherwise set it aside, unless nothing was measured."""
    if fault == "F020" and _is_panel(part):
        return
    shown = _shown(part)
    found = _direction(reading, part)
    if fault in ("F020", "F028") and found is not None and setting.sample != UNUSABLE:
        direction, marked = found
        _keep(
            reading,
            setting,
            Measurement(
                name=code.name,
                value=None,
                moment=setting.moment,
                source=setting.source,
                reported=shown or direction,
                direction=direction,
                marked=marked,
                sample_doubtful=bool(setting.sample),
                preliminary=setting.status == "preliminary",
                point_of_care=code.point_of_care,
            ),
        )
        return
    reason = words.word_of(part.dataAbsentReason)
    never = fault == "F020" and reason in words.NEVER_MEASURED
    if found is not None and setting.sample == UNUSABLE:
        fault = "F037"
    elif fault == "F020" and shown and part.valueQuantity is None:
        fault = "F028"
    reading.refuse(
        fault,
        setting.located,
        kind=analyte.kind,
        name=None if never else code.name,
        shown=shown,
        moment=setting.moment,
    )


def _is_panel(part: Observation | Component) -> bool:
    """Whether an Observation only groups others."""
    return isinstance(part, Observation) and bool(part.hasMember or part.component) and not _has_value(part)


def _direction(reading: Reading, part: Observation | Component) -> tuple[str, bool] | None:
    flags = words.flags_of(part.interpretation, reading.words)
    by_flag = words.direction_of(flags)
    for text in (part.valueString, *words.words_of(part.valueCodeableConcept)):
        found = reading.words.direction(text)
        if found is not None:
            return found[0], found[1] or bool(flags & words.FLAG_MARKED)
    if by_flag is None or (part.valueString and len(part.valueString) > 40):
        return None
    return by_flag, bool(flags & words.FLAG_MARKED)


def _shown(part: Observation | Component) -> str:
    if part.valueQuantity is not None:
        quantity = part.valueQuantity
        return f"{printed(bytes(quantity.value))} {quantity.unit or quantity.code or ''}".strip()
    if part.valueString:
        return part.valueString
    return words.display_of(part.valueCodeableConcept)
