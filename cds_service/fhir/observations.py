"""Observations to measurements: exact value, checked unit, own range, direction; or a reason why not.

The unit is read from the resource, never from its code; a result that cannot be used is set aside
with its raw value (specification 3.1 "Validity", "Results without a usable number", "Unit against
its own reference range").
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, TypeAlias

from msgspec import Struct

from cds_service.facts import Measurement, Moment, Source
from cds_service.fhir import vocabulary as words
from cds_service.fhir.gauges import Gauge
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
from cds_service.terminology import DOUBTFUL, UNUSABLE

#: A number as sent: value, digits, comparator, and the text, code and system of its unit.
_Amount: TypeAlias = tuple[Decimal, str, str, str | None, str | None, str | None]
_Part: TypeAlias = tuple[Observation | Component, tuple[Gauge, ...]]


class _Setting(Struct, frozen=True, gc=False):
    """What all parts of one Observation share; ``sample`` is unusable, doubtful or nothing."""

    located: Located
    source: Source
    moment: Moment
    status: str
    sample: str


def read_observations(reading: Reading) -> None:
    """Read every usable Observation into numbers, symptoms, reports and sightings of the twitch."""
    sense_of = reading.lexicon.sense
    idle: list[Sense] = []
    for located in reading.usable(Observation):
        resource: Observation = located[3]
        sense = sense_of(resource.code)
        if resource.focus is not None and not _is_about_subject(reading, resource):
            reading.refuse("F039", located)
        elif resource.component is not None or resource.valueQuantity is None:
            _read_observation(reading, located, sense)
        elif sense.is_idle:
            idle.append(sense)
        elif sense.gauges:
            _read_parts(reading, located, [(resource, sense.gauges)])
        else:
            _read_unmeasured(reading, located, sense)
    reading.count_all_unread("lab", idle)


def _read_observation(reading: Reading, located: Located, sense: Sense) -> None:
    """Read an Observation with components, or one whose value is no quantity."""
    resource: Observation = located[3]
    parts: list[_Part] = []
    if resource.component is None or _has_value(resource):
        parts.append((resource, sense.gauges))
    for part in resource.component or ():
        parts.append((part, reading.sense(part.code).gauges))
    measured = [part for part in parts if part[1]]
    if measured:
        _read_parts(reading, located, measured)
    else:
        _read_unmeasured(reading, located, sense)


def _is_about_subject(reading: Reading, resource: Observation) -> bool:
    """Whether every focus is the patient himself: a result of a fetus, donor or device is not his."""
    focus = resource.focus
    return all(reading.subject.owns(item) for item in (focus if isinstance(focus, list) else [focus]))


def _read_parts(reading: Reading, located: Located, parts: list[_Part]) -> None:
    """Measure every part of one Observation that measures something, unless it is older than asked for.

    A value that cannot be used is set aside with its reason.
    """
    days, dated = reading.numbers_for_days, located[3].effectiveDateTime
    if days is not None and dated is not None and reading.times.is_long_ago(dated, days):
        return
    setting = _setting(reading, located, parts[0][1][0])
    if setting is None:
        return
    is_corrected = setting.status in words.RESULT_CORRECTED
    for part, gauges in parts:
        for gauge in gauges:
            try:
                measurement = _measurement(reading, setting, gauge, part)
            except NumberFault as fault:
                _without_number(reading, setting, gauge, part, fault.code)
            else:
                reading.add_number(measurement, is_corrected=is_corrected)


def _read_unmeasured(reading: Reading, located: Located, sense: Sense) -> None:
    """Read an Observation no analyte claims: a finding, or a test no rule asks for."""
    resource: Observation = located[3]
    if sense.has_analyte_conflict:
        reading.refuse("F035", located, kind="lab")
        return
    status = _status(located)
    if status not in words.RESULT_USABLE:
        reading.refuse("F019" if status in words.RESULT_KNOWN else "F018", located)
    elif _says_nothing(reading, resource, sense) or not read_finding(
        reading, located, moment_of(reading, resource)
    ):
        reading.count_unread("lab", sense)


def _says_nothing(reading: Reading, resource: Observation, sense: Sense) -> bool:
    """Whether neither question nor answer of a plain Observation means anything to any rule."""
    if sense.is_finding or resource.valueString is not None or resource.component is not None:
        return False
    return not reading.sense(resource.valueCodeableConcept).is_finding


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


def _setting(reading: Reading, located: Located, gauge: Gauge) -> _Setting | None:
    """Return what all parts share, or None (reported) when status or date forbid any use."""
    resource = located[3]
    status, moment = resource.status, moment_of(reading, resource)
    if status not in words.RESULT_USABLE:
        status = _status(located)  # a trailing blank is forgiven here, not in the second look
    if status in words.RESULT_USABLE and moment is not None and moment.earliest <= reading.times.now:
        return _Setting(located, source_of(located), moment, status, _sample(reading, resource))
    name: str | None = gauge.name
    if status in words.RESULT_USABLE and moment is None:
        code = "F031" if resource.effectiveDateTime or resource.effectivePeriod else "F030"
    elif status in words.RESULT_USABLE:
        code, name = "F032", None
    else:
        code, name = ("F019", None) if status in words.RESULT_KNOWN else ("F018", name)
    reading.refuse(code, located, kind=gauge.analyte.kind, name=name, moment=moment)
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


def _measurement(
    reading: Reading, setting: _Setting, gauge: Gauge, part: Observation | Component
) -> Measurement:
    """Return the result in the canonical unit. Raises NumberFault with the reason why it cannot be used."""
    number, digits, comparator, unit_text, unit_code, unit_system = _amount(part)
    if comparator and not is_comparator(comparator):
        raise NumberFault("F029")
    if part.dataAbsentReason is not None:
        raise NumberFault("F038")
    scale = gauge.scale(unit_text, unit_code, unit_system)
    value = gauge.canonical(number, scale)
    own = read_range(reading, part.referenceRange, scale.unit, gauge.factors) if part.referenceRange else None
    if own is not None and own.is_foreign:
        raise NumberFault("F036")
    is_unusable = setting.sample == UNUSABLE
    says_nothing = is_unusable or part.interpretation is None
    direction, marked = (None, False) if says_nothing else _flagged(reading, part)
    return Measurement(
        gauge.name,
        value,
        setting.moment,
        setting.source,
        f"{comparator}{digits} {unit_text or unit_code or ''}".rstrip(),
        gauge.unit,
        comparator,
        own.low if own else None,
        own.high if own else None,
        direction,
        marked,
        own is not None and is_unit_doubtful(own, gauge.analyte, gauge.factors),
        bool(setting.sample),
        is_unusable,
        setting.status == "preliminary",
        gauge.point_of_care,
        unit_text or scale.unit,
        own.printed if own else "",
    )


def _flagged(reading: Reading, part: Observation | Component) -> tuple[str | None, bool]:
    """Return the direction the result's flags give, and whether one is the laboratory's panic mark."""
    flags = words.flags_of(part.interpretation, reading.words)
    return words.direction_of(flags), bool(flags & words.FLAG_MARKED)


def _amount(part: Observation | Component) -> _Amount:
    """Return the number of a value. Raises NumberFault when there is none, or an unusable one."""
    quantity = part.valueQuantity
    if quantity is None:
        return _without_unit(part)
    digits = str(quantity.value, "utf-8", "replace")
    number = number_in(digits)
    if "e" in digits or "E" in digits:
        number = Decimal(format(number, "f"))
    comparator = quantity.comparator.strip() if quantity.comparator else ""
    return number, digits, comparator, quantity.unit, quantity.code, quantity.system


def _without_unit(part: Observation | Component) -> _Amount:
    """Return the number of a value that is no quantity: an integer, or a text that is one number."""
    if len(part.valueInteger):
        raw = bytes(part.valueInteger)
        return read_number(raw), printed(raw), "", None, None, None
    found = read_text_number(part.valueString) if part.valueString else None
    if found is None:
        raise NumberFault("F020")
    return Decimal(found.digits), found.digits, found.comparator, found.unit, None, None


# ----------------------------------------------------------------------------- values without a number


def _without_number(
    reading: Reading, setting: _Setting, gauge: Gauge, part: Observation | Component, fault: str
) -> None:
    """Keep a result that has only a direction; otherwise set it aside, unless nothing was measured."""
    if fault == "F020" and _is_panel(part):
        return
    shown = _shown(part)
    found = _direction(reading, part) if fault in ("F020", "F028") else None
    if found is not None and setting.sample != UNUSABLE:
        _keep_direction(reading, setting, gauge, found, shown)
        return
    reason = words.word_of(part.dataAbsentReason)
    never = fault == "F020" and reason in words.NEVER_MEASURED
    if found is not None:
        fault = "F037"
    elif fault == "F020" and shown and part.valueQuantity is None:
        fault = "F028"
    reading.refuse(
        fault,
        setting.located,
        kind=gauge.analyte.kind,
        name=None if never else gauge.name,
        shown=shown,
        moment=setting.moment,
        part=_pointer(setting.located[3], part),
    )


def _pointer(resource: Observation, part: Observation | Component) -> str:
    """Return the JSON pointer of a component in its Observation; empty for the value of the whole."""
    places = (index for index, item in enumerate(resource.component or ()) if item is part)
    return next((f"/component/{index}" for index in places), "")


def _keep_direction(
    reading: Reading, setting: _Setting, gauge: Gauge, found: tuple[str, bool], shown: str
) -> None:
    direction, marked = found
    measurement = Measurement(
        name=gauge.name,
        value=None,
        moment=setting.moment,
        source=setting.source,
        reported=shown or direction,
        direction=direction,
        marked=marked,
        sample_doubtful=bool(setting.sample),
        preliminary=setting.status == "preliminary",
        point_of_care=gauge.point_of_care,
    )
    reading.add_number(measurement, is_corrected=setting.status in words.RESULT_CORRECTED)


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
