"""What can be wrong with the prefetch of a call: keys, what stands under them, Bundles not whole."""

from __future__ import annotations

from typing import Final

#: id -> severity, what, why it matters, what to do.
PREFETCH_KINDS: Final[dict[str, tuple[str, str, str, str]]] = {
    "D300": (
        "error",
        "There is no prefetch, and no token to fetch with.",
        "Nothing can be assessed; the service answers 412.",
        "Fill the prefetch keys discovery shows, or send fhirServer and fhirAuthorization.",
    ),
    "D301": (
        "warning",
        "A prefetch key was not sent.",
        "What it asks for is not known: rules that need it cannot tell.",
        "Send every key; null or an empty Bundle where the search found nothing.",
    ),
    "D302": (
        "note",
        "A prefetch key is null.",
        "It is read as: looked for, none on record.",
        "Nothing, if it was looked for; else leave the key out.",
    ),
    "D303": (
        "warning",
        "An OperationOutcome stands in place of data.",
        "The query failed, so what it asks for is not known.",
        "Look at the answer of your FHIR server to this query.",
    ),
    "D304": (
        "warning",
        "A page of HTML stands in place of data.",
        "It is an error page or a login of some proxy: what was asked for is not known.",
        "Look at the address the EHR asks, and at its own login there.",
    ),
    "D305": (
        "warning",
        "A prefetch value is no FHIR.",
        "It cannot be read, so what was asked for is not known.",
        "Send the resource or Bundle the template asks for.",
    ),
    "D306": (
        "warning",
        "A prefetch value is FHIR packed into a JSON text.",
        "It was encoded twice and cannot be read.",
        "Put the resource there as an object.",
    ),
    "D307": (
        "warning",
        "A token of the template was not filled in.",
        "The search went out with the braces, so its answer is not this patient's.",
        "Replace {{context.patientId}} and the like before the search.",
    ),
    "D308": (
        "warning",
        "A prefetch key holds resources of another type than it asks for.",
        "They are read, but what the key asks for counts as not there.",
        "Fill each key with the answer to its own template.",
    ),
    "D309": (
        "warning",
        "A Bundle has further pages.",
        "What is on the other pages is not known; nothing is concluded from absence.",
        "Follow the next links and send all entries.",
    ),
    "D310": (
        "warning",
        "A Bundle has fewer entries than its total.",
        "The rest was not sent; nothing is concluded from absence.",
        "Send all entries, or the total of what was found.",
    ),
    "D311": (
        "warning",
        "A prefetch key is none this service asks for.",
        "It is read, but proves no absence; the key it stands for counts as not sent.",
        "Name keys as discovery does, numbers and case included.",
    ),
    "D312": (
        "warning",
        "A Bundle is no answer to a search.",
        "Histories hold old versions, transactions what was never stored; neither shows what is on record.",
        "Send the searchset as the FHIR server answered it.",
    ),
    "D313": (
        "warning",
        "An entry has no resource.",
        "It may have been data.",
        "Send searches without _summary and _elements, and entries with resource.",
    ),
    "D314": (
        "warning",
        "A resource came twice with different content.",
        "The newest is used; which holds cannot be told.",
        "Send each resource once.",
    ),
    "D315": (
        "note",
        "A resource came twice.",
        "It counts once.",
        "Nothing, or ask for it once.",
    ),
    "D316": (
        "warning",
        "A resource belongs to another patient.",
        "It is not used; that it came at all is a fault of privacy.",
        "Look at the search: the patient must be in it.",
    ),
    "D317": (
        "error",
        "The Patient sent is not the one of the context, or there are several.",
        "The service answers 412: no card may be about the wrong patient.",
        "Send the Patient of context.patientId.",
    ),
    "D318": (
        "warning",
        "The Patient resource is missing.",
        "Age and sex are not known; rules and ranges that need them cannot tell.",
        "Fill the key patient.",
    ),
    "D319": (
        "warning",
        "A Bundle has exactly as many entries as the search asks for at most, and no total.",
        "It may have been cut there without a word.",
        "Check whether there are more; send total or a next link.",
    ),
    "D320": (
        "warning",
        "The search was narrowed by date.",
        "Its self link says so; the template does not. Older data look as if they did not exist.",
        "Ask as the template says, without a limit of your own.",
    ),
    "D321": (
        "warning",
        "The search asked for fewer codes than the template.",
        "Its address was cut or filtered: tests nobody asked for look as if they were never done.",
        "Send the whole query; use POST _search where addresses are cut.",
    ),
    "D322": (
        "note",
        "All laboratory results are of the last days.",
        "Perhaps older ones were left out; a course over time cannot be seen then.",
        "Check the search for a look-back of its own.",
    ),
    "D323": (
        "warning",
        "A resource refers to Observations that were not sent.",
        "A panel or report is an empty shell without its results.",
        "Send the results themselves: _include, or the laboratory keys.",
    ),
    "D324": (
        "warning",
        "The record names no patient.",
        "The data cannot be judged without knowing whose they are; the service answers 412.",
        "Send the Patient, and subject in every resource.",
    ),
}
