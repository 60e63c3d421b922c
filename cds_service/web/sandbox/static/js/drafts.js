/** Draft orders, refills and new problems as FHIR, as a hook's context carries them. Pure: no state, no calls. */

import { drugWords, referenceOf } from "./fhir/words.js";

/**
 * Make what was found by name an order, or a problem, of a patient.
 *
 * @param {object} resource  Without id and subject (`orderables.json`).
 * @param {string} id
 * @returns {object}
 */
export function identified(resource, id) {
  return { resourceType: resource.resourceType, id, ...resource };
}

/**
 * Put draft orders into a Bundle: each is the patient's, and written at the moment it is sent.
 *
 * @param {object[]} resources
 * @param {import("./state.js").OpenRecord} record
 * @returns {object} A Bundle of type "collection".
 */
export function orderBundle(resources, record) {
  return bundle(resources.map((resource) => ({ ...resource, subject: subjectOf(record), authoredOn: record.asOf })));
}

/**
 * Put new problems into a Bundle.
 *
 * @param {object[]} resources
 * @param {import("./state.js").OpenRecord} record
 * @returns {object} A Bundle of type "collection".
 */
export function problemBundle(resources, record) {
  return bundle(resources.map((resource) => ({ ...resource, subject: subjectOf(record), recordedDate: record.asOf })));
}

/**
 * Make a refill of a prescription: a new draft with its drug and dose, which names it as the prior one.
 *
 * A Medication that is a resource of its own goes along inside, so that the draft says by itself what it is.
 *
 * @param {object} prescription  An active MedicationRequest of the record.
 * @param {object[]} all  The record.
 * @param {string} id
 * @returns {object}
 */
export function refillOf(prescription, all, id) {
  const { medicationCodeableConcept, dosageInstruction, dispenseRequest } = prescription;
  return withoutAbsent({
    resourceType: "MedicationRequest",
    id,
    status: "draft",
    intent: "order",
    medicationCodeableConcept,
    ...medicationOf(prescription, all),
    dosageInstruction,
    dispenseRequest,
    priorPrescription: { reference: referenceOf(prescription) },
  });
}

/**
 * @param {import("./fhir/sections.js").Row} row
 * @returns {boolean} Whether it is a prescription that can be refilled.
 */
export function isRefillable(row) {
  const { resourceType, status, intent } = row.resource;
  const isOrder = resourceType === "MedicationRequest" && status === "active" && intent !== "proposal" && intent !== "plan";
  return isOrder && !row.isVoid;
}

function medicationOf(prescription, all) {
  const reference = prescription.medicationReference?.reference;
  if (typeof reference !== "string") return {};
  const stored = all.find((item) => item.resourceType === "Medication" && reference.endsWith(referenceOf(item)));
  const inside = (prescription.contained ?? []).find((item) => `#${item.id}` === reference) ?? stored;
  if (!inside) return { medicationCodeableConcept: { text: drugWords(prescription, all) } };
  return { contained: [{ ...inside, id: "drug" }], medicationReference: { reference: "#drug" } };
}

function subjectOf(record) {
  return { reference: `Patient/${record.patientId}` };
}

function bundle(resources) {
  return { resourceType: "Bundle", type: "collection", entry: resources.map((resource) => ({ resource })) };
}

function withoutAbsent(resource) {
  return Object.fromEntries(Object.entries(resource).filter(([, value]) => value !== undefined));
}
