"""Symptoms, signs and reported conclusions from findings, questionnaires and text.

A finding counts as present when its value affirms it, as absent when the value denies it, and not at
all when the value says neither. Text counts as whole words, never where it is negated.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

from cds_service.facts import DAY, Event, Moment, Source
from cds_service.fhir import vocabulary as words
from cds_service.fhir.lexicon import NEGATED
from cds_service.fhir.numbers import NumberFault, read_number
from cds_service.fhir.reading import MAX_TEXT, Reading, Sighting, notes_of
from cds_service.fhir.records import Located, source_of
from cds_service.fhir.scan import Answer, Concept, DiagnosticReport, Item, Observation, QuestionnaireResponse

_MAX_ITEMS: Final = 5_000
_FINDING_KINDS: Final = ("symptom", "report")


@dataclass(frozen=True, slots=True)
class Setting:
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
        side=words.side_of(words.words_of(resource.bodySite)),
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
    answer = affirmed(part)
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
    return bool(
        code is not None
        and any(meaning.report for meaning in reading.meanings(code))
        and read_concept(reading, code, setting, present=True, kinds=("report",))
    )


def affirmed(part: Any) -> bool | None:
    """Return whether a value affirms (True) or denies (False) its finding; None when it says neither."""
    if part.valueBoolean is not None:
        return bool(part.valueBoolean)
    if len(part.valueInteger):
        return _is_positive(bytes(part.valueInteger))
    concept = part.valueCodeableConcept
    if concept is not None:
        answers = [words.answer_of(text) for text in _answer_texts(concept)]
        return next((answer for answer in answers if answer is not None), None)
    if part.valueString:
        return words.answer_of(part.valueString)
    flags = words.flags_of(part.interpretation)
    if flags & words.FLAG_POSITIVE:
        return True
    return False if flags & words.FLAG_NEGATIVE else None


def _answer_texts(concept: Concept) -> list[str]:
    return words.words_of(concept) + [coding.code for coding in words.codings(concept) if coding.code]


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
    if concept is None:
        return False
    side = setting.side or words.side_of(words.words_of(concept))
    understood = False
    for kind in kinds:
        names, by_text = reading.lexicon.names(kind, concept)
        understood |= bool(names)
        for name in names:
            reading.add_event(
                Event(
                    kind,
                    name,
                    setting.source,
                    words.display_of(concept, name),
                    "active" if present else "absent",
                    setting.moment,
                    setting.onset,
                    side,
                    in_encounter=setting.in_encounter,
                    by_text=by_text,
                    patient_reported=setting.patient_reported,
                )
            )
    if "symptom" in kinds:
        understood |= (
            read_twitch_concept(reading, concept, setting, site) if present else _is_twitch(reading, concept)
        )
    return understood


def _is_twitch(reading: Reading, concept: Concept) -> bool:
    return any(meaning.twitch for meaning in reading.meanings(concept))


def read_twitch_concept(
    reading: Reading, concept: Concept, setting: Setting, site: Concept | None = None
) -> bool:
    """Add a sighting of the twitch when a code (level 3) or words (level 2) of the concept name it."""
    code = next(
        (
            meaning.twitch
            for meaning in reading.meanings(concept)
            if meaning.twitch is not None and meaning.twitch.level == 3
        ),
        None,
    )
    texts = words.words_of(concept)
    mentions = [
        mention
        for text in _with_site(texts or [code.title if code else ""], site)
        for mention in reading.lexicon.mentions(text)
        if counts(mention) and mention.level == 2
    ]
    if code is None and not mentions:
        return False
    sites = frozenset(code.sites if code else ()).union(*(mention.sites for mention in mentions))
    sides = [
        code.side if code else None,
        setting.side,
        words.side_of(texts),
        *(item.side for item in mentions),
    ]
    traits = {name: value for mention in mentions for name, value in mention.traits.items()}
    reading.sightings.append(
        Sighting(
            3 if code else 2,
            setting.source,
            words.display_of(concept),
            sites,
            next((side for side in sides if side), None),
            next((m.course for m in mentions if m.course), None),
            traits,
            setting.onset,
            setting.moment,
            setting.active,
            setting.in_encounter,
            setting.patient_reported,
            setting.origin,
        )
    )
    return True


def _with_site(texts: list[str], site: Concept | None) -> list[str]:
    """Return texts together with the words of a body site, so that the site is read with the movement."""
    places = " ".join(words.words_of(site))[:400]
    return [f"{text[:MAX_TEXT]} of {places}" if places else text[:MAX_TEXT] for text in texts[:4]]


def counts(mention: Any) -> bool:
    """Whether a mention stands for something present now."""
    return not mention.negated and not mention.reason


def read_text(reading: Reading, text: str, setting: Setting) -> bool:
    """Read free text for the twitch and for symptoms; whether anything was found in it."""
    if len(text) > MAX_TEXT:
        reading.refuse_text(setting.source, setting.moment)
        text = text[:MAX_TEXT]
    found = False
    for mention in reading.lexicon.mentions(text):
        if counts(mention):
            found = True
            _take_mention(reading, mention, text, setting)
    for name, against in reading.lexicon.said("symptom", text):
        if against in ("", NEGATED):
            found = True
            event = _text_event("symptom", name, text, setting, None, setting.onset)
            reading.add_event(replace(event, status="absent") if against else event)
    return found


def _take_mention(reading: Reading, mention: Any, text: str, setting: Setting) -> None:
    onset = setting.onset or _before(reading, setting.moment, mention.duration_days)
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
            )
        )
    if mention.symptom:
        reading.add_event(_text_event("symptom", mention.symptom, text, setting, mention.side, onset))


def _text_event(
    kind: str, name: str, text: str, setting: Setting, side: str | None, onset: Moment | None
) -> Event:
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


def _before(reading: Reading, moment: Moment | None, days: int | None) -> Moment | None:
    """Return the day so many days before a moment, or None when either is not known."""
    if moment is None or days is None:
        return None
    return reading.times.day_of(moment.earliest - days * DAY)


# ----------------------------------------------------------------------------- questionnaires and reports


def read_questionnaires(reading: Reading) -> None:
    """Read every usable QuestionnaireResponse: affirmed questions and free-text answers."""
    for located in reading.usable(QuestionnaireResponse):
        resource: QuestionnaireResponse = located[3]
        if (resource.status or "") in ("entered-in-error", "stopped"):
            reading.refuse("F019", located)
            continue
        moment = reading.times.read(resource.authored)
        if moment is not None and moment.earliest > reading.times.now:
            reading.refuse("F032", located)
            continue
        teller = resource.source or resource.author
        setting = Setting(
            source_of(located),
            moment,
            "questionnaire",
            patient_reported=not (teller and (teller.reference or "").startswith("Practitioner")),
        )
        for item in _items(resource.item):
            _read_item(reading, item, setting)


def _items(items: list[Item] | None) -> Iterator[Item]:
    """Yield all items of a questionnaire, nested ones too, up to a bounded number."""
    stack = list(reversed(items or ()))
    left = _MAX_ITEMS
    while stack and left:
        item = stack.pop()
        left -= 1
        yield item
        for answer in _answers(item):
            stack += reversed(answer.item or ())
        stack += reversed(item.item or ())


def _answers(item: Item) -> list[Answer]:
    if item.answer is None:
        return []
    return [item.answer] if isinstance(item.answer, Answer) else item.answer


def _read_item(reading: Reading, item: Item, setting: Setting) -> None:
    for answer in _answers(item):
        present = _affirms(answer)
        if present is not None and item.text:
            read_concept(
                reading, Concept(text=item.text.replace("?", "").strip()[:400]), setting, present=present
            )
        elif answer.valueString:
            read_text(reading, answer.valueString, setting)
        elif answer.valueCoding is not None:
            read_concept(reading, Concept(coding=[answer.valueCoding]), setting, present=True)


def _affirms(answer: Answer) -> bool | None:
    if answer.valueBoolean is not None:
        return answer.valueBoolean
    if answer.valueCoding is not None:
        for text in (answer.valueCoding.display, answer.valueCoding.code):
            found = words.answer_of(text)
            if found is not None:
                return found
    return words.answer_of(answer.valueString) if answer.valueString else None


def read_reports(reading: Reading) -> None:
    """Read every usable DiagnosticReport: coded conclusions, and conclusions in words."""
    for located in reading.usable(DiagnosticReport):
        resource: DiagnosticReport = located[3]
        if (resource.status or "").strip() not in words.REPORT_USABLE:
            reading.refuse("F019", located, kind="report")
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
    concepts = [item.concept or Concept(item.coding, item.text) for item in resource.conclusionCode or ()]
    for concept in (*concepts, *(resource.codedDiagnosis or ())):
        if not read_concept(reading, concept, setting, present=True, kinds=("report", "procedure")):
            reading.count_unread("report", concept)
    title = " ".join(words.words_of(resource.code))[:400]
    if resource.conclusion and title:
        for sentence in resource.conclusion[:MAX_TEXT].splitlines() or ():
            for name in reading.lexicon.asserted("report", f"{title}: {sentence}"):
                reading.add_event(_text_event("report", name, sentence, setting, None, None))
    read_concept(reading, resource.code, setting, present=True, kinds=("procedure",))
