"""Symptoms, signs and reported conclusions from findings, questionnaires and text.

A finding counts as present when its value affirms it, as absent when the value denies it, and not at
all when the value says neither. Text counts as whole words, never where it is negated.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from msgspec import Struct, structs

from cds_service.facts import DAY, Event, Moment, Source
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import Concept
from cds_service.fhir.lexicon import NEGATED
from cds_service.fhir.numbers import NumberFault, read_number
from cds_service.fhir.reading import MAX_TEXT, Reading, Sighting, notes_of
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.resources import Observation
from cds_service.fhir.sense import Sense
from cds_service.narrative import Mention

_FINDING_KINDS: Final = ("symptom", "report")


class Setting(Struct, frozen=True, gc=False):
    """Where and when something was said: shared by all facts read from one resource or text."""

    source: Source
    moment: Moment | None
    origin: str
    onset: Moment | None = None
    side: str | None = None
    active: bool = False
    in_encounter: bool = False
    patient_reported: bool = False


def read_finding(reading: Reading, located: Located, moment: Moment | None) -> bool:
    """Read an Observation that is no measurement; whether anything in it was understood."""
    resource: Observation = located[3]
    if moment is not None and moment.earliest > reading.times.now:
        return True
    setting = Setting(
        source_of(located),
        moment,
        "observation",
        side=reading.words.side(words.words_of(resource.bodySite)),
        in_encounter=reading.is_current_encounter(resource.encounter, resource.context),
        patient_reported=_by_patient(resource),
    )
    understood = _read_pair(reading, setting, resource.code, resource, resource.bodySite)
    for part in resource.component or ():
        understood |= _read_pair(reading, setting, part.code, part, resource.bodySite)
    for text in notes_of(resource.note) if understood else ():
        read_text(reading, text, setting)
    return understood


def _by_patient(resource: Observation) -> bool:
    performers = resource.performer if isinstance(resource.performer, list) else [resource.performer]
    return any(item is not None and (item.reference or "").startswith("Patient/") for item in performers)


def _read_pair(
    reading: Reading, setting: Setting, code: Concept | None, part: Any, site: Concept | None
) -> bool:
    """Read one question and answer: the code names the finding, or the value does."""
    answer = affirmed(reading, part)
    understood = False
    if answer is not None:
        understood = read_concept(reading, code, setting, present=answer, site=site)
    elif part.valueCodeableConcept is not None:
        understood = read_concept(reading, part.valueCodeableConcept, setting, present=True, site=site)
        understood |= _read_report_codes(reading, code, setting)
    if part.valueString and answer is None:
        understood |= read_text(reading, part.valueString, setting)
    return understood


def _read_report_codes(reading: Reading, code: Concept | None, setting: Setting) -> bool:
    """Read the question itself as a conclusion where its code alone is one."""
    coded = bool(reading.sense(code).coded("report"))
    return coded and read_concept(reading, code, setting, present=True, kinds=("report",))


def affirmed(reading: Reading, part: Any) -> bool | None:
    """Return whether a value affirms (True) or denies (False) its finding; None when it says neither."""
    if part.valueBoolean is not None:
        return bool(part.valueBoolean)
    if len(part.valueInteger):
        return _is_positive(bytes(part.valueInteger))
    concept = part.valueCodeableConcept
    if concept is not None:
        return reading.sense(concept).answer
    if part.valueString:
        return reading.words.answer(part.valueString)
    flags = words.flags_of(part.interpretation, reading.words)
    if flags & words.FLAG_POSITIVE:
        return True
    return False if flags & words.FLAG_NEGATIVE else None


def _is_positive(raw: bytes) -> bool | None:
    try:
        return read_number(raw) > 0
    except NumberFault:
        return None


# ----------------------------------------------------------------------------- concepts and texts


def read_concept(
    reading: Reading,
    concept: Concept | None,
    setting: Setting,
    *,
    present: bool,
    site: Concept | None = None,
    kinds: tuple[str, ...] = _FINDING_KINDS,
) -> bool:
    """Read a concept as symptom, report or twitch; whether any value set knows it."""
    sense = reading.sense(concept)
    understood = False
    for kind in kinds:
        names, by_text = sense.names(kind)
        understood |= bool(names)
        for name in names:
            reading.add_event(event_of(kind, name, sense, setting, present=present, by_text=by_text))
    if "symptom" not in kinds:
        return understood
    if present:
        for name in sense.denied if not understood else ():
            understood = True
            reading.add_event(event_of("symptom", name, sense, setting, present=False, by_text=True))
        return read_twitch_concept(reading, sense, setting, site) or understood
    return understood or sense.twitch is not None or bool(sense.mentions)


def event_of(kind: str, name: str, sense: Sense, setting: Setting, *, present: bool, by_text: bool) -> Event:
    """Return the event of a value set a concept is in."""
    return Event(
        kind,
        name,
        setting.source,
        sense.display or name,
        "active" if present else "absent",
        setting.moment,
        setting.onset,
        setting.side or sense.side,
        in_encounter=setting.in_encounter,
        by_text=by_text,
        patient_reported=setting.patient_reported,
    )


def read_twitch_concept(
    reading: Reading, sense: Sense, setting: Setting, site: Concept | None = None
) -> bool:
    """Add a sighting of the twitch when a code (level 3) or words (level 2) of the concept name it.

    The words of a body site are read together with the name, so that the site belongs to the movement.
    """
    code = sense.twitch
    mentions = [mention for mention in sense.mentions if mention.level == 2]
    if code is None and not mentions:
        return False
    places = reading.sense(site).texts
    if places:
        located = f"{code.title if code and not mentions else sense.display} of {' '.join(places)}"[:MAX_TEXT]
        mentions += [item for item in reading.lexicon.mentions(located) if counts(item) and item.level == 2]
    sites = frozenset(code.sites if code else ()).union(*(mention.sites for mention in mentions))
    sides = [code.side if code else None, setting.side, sense.side, *(mention.side for mention in mentions)]
    traits = {name: value for mention in mentions for name, value in mention.traits.items()}
    onset, since = _began(reading, setting, mentions)
    reading.sightings.append(
        Sighting(
            3 if code else 2,
            setting.source,
            sense.display,
            sites,
            next((side for side in sides if side), None),
            next((mention.course for mention in mentions if mention.course), None),
            traits,
            onset,
            setting.moment,
            setting.active,
            setting.in_encounter,
            setting.patient_reported,
            setting.origin,
            since,
        )
    )
    return True


def counts(mention: Any) -> bool:
    """Whether a mention stands for something present now."""
    return not mention.negated and not mention.reason


def read_text(reading: Reading, text: str, setting: Setting) -> bool:
    """Read free text for the twitch and for symptoms; whether anything was found in it."""
    mentions = reading.lexicon.mentions(text)
    if mentions.is_cut:
        reading.refuse_text(setting.source, setting.moment)
        text = text[:MAX_TEXT]
    found = False
    for mention in mentions:
        if counts(mention):
            found = True
            _take_mention(reading, mention, text, setting)
    for name, against in reading.lexicon.said("symptom", text):
        if against in ("", NEGATED):
            found = True
            event = text_event("symptom", name, text, setting, None, setting.onset)
            reading.add_event(structs.replace(event, status="absent") if against else event)
    return found


def _take_mention(reading: Reading, mention: Any, text: str, setting: Setting) -> None:
    onset, since = _began(reading, setting, [mention])
    if mention.level == 2:
        reading.sightings.append(
            Sighting(
                2,
                setting.source,
                _excerpt(text),
                mention.sites,
                mention.side or setting.side,
                mention.course,
                dict(mention.traits),
                onset,
                setting.moment,
                setting.active,
                setting.in_encounter,
                setting.patient_reported,
                setting.origin,
                since,
            )
        )
    if mention.symptom:
        reading.add_event(text_event("symptom", mention.symptom, text, setting, mention.side, onset))


def text_event(
    kind: str, name: str, text: str, setting: Setting, side: str | None, onset: Moment | None
) -> Event:
    """Return the event of a value set a text names."""
    return Event(
        kind,
        name,
        setting.source,
        _excerpt(text),
        "active",
        setting.moment,
        onset,
        side or setting.side,
        in_encounter=setting.in_encounter,
        by_text=True,
        patient_reported=setting.patient_reported,
    )


def _excerpt(text: str) -> str:
    return " ".join(text[:240].split())


def _began(
    reading: Reading, setting: Setting, mentions: Iterable[Mention]
) -> tuple[Moment | None, Moment | None]:
    """Return the onset, and the day since when it lasts at least.

    A stated duration is an onset only where it is exact: "for several weeks" and "3 to 5 days" tell how
    long it has lasted at least, and no onset.
    """
    if setting.onset is not None:
        return setting.onset, None
    longest = max(
        (item for item in mentions if item.duration_days is not None),
        key=lambda item: item.duration_days or 0,
        default=None,
    )
    if longest is None:
        return None, None
    began = _before(reading, setting.moment, longest.duration_days)
    return (began, None) if longest.longest_days == longest.duration_days else (None, began)


def _before(reading: Reading, moment: Moment | None, days: int | None) -> Moment | None:
    """Return the day so many days before a moment, or None when either is not known."""
    if moment is None or days is None:
        return None
    return reading.times.day_of(moment.earliest - days * DAY)
