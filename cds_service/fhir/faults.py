"""The codes of everything in a patient's data that could not be used: what each means and what to do.

F001-F009 stop the reading of a record (``NotFhir``, ``SubjectError``); F010 and up cost only the
resource or value they name (``facts.SetAside``).
"""

from __future__ import annotations

from typing import Final

from cds_service.errors import Issue, NotFhir, SubjectError

CODES: Final[dict[str, tuple[str, str]]] = {
    "F001": ("is not JSON.", "Send one JSON document in UTF-8."),
    "F002": ("is larger than 64 MiB.", "Send one patient at a time, or use a bulk export."),
    "F003": ("is nested too deeply.", "Send FHIR: no resource needs more than some dozens of levels."),
    "F004": (
        "is not a FHIR resource: an object with a resourceType is needed.",
        "Send a Bundle or a resource.",
    ),
    "F005": ("is a Bundle whose entry is not a list.", "Send entry as a list of objects."),
    "F006": ("names no patient.", "Send the Patient resource, or name the patient of the record."),
    "F007": (
        "holds more than one patient.",
        "Send one patient at a time, or name the patient that is meant.",
    ),
    "F008": ("holds another patient than the one named.", "Check the patient id against the data."),
    "F009": (
        "holds more values or resources than any one patient has.",
        "Send one patient at a time; at most 200,000 resources.",
    ),
    "F010": ("cannot be read as its resource type.", "Correct the field named, or remove the resource."),
    "F011": ("is of a type that is no FHIR resource.", "Correct resourceType."),
    "F012": ("is an entry without a resource.", "Nothing, if the entry was only a request."),
    "F013": (
        "is an error report of the sending server instead of data.",
        "Look at the server that was asked.",
    ),
    "F014": ("belongs to another patient.", "Check why it was sent; it was not used."),
    "F015": ("does not say whose it is.", "Send subject or patient."),
    "F016": (
        "carries a modifier extension or implicit rules this service does not know.",
        "Read the resource itself: the extension may reverse its meaning.",
    ),
    "F017": (
        "occurs again with the same id and another content; the newest was used.",
        "Send each resource once.",
    ),
    "F018": (
        "has no status, the status unknown, or one FHIR does not know.",
        "Send the status; it is never assumed.",
    ),
    "F019": (
        "is withdrawn, cancelled, only proposed or not done by its status, and was left out.",
        "Nothing, if that is right.",
    ),
    "F020": ("has no value.", "Obtain the result."),
    "F021": ("has a value that is not a number.", "Send valueQuantity.value as a JSON number."),
    "F022": ("has a number with more digits or a larger exponent than any result has.", "Check the value."),
    "F023": ("has no unit.", "Send the unit as UCUM code; it is never assumed."),
    "F024": ("has a unit that is not understood.", "Send the UCUM code of the unit."),
    "F025": ("has a unit text that contradicts its unit code.", "Send the same unit in both."),
    "F026": ("has a unit that does not belong to this kind of result.", "Check the result itself."),
    "F027": ("has a value outside what can be survived or measured.", "Check the result itself."),
    "F028": ("has a text that is no number and no direction.", "Read the result itself."),
    "F029": ("has a comparator FHIR does not know.", "Send <, <=, > or >=."),
    "F030": ("has no date.", "Send the date; a result without date is never taken as current."),
    "F031": ("has a date that cannot be read.", "Send the date as FHIR dateTime."),
    "F032": ("is dated later than the time of evaluation, and was left out.", "Check clock and date."),
    "F033": (
        "differs from another result of the same test at the same time; both are kept.",
        "Check which holds.",
    ),
    "F034": ("has its value in a form this service does not read.", "Read the result itself."),
    "F035": ("has codes that name different tests.", "Check which test was done."),
    "F036": (
        "has a reference range in a unit of another kind of result; value and range may be another test's.",
        "Check the result itself.",
    ),
    "F037": (
        "has no number, and its sample says nothing about the patient (infusion arm, contamination).",
        "Repeat the test with a good sample.",
    ),
    "F038": ("has a number and a reason why there is none.", "Check the result itself."),
    "F039": ("is about somebody or something else than the patient (focus).", "Nothing, if that is right."),
    "F040": ("names no drug that could be identified.", "Send a code, or the name of the drug."),
    "F041": ("refers to a Medication that was not sent.", "Include the Medication resource."),
    "F042": (
        "says the drug is not taken or must not be given, and was left out.",
        "Nothing, if that is right.",
    ),
    "F043": (
        "orders a drug by a name alone, and no drug known here has it; nothing about it was checked.",
        "Send a code (RxNorm, ATC), or the generic name.",
    ),
    "F044": (
        "has a code and a name that mean different drugs; neither was used.",
        "Check which drug is meant.",
    ),
    "F050": ("has neither code nor text.", "Send a code or a text."),
    "F051": ("has text of which only the first part was read.", "Send shorter texts."),
    "F070": ("holds the same key twice.", "Send each key once: a second value could be the true one."),
    "F071": ("has a status that is not spelled as FHIR spells it.", "Send the exact status word."),
    "F072": ("has a value that is not a JSON number.", "Send the number without quotes."),
    "F073": ("has a unit, system or code that is not text.", "Send them as text."),
    "F074": ("does not name the patient strictly when read again.", "Send one subject."),
    "F075": ("could not be found again in the original document.", "Report this as a fault of the service."),
    "F077": (
        "could not be read because of an error inside the service.",
        "Report this as a fault of the service.",
    ),
    "F080": (
        "was answered with something else than data.",
        "Look at the FHIR server behind this prefetch key.",
    ),
    "F081": ("is incomplete: more pages or entries exist than were sent.", "Send all pages."),
    "F082": ("was asked for and not sent.", "Fill this prefetch key."),
    "F083": (
        "was not sent, and asking the FHIR server of the call for it failed.",
        "Look at the FHIR server, or send this prefetch key.",
    ),
    "F084": (
        "is not a FHIR server this service may ask; what was not sent stays unknown.",
        "Send every prefetch key, or have the server allowed (setting fhir_servers).",
    ),
    "F085": (
        "is no authorization the FHIR server can be asked with; what was not sent stays unknown.",
        "Send access_token, token_type Bearer, expires_in, scope and subject.",
    ),
    "F090": ("is a selection that names no draft order.", "Send selections as they stand in draftOrders."),
    "F091": (
        "is one of more than 500 that were set aside alike; further ones are not listed.",
        "Look at those that are listed.",
    ),
}


def issue(code: str, where: str, detail: str = "") -> Issue:
    """Return one fault in the common form; ``detail`` names a field, never a value of the record."""
    what, remedy = CODES[code]
    return Issue(where or "/", code, f"{what} ({detail})" if detail else what, remedy)


def not_fhir(code: str, where: str, detail: str = "") -> NotFhir:
    """Return the error for input that cannot be read as FHIR at all."""
    return NotFhir(issue(code, where, detail))


def wrong_subject(code: str, where: str, detail: str = "") -> SubjectError:
    """Return the error for a record of no, of several or of another patient."""
    return SubjectError(issue(code, where, detail))
