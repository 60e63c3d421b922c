/** What of a record is not its patient's: it stands in no chart, and is told. */

import { listed, referenceOf, text } from "./fhir/words.js";

const MOST_NAMED = 20;

/**
 * @typedef {object} Strangers
 * @property {number} ofAnother   Resources that name another patient, or one that is not there.
 * @property {number} ofNobody    Resources about a patient that name none.
 * @property {number} empty       Entries without a resource.
 * @property {string[]} sources   The first of them by name ("Condition/1").
 * @property {string[]} [patients]  Ids of other Patients, for a request.
 */

/**
 * @param {object[]} resources
 * @param {string} patientId
 * @returns {object[]}  Those that do not name another patient.
 */
export function withoutStrangers(resources, patientId) {
  return resources.filter((resource) => !isOfAnother(resource, patientId));
}

/**
 * @param {object[]} resources  Of a request of one's own.
 * @param {string} patientId    Whom it is about.
 * @returns {Strangers}
 */
export function strangersTo(resources, patientId) {
  const others = resources.filter((resource) => isOfAnother(resource, patientId));
  const patients = others.filter((resource) => resource.resourceType === "Patient");
  return {
    ofAnother: others.length,
    ofNobody: 0,
    empty: 0,
    sources: others.slice(0, MOST_NAMED).map(referenceOf),
    patients: patients.map((patient) => text(patient.id) || "without an id"),
  };
}

function isOfAnother(resource, patientId) {
  const owner = resource.resourceType === "Patient" ? text(resource.id) : ownerOf(resource);
  return owner !== patientId && (owner !== "" || resource.resourceType === "Patient");
}

/** Return the id of the patient a resource refers to; empty where it names none by id. */
function ownerOf(resource) {
  const target = listed(resource.subject ?? resource.patient)[0];
  return /(?:^|\/)Patient\/([A-Za-z0-9.-]+)(?:\/_history\/.*)?$/.exec(text(target?.reference))?.[1] ?? "";
}
