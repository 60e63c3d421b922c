"""What can be wrong around a call: the caller's token, FHIR server, discovery; and what came of it all."""

from __future__ import annotations

from typing import Final

#: id -> severity, what, why it matters, what to do.
ACCESS_KINDS: Final[dict[str, tuple[str, str, str, str]]] = {
    # --- the token of the caller
    "D501": (
        "error",
        "The token is no signed JWT.",
        "It must be three parts of base64url with JSON inside, at most 16 KB; the service answers 401.",
        "Send Authorization: Bearer and the compact JWT, nothing else.",
    ),
    "D502": (
        "error",
        "The algorithm of the token is not allowed.",
        "alg must be one the client may use; none and shared secrets never are. The service answers 401.",
        "Sign with ES384 or RS384, or have the algorithm added to the client.",
    ),
    "D503": (
        "error",
        "The token has no kid.",
        "Nobody can tell which key to verify with; the service answers 401.",
        "Name the key of your key set in the header.",
    ),
    "D504": (
        "error",
        "typ of the token is not JWT.",
        "CDS Hooks fixes it; the service answers 401.",
        "Write typ: JWT.",
    ),
    "D505": (
        "error",
        "The issuer of the token is none of the trusted clients.",
        "iss is compared letter by letter, slashes included; the service answers 401.",
        "Have the operator add the client, or correct iss.",
    ),
    "D506": (
        "note",
        "No trusted clients are configured.",
        "The service looks at no token; it listens on this machine only.",
        "Name the settings of the real service with --config.",
    ),
    "D507": (
        "error",
        "The audience of the token is not the address that is called.",
        "aud is compared letter by letter with public_base_url and path; the service answers 401.",
        "Write aud as the address the EHR posts to.",
    ),
    "D508": (
        "error",
        "The token is over.",
        "exp has passed, 60 seconds of grace included; the service answers 401.",
        "Make a new token for every call. For a captured one name the instant of the call with --as-of.",
    ),
    "D509": (
        "error",
        "The token is issued in the future.",
        "iat or nbf is ahead by more than 60 seconds; the service answers 401.",
        "Set the clocks of both machines by NTP.",
    ),
    "D510": (
        "error",
        "The times of the token are missing or no whole seconds.",
        "exp and iat are required, in seconds since 1970; the service answers 401.",
        "Send whole seconds, not milliseconds, not texts.",
    ),
    "D511": (
        "error",
        "The token lives too long, or ends before it begins.",
        "From iat to exp it may be max_life_seconds of the client; the service answers 401.",
        "Make tokens of five minutes at most.",
    ),
    "D512": (
        "error",
        "The token names another key address than the client has.",
        "jku must be the jwks_url of the client, letter by letter; the service answers 401.",
        "Leave jku out, or have jwks_url corrected.",
    ),
    "D513": (
        "error",
        "The token has no jti.",
        "A token is good for one call, known by its jti; the service answers 401.",
        "Send a new random jti of at most 255 characters with every token.",
    ),
    "D514": (
        "error",
        "The tenant of the token is none of the client's.",
        "The operator lists tenants; the service answers 401.",
        "Send the tenant agreed upon, or have it listed.",
    ),
    "D515": (
        "error",
        "The header of the token brings its own key or asks for more than is known.",
        "jwk, x5u, x5c, crit, b64, zip and enc are refused; the service answers 401.",
        "Send alg, kid and typ, at most jku.",
    ),
    "D516": (
        "error",
        "The key of the token is not in the client's key set.",
        "No key of this kid for this alg, at least 2048 bits for RSA; the service answers 401.",
        "Publish the public key with kid and use: sig before signing with it.",
    ),
    "D517": (
        "error",
        "The signature of the token is wrong.",
        "It was signed with another key, or changed on its way; the service answers 401.",
        "Sign with the private key whose public key has this kid.",
    ),
    "D518": (
        "error",
        "The key set of the client cannot be read.",
        "Without keys no token is accepted; the service answers 401.",
        "Look at jwks_file or jwks_url of the client.",
    ),
    "D519": (
        "note",
        "The signature was not checked.",
        "The keys stand at an address, and the doctor goes out only with --fetch.",
        "Run again with --fetch.",
    ),
    "D520": (
        "note",
        "The service wants a token, and none was given to look at.",
        "Without one the service answers 401.",
        "Give the token with --token FILE, or - for the standard input.",
    ),
    # --- the FHIR server, asked with --fetch
    "D601": (
        "warning",
        "The FHIR server was not asked.",
        "It is not listed, or the call brings no token that can be sent.",
        "List it in fhir_servers, and send fhirServer and fhirAuthorization.",
    ),
    "D602": (
        "warning",
        "The name of the FHIR server is not found.",
        "Nothing can be fetched.",
        "Check name and DNS on the machine of the service.",
    ),
    "D603": (
        "warning",
        "The FHIR server stands at an address that may not be reached.",
        "Addresses that are not public are reached only where fhir_networks holds them.",
        "Add its network to fhir_networks.",
    ),
    "D604": (
        "warning",
        "No connection to the FHIR server.",
        "Refused or broken off: nothing can be fetched.",
        "Check port, firewall and that the server runs.",
    ),
    "D605": (
        "warning",
        "The certificate of the FHIR server is not trusted.",
        "Nothing is sent to a server that cannot prove its name.",
        "Name its authorities in fhir_ca_file; renew the certificate; check the name in it.",
    ),
    "D606": (
        "warning",
        "The FHIR server redirects.",
        "Redirects are never followed: a token could leave for elsewhere.",
        "Send and list the address it redirects to.",
    ),
    "D607": (
        "warning",
        "The FHIR server refuses access.",
        "401 or 403: the token is not taken for these keys.",
        "Check audience, scope and life of the access token.",
    ),
    "D608": (
        "warning",
        "The FHIR server is too slow.",
        "What does not come within fhir_deadline_ms is a gap on the cards.",
        "Send prefetch, make the server faster, or raise fhir_deadline_ms.",
    ),
    "D609": (
        "warning",
        "The FHIR server answers with something that is no FHIR R4 JSON.",
        "What was asked for is not known.",
        "Have it answer Accept: application/fhir+json.",
    ),
    "D610": (
        "warning",
        "The FHIR server did not heed the question.",
        "It ignored a parameter, so its answer proves nothing.",
        "Have it support the parameters of the template, or send the key as prefetch.",
    ),
    "D611": (
        "warning",
        "The FHIR server does not know what was asked for.",
        "404: the type or the patient is not there.",
        "Check that the server has the type, and the id of the patient.",
    ),
    "D612": (
        "warning",
        "The FHIR server fails or is busy.",
        "An error status: what was asked for is not known.",
        "Look at the log of the server.",
    ),
    "D613": (
        "warning",
        "The FHIR server answers about another patient.",
        "Nothing of the answer is used.",
        "Check how the server reads patient=; fhir_patient_form may help.",
    ),
    "D614": (
        "warning",
        "Not all pages of an answer could be had.",
        "What is missing is a gap on the cards.",
        "Check next links (they must stay on the server) and fhir_max_pages.",
    ),
    "D615": (
        "warning",
        "The FHIR server is of another version than R4.",
        "Members that moved between versions are missed.",
        "Send the R4 base address.",
    ),
    "D616": (
        "note",
        "The FHIR server says that it lacks a type or parameter of our templates.",
        "Searches that use it will fail or be ignored.",
        "Send these keys as prefetch, made in another way.",
    ),
    "D617": (
        "warning",
        "A question to the FHIR server failed otherwise.",
        "What was asked for is not known.",
        "See the kind of fault.",
    ),
    # --- the outcome
    "D701": (
        "error",
        "Nothing could be assessed with what was sent.",
        "The service answers 412: no card is not all clear.",
        "Send laboratory results, drugs, problems and encounters as discovery asks for them.",
    ),
    "D702": (
        "error",
        "The service refuses the call.",
        "The code says why.",
        "Look the code up in docs/errors.md.",
    ),
    "D703": (
        "note",
        "No rule matched, so there is no card.",
        "What was sent was judged; a rule that does not fire excludes nothing.",
        "twitch-cds explain tells it rule by rule.",
    ),
    "D704": (
        "note",
        "The patient is outside the scope of the rules.",
        "For such patients no card is given.",
        "Nothing, if that is right.",
    ),
    "D705": (
        "warning",
        "Rules could not tell because data are not known.",
        "A card may be missing; a card of gaps says so.",
        "Send what is named: see the findings about prefetch and resources.",
    ),
    "D706": (
        "warning",
        "A rule failed inside.",
        "Its answer is missing; the cards say so.",
        "Report it with the version of the knowledge.",
    ),
    "D707": (
        "note",
        "Rules are switched off at this site.",
        "They are not judged.",
        "twitch-cds site show lists them.",
    ),
    "D708": (
        "error",
        "The service is not offered.",
        "It is switched off in the knowledge; the service answers 404.",
        "Call one that discovery lists.",
    ),
    "D709": (
        "note",
        "This hook shows less than the record would at patient-view.",
        "Order hooks show cautions about the drafts, not a list of causes.",
        "Call patient-view for possible contributors.",
    ),
    # --- discovery as the EHR has it
    "D801": (
        "error",
        "The discovery is none.",
        "An object with a list of services is needed.",
        "Save the answer of GET /cds-services.",
    ),
    "D802": (
        "warning",
        "The discovery lacks a service of today.",
        "The EHR will never call it.",
        "Have the EHR read discovery again.",
    ),
    "D803": (
        "warning",
        "A prefetch template of the discovery is not that of today.",
        "The EHR asks for other codes or keys than the rules need.",
        "Have the EHR read discovery again; it should do so every day.",
    ),
    "D804": (
        "warning",
        "The discovery lists a service that is not offered any more.",
        "Calls to it end with 404.",
        "Have the EHR read discovery again.",
    ),
}
