/** How an entry of a record stands: whether it holds, is over, or never was so; in words a clinician reads. */

import { conceptCode, text } from "./words.js";

/**
 * @typedef {object} Standing
 * @property {string} words  Empty where the entry stands as entries usually do.
 * @property {boolean} isOver  It was so and is no longer: shown softer, after the others.
 * @property {boolean} isVoid  It is not so, or never was: struck out, last.
 */

const USUAL = ["active", "completed", "final", "finished", "confirmed", "current"];
const OVER = ["stopped", "completed", "ended", "resolved", "inactive", "remission", "on-hold", "revoked", "superseded"];
const VOID = ["entered-in-error", "refuted", "cancelled", "not-done", "not-taken", "nullified", "abandoned", "declined", "rejected"];
/** Kinds whose being over matters: a finished visit or procedure is a fact as any other. */
const LASTING = ["MedicationRequest", "MedicationStatement", "Condition", "AllergyIntolerance"];
const GIVEN = { MedicationAdministration: "given", MedicationDispense: "dispensed" };

/**
 * @param {object} resource
 * @returns {Standing}
 */
export function standingOf(resource) {
  const said = statusesOf(resource);
  const isVoid = resource.doNotPerform === true || said.some((status) => VOID.includes(status));
  const isLasting = LASTING.includes(resource.resourceType);
  const told = said.filter((status) => !USUAL.includes(status) || (isLasting && status === "completed"));
  const words = resource.doNotPerform === true ? ["not to be given", ...told] : told;
  const given = said.includes("completed") ? (GIVEN[resource.resourceType] ?? "") : "";
  const isOver = isLasting && said.some((status) => OVER.includes(status));
  return { words: words.map(spoken).join(", ") || given, isOver: isOver || isVoid, isVoid };
}

/**
 * @param {object|undefined} observation
 * @returns {string} "corrected" where the laboratory changed the result; else empty.
 */
export function correctionOf(observation) {
  const status = text(observation?.status);
  return ["corrected", "amended", "appended"].includes(status) ? status : "";
}

/** What was verified stands before what the course is: "refuted", "provisional, resolved". */
function statusesOf(resource) {
  const found = [resource.verificationStatus, resource.clinicalStatus].map(conceptCode);
  return [...found, text(resource.status)].filter(Boolean);
}

function spoken(status) {
  return status.replaceAll("-", " ");
}
