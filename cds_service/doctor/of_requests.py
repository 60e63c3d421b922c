"""What can be wrong with a call before any FHIR is read: JSON, envelope, context, FHIR server and token."""

from __future__ import annotations

from typing import Final

#: id -> severity, what, why it matters, what to do.
REQUEST_KINDS: Final[dict[str, tuple[str, str, str, str]]] = {
    # --- the document
    "D001": (
        "error",
        "The body is not UTF-8.",
        "JSON is exchanged in UTF-8 (RFC 8259); the service answers 400.",
        "Encode the body as UTF-8, not as UTF-16 or Latin-1.",
    ),
    "D002": (
        "error",
        "The body is not JSON.",
        "The service answers 400 and nothing is judged.",
        "Have a JSON library write the body; look at the place named.",
    ),
    "D003": (
        "error",
        "The body holds NaN or Infinity, which JSON does not know.",
        "The service answers 400; some libraries write them for missing numbers.",
        "Leave the member out, or use dataAbsentReason.",
    ),
    "D004": (
        "error",
        "A member is said twice where the call is described.",
        "Two answers to which patient is meant are none; the service answers 400.",
        "Say every member once.",
    ),
    "D005": (
        "warning",
        "A member is said twice within a resource.",
        "The second value could be the true one: no card may rest on the resource.",
        "Say every member once.",
    ),
    "D006": (
        "error",
        "The body is larger than the service takes.",
        "The service answers 413.",
        "Send less, or have max_body_mib raised.",
    ),
    "D007": (
        "error",
        "The body is nested too deeply.",
        "The service answers 400; FHIR never nests that deeply.",
        "Look at what wraps the resources.",
    ),
    "D008": (
        "error",
        "The body is no JSON object.",
        "The service answers 400: a call is one object in braces.",
        "Send one object; a list of calls is sent as so many calls.",
    ),
    "D009": (
        "error",
        "The body begins with a byte order mark.",
        "JSON must not begin with one (RFC 8259); the service answers 400.",
        "Write UTF-8 without BOM.",
    ),
    "D010": (
        "error",
        "The body is JSON packed into a JSON text.",
        "It was encoded twice; the service answers 400.",
        "Encode the call once.",
    ),
    "D011": (
        "error",
        "The file is a whole HTTP message.",
        "Only the body is the call; the doctor can look at nothing else.",
        "Save the body alone, from the first brace to the last.",
    ),
    "D012": (
        "error",
        "The file is an answer or a discovery, not a call.",
        "There is nothing to judge in it.",
        "Save the request that was sent to /cds-services/{id}; a discovery goes to --discovery.",
    ),
    "D013": (
        "error",
        "The body is compressed.",
        "The service takes no Content-Encoding and answers 415.",
        "Send the body uncompressed.",
    ),
    "D014": (
        "error",
        "The JSON ends too early.",
        "The body was cut while it was sent or while it was captured.",
        "Compare with Content-Length; look for a limit of the log or proxy it was captured with.",
    ),
    "D015": (
        "note",
        "The body is large.",
        "Reading takes time on both sides, and proxies often refuse more than some MiB.",
        "Send what the prefetch templates ask for and no more.",
    ),
    # --- the envelope
    "D101": (
        "error",
        "hook is missing or no text.",
        "The service answers 400.",
        "Send the hook discovery shows for the service.",
    ),
    "D102": (
        "error",
        "hook is none of this service.",
        "There is no service to answer; the service answers 400.",
        "Send one of the hooks discovery lists.",
    ),
    "D103": (
        "error",
        "hook is an old name.",
        "CDS Hooks replaced it; the service answers 400.",
        "Send the hook of today.",
    ),
    "D104": (
        "error",
        "hook is not that of the service that is called.",
        "One service id answers one hook; the service answers 400.",
        "Call the service that discovery lists for the hook.",
    ),
    "D105": (
        "error",
        "hookInstance is missing or no UUID.",
        "The service answers 400; it knows a repeated call by it.",
        "Send a new random UUID with every call.",
    ),
    "D106": (
        "error",
        "context is missing or no object.",
        "Nobody says which patient is meant; the service answers 400.",
        "Send context with the members of the hook.",
    ),
    "D107": (
        "error",
        "context.patientId is missing or no text.",
        "Nobody says which patient is meant; the service answers 400.",
        "Send the FHIR id of the patient.",
    ),
    "D108": (
        "error",
        "An id in the context is a reference or an address.",
        "CDS Hooks wants the bare id there; the service answers 400.",
        "Send 123, not Patient/123 or an address.",
    ),
    "D109": (
        "error",
        "An id in the context is no FHIR id.",
        "A FHIR id has 1 to 64 letters, digits, dots and hyphens; the service answers 400.",
        "Send the id of the FHIR server, not a number of the EHR.",
    ),
    "D110": (
        "error",
        "context.userId is missing or no text.",
        "CDS Hooks requires it at this hook; the service answers 400.",
        "Send the user as Practitioner/123.",
    ),
    "D111": (
        "note",
        "context.userId is no reference such as Practitioner/123.",
        "CDS Hooks wants type and id; two kinds of users could have one id.",
        "Send Practitioner, PractitionerRole, Patient or RelatedPerson with the id.",
    ),
    "D112": (
        "error",
        "context.encounterId is missing.",
        "CDS Hooks requires it at this hook; the service answers 400.",
        "Send the id of the encounter.",
    ),
    "D113": (
        "error",
        "The Bundle of the context is missing.",
        "It holds what is being ordered or added, and CDS Hooks requires it; the service answers 400.",
        "Send it as a Bundle with every draft or problem.",
    ),
    "D114": (
        "error",
        "The Bundle of the context is no Bundle.",
        "What is being ordered or added cannot be read.",
        "Send a FHIR Bundle, also for a single resource.",
    ),
    "D115": (
        "warning",
        "The Bundle of the context is empty.",
        "No caution can be given about nothing.",
        "Send every draft of the order, not only the changed ones.",
    ),
    "D116": (
        "error",
        "context.selections is missing or no list of texts.",
        "CDS Hooks requires it at order-select; the service answers 400.",
        "Send the references of the drafts being chosen, such as MedicationRequest/1.",
    ),
    "D117": (
        "warning",
        "A selection names no draft.",
        "What is being chosen is not known, so a caution may be missing.",
        "Write selections as Type/id, as the draft stands in the Bundle.",
    ),
    "D118": (
        "warning",
        "context.selections is empty.",
        "Cautions are given about what is being chosen; nothing is.",
        "Name the drafts the user just chose.",
    ),
    "D119": (
        "warning",
        "A member is named almost like one that is read.",
        "Unknown members are not read, so what it says is lost.",
        "Write the name as CDS Hooks does: letters, case and all.",
    ),
    "D120": (
        "warning",
        "A member stands where CDS Hooks had it before 1.0.",
        "It is not read there.",
        "Move it into context (userId, patientId, encounterId), or drop it.",
    ),
    "D121": (
        "warning",
        "The call moves the evaluation date, which this service does not allow.",
        "The service judges at its own clock, so windows and ages differ from what is shown here.",
        "Have allow_as_of set for an evaluation, never for care.",
    ),
    "D122": (
        "error",
        "The evaluation date is no date-time with zone.",
        "The service answers 400.",
        "Write 2026-11-20T12:00:00Z.",
    ),
    "D123": (
        "error",
        "prefetch or extension is no object.",
        "The service answers 400.",
        "Send an object in braces, key by key; a Bundle of everything is no prefetch.",
    ),
    # --- the FHIR server and the token for it
    "D201": (
        "error",
        "fhirAuthorization comes without fhirServer.",
        "A token without the server it is for is refused; the service answers 400.",
        "Send both or neither.",
    ),
    "D202": (
        "warning",
        "fhirServer is no https address.",
        "A token must not travel unencrypted; only a server on the service's own machine is asked by http.",
        "Send the https address of the FHIR server.",
    ),
    "D203": (
        "warning",
        "fhirServer is no plain address.",
        "An address with user, query, fragment, percent signs or dot segments is never asked.",
        "Send the base address alone: https://fhir.example/r4.",
    ),
    "D204": (
        "warning",
        "fhirServer names a place below the base.",
        "Questions are built from the base; this one leads nowhere.",
        "Send the base address, without resource type or metadata.",
    ),
    "D205": (
        "warning",
        "fhirServer is not among the servers this service may ask.",
        "Keys that were not sent are not fetched and stay unknown.",
        "Send every prefetch key, or have the server listed in fhir_servers.",
    ),
    "D206": (
        "warning",
        "fhirAuthorization is not whole.",
        "The FHIR server cannot be asked with it; keys that were not sent stay unknown.",
        "Send access_token, token_type, expires_in (a number), scope and subject.",
    ),
    "D207": (
        "warning",
        "fhirAuthorization.token_type is not Bearer.",
        "The token is not sent anywhere.",
        "Send Bearer.",
    ),
    "D208": (
        "warning",
        "fhirAuthorization.expires_in is over.",
        "An expired token is not sent anywhere.",
        "Send the seconds that are left, counted when the call is made.",
    ),
    "D209": (
        "note",
        "fhirAuthorization.expires_in is longer than an hour.",
        "CDS Hooks advises a few minutes: the token can read a record.",
        "Make tokens that end after some minutes.",
    ),
    "D210": (
        "warning",
        "The scope does not cover what would have to be asked.",
        "Types it does not cover are not asked for and stay unknown.",
        "Add patient/Type.read (or .rs) for the types named.",
    ),
    "D211": (
        "note",
        "The scope covers a part of a type only.",
        "From a part nothing can be concluded about the rest: what is not found stays unknown.",
        "Grant the type without a query, or send the key.",
    ),
    "D212": (
        "error",
        "The token is for another patient than that of the context.",
        "The service answers 400.",
        "Send the token of the patient in context.",
    ),
    "D213": (
        "warning",
        "The access token looks like a placeholder.",
        "A FHIR server will refuse it.",
        "Send the token of this call.",
    ),
    "D214": (
        "warning",
        "The access token cannot stand in a header.",
        "It holds blanks, a word Bearer or signs that are not allowed, so it is not sent anywhere.",
        "Send the bare token.",
    ),
}
