"""The bundled patients as data, one module a group of causes."""

from tests.fhir_builder.stories import electrolytes, emergencies, everyday, first, medicines, nerves
from tests.fhir_builder.story import Story

STORIES: tuple[Story, ...] = (
    *electrolytes.STORIES,
    *emergencies.STORIES,
    *everyday.STORIES,
    *first.STORIES,
    *medicines.STORIES,
    *nerves.STORIES,
)
