"""The ways in which hospitals write down the same patient."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Style:
    """How one kind of record is coded.

    ``problems``: ``snomed``, ``icd-10-cm`` or ``text``. ``drugs``: ``ingredient`` or ``product`` (RxNorm),
    ``atc`` or ``text``. ``drug_type``: the FHIR resource of a drug in use. ``units``: ``si`` or
    ``conventional``. ``tests``: ``loinc`` or ``text``. ``dates``: ``instant`` or ``day``. ``findings``: whether
    a sign without a stated onset is a ``Condition`` or an ``Observation``. ``twitch``: a coded or worded
    ``problem``, or the ``reason`` of the visit in words.
    """

    name: str
    problems: str
    drugs: str
    drug_type: str
    units: str
    tests: str
    dates: str
    findings: str
    twitch: str


STYLES = {
    style.name: style
    for style in (
        Style(
            "american",
            "snomed",
            "product",
            "MedicationRequest",
            "conventional",
            "loinc",
            "instant",
            "Condition",
            "problem",
        ),
        Style(
            "billing",
            "icd-10-cm",
            "ingredient",
            "MedicationRequest",
            "si",
            "loinc",
            "day",
            "Observation",
            "problem",
        ),
        Style(
            "european", "snomed", "atc", "MedicationStatement", "si", "loinc", "day", "Observation", "problem"
        ),
        Style("words", "text", "text", "MedicationStatement", "si", "text", "instant", "Condition", "reason"),
    )
}
