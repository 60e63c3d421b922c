/** A Bundle of one's own as a server takes it in: ids given, references within it made plain. Pure: no state. */

/** Types that are about a patient and say so in `subject` or `patient`. */
const OF_A_PATIENT = [
  "AllergyIntolerance", "Condition", "DiagnosticReport", "Encounter", "FamilyMemberHistory", "MedicationAdministration",
  "MedicationRequest", "MedicationStatement", "Observation", "Procedure", "QuestionnaireResponse", "ServiceRequest",
];

/**
 * Return a Bundle whose resources all have ids, and refer to each other by type and id.
 *
 * References to the `fullUrl` of an entry (`urn:uuid:...`, as in Bundles that were never on a server) become "Type/id",
 * as a server writes them that takes in a transaction (FHIR R4, "Transaction processing rules").
 *
 * @param {object} bundle
 * @returns {object}
 */
export function taken(bundle) {
  const entries = (Array.isArray(bundle.entry) ? bundle.entry : []).filter((entry) => isResource(entry?.resource));
  const named = entries.map((entry, index) => ({ ...entry, resource: withId(entry, index) }));
  const places = new Map();
  for (const { fullUrl, resource } of named) {
    if (typeof fullUrl === "string" && resource.id !== undefined) places.set(fullUrl, `${resource.resourceType}/${resource.id}`);
  }
  return { ...bundle, entry: named.map((entry) => ({ ...entry, resource: pointed(entry.resource, places) })) };
}

/**
 * @param {object[]} resources
 * @param {string} patientId
 * @returns {object[]} Those about a patient that do not name this one: no query for the patient finds them.
 */
export function strangers(resources, patientId) {
  return resources.filter((resource) => {
    const owner = resource.subject ?? resource.patient;
    return OF_A_PATIENT.includes(resource.resourceType) && !names(owner?.reference, patientId);
  });
}

function names(reference, patientId) {
  return typeof reference === "string" && `/${reference.split("/_history/")[0]}`.endsWith(`/Patient/${patientId}`);
}

/** An entry to be created has no id yet, but its address is often a UUID; a Patient is not given an id of ours. */
function withId(entry, index) {
  const { resource } = entry;
  if (resource.id !== undefined) return resource;
  const uuid = /^urn:uuid:([0-9a-fA-F-]{36})$/.exec(entry.fullUrl ?? "")?.[1];
  if (!uuid && resource.resourceType === "Patient") return resource;
  return { ...resource, id: uuid ?? `own-${index}` };
}

/** Return a part of a resource with its references made plain. */
function pointed(part, places) {
  if (Array.isArray(part)) return part.map((item) => pointed(item, places));
  if (typeof part !== "object" || part === null) return part;
  const copy = Object.fromEntries(Object.entries(part).map(([name, value]) => [name, pointed(value, places)]));
  if (typeof copy.reference === "string" && places.has(copy.reference)) copy.reference = places.get(copy.reference);
  return copy;
}

function isResource(value) {
  return typeof value === "object" && value !== null && typeof value.resourceType === "string";
}
