"""Questionnaire responses: affirmed questions, coded answers and free text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from cds_service.fhir.datatypes import Concept
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import source_of
from cds_service.fhir.resources import Answer, Item, QuestionnaireResponse
from cds_service.fhir.symptoms import Setting, read_concept, read_text

_MAX_ITEMS: Final = 5_000


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
        present = _affirms(reading, answer)
        if present is not None and item.text:
            read_concept(
                reading, Concept(text=item.text.replace("?", "").strip()[:400]), setting, present=present
            )
        elif answer.valueString:
            read_text(reading, answer.valueString, setting)
        elif answer.valueCoding is not None:
            read_concept(reading, Concept(coding=[answer.valueCoding]), setting, present=True)


def _affirms(reading: Reading, answer: Answer) -> bool | None:
    if answer.valueBoolean is not None:
        return answer.valueBoolean
    if answer.valueCoding is not None:
        for text in (answer.valueCoding.display, answer.valueCoding.code):
            found = reading.words.answer(text)
            if found is not None:
                return found
    return reading.words.answer(answer.valueString) if answer.valueString else None
