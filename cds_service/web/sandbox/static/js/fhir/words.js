/** Words for parts of FHIR resources: names, codes, quantities, dates as the record has them. */

import { WrittenNumber } from "../exact_json.js";

/**
 * @param {object|undefined} concept  A CodeableConcept.
 * @returns {string} Its text, else the display or code of its first coding; empty where it says nothing.
 */
export function conceptWords(concept) {
  const codings = listed(concept?.coding);
  const coding = codings.find((item) => item?.display) ?? codings[0];
  return text(concept?.text) || text(coding?.display) || text(coding?.code);
}

/**
 * @param {object|undefined} concept
 * @returns {string} The code of its first coding: for statuses.
 */
export function conceptCode(concept) {
  return text(concept?.coding?.[0]?.code) || text(concept?.text);
}

/**
 * @param {object} resource  A MedicationRequest, MedicationStatement or MedicationAdministration.
 * @param {object[]} all  The record: a Medication may be a resource of its own.
 * @returns {string}
 */
export function drugWords(resource, all) {
  const inline = conceptWords(resource.medicationCodeableConcept);
  if (inline) return inline;
  const wanted = text(resource.medicationReference?.reference);
  const contained = listed(resource.contained).find((item) => `#${item?.id}` === wanted);
  const other = all.find((item) => item.resourceType === "Medication" && wanted.endsWith(referenceOf(item)));
  return conceptWords((contained ?? other)?.code) || text(resource.medicationReference?.display) || "Drug not named";
}

/**
 * @param {object} patient
 * @returns {string}
 */
export function personName(patient) {
  const names = listed(patient?.name);
  const name = names.find((item) => item?.use === "official") ?? names[0];
  if (!name) return "No name";
  return [...listed(name.given), name.family].map(text).filter(Boolean).join(" ") || text(name.text) || "No name";
}

/**
 * @param {object} resource
 * @returns {string} "Type/id", as the services name their sources.
 */
export function referenceOf(resource) {
  return `${resource.resourceType}/${resource.id}`;
}

/**
 * @param {object} resource  An Observation, or one of its components.
 * @returns {string} Its value in words; empty where it has none.
 */
export function valueWords(resource) {
  if (resource.valueQuantity) return quantityWords(resource.valueQuantity);
  if (resource.valueCodeableConcept) return conceptWords(resource.valueCodeableConcept);
  if (resource.valueBoolean !== undefined) return resource.valueBoolean ? "yes" : "no";
  if (resource.valueRatio) return [resource.valueRatio.numerator, resource.valueRatio.denominator].map((part) => text(part?.value)).join(":");
  if (resource.valueRange) return `${text(resource.valueRange.low?.value)} to ${quantityWords(resource.valueRange.high ?? {})}`;
  const plain = resource.valueString ?? resource.valueInteger ?? resource.valueDateTime ?? resource.valueTime;
  if (plain !== undefined) return text(plain);
  const parts = listed(resource.component).map((part) => `${conceptWords(part?.code)} ${valueWords(part ?? {})}`.trim());
  if (parts.length) return parts.join(", ");
  const absent = conceptWords(resource.dataAbsentReason);
  return absent ? `no value: ${absent}` : "";
}

/**
 * @param {object} quantity
 * @returns {string}
 */
export function quantityWords(quantity) {
  if (text(quantity.value) === "") return "no value";
  const unit = text(quantity.unit) || text(quantity.code) || "no unit";
  return [`${text(quantity.comparator)}${text(quantity.value)}`, unit].join(" ").trim();
}

/**
 * @param {object} resource
 * @returns {string} When it was so or was recorded, as FHIR text; empty where the record has no date.
 */
export function dateOf(resource) {
  const period = resource.effectivePeriod ?? resource.period ?? resource.performedPeriod ?? resource.onsetPeriod;
  return text(
    resource.effectiveDateTime ??
      resource.effectiveInstant ??
      resource.performedDateTime ??
      resource.onsetDateTime ??
      resource.occurrenceDateTime ??
      period?.start ??
      resource.recordedDate ??
      resource.authoredOn ??
      resource.authored ??
      resource.issued ??
      resource.date,
  );
}

/**
 * @param {object} resource  A drug of the record.
 * @returns {string} When its use began, as FHIR text; empty where the record does not say.
 */
export function drugStart(resource) {
  const dosage = (resource.dosageInstruction ?? resource.dosage ?? [])[0];
  return text(dosage?.timing?.repeat?.boundsPeriod?.start) || dateOf(resource);
}

/**
 * @param {object} resource
 * @returns {string} How it is taken, in the words of the record.
 */
export function dosageWords(resource) {
  const dosage = resource.dosageInstruction ?? resource.dosage ?? [];
  const list = Array.isArray(dosage) ? dosage : [dosage];
  return list.map((item) => text(item?.text)).filter(Boolean).join("; ");
}

/**
 * @param {any} value  Of a record.
 * @returns {string} A primitive as text: what else stands there is not trusted to be one.
 */
export function text(value) {
  return ["string", "number", "boolean"].includes(typeof value) || value instanceof WrittenNumber ? String(value) : "";
}

/**
 * @param {any} value  What FHIR says is a list.
 * @returns {any[]} It, or the one thing that stands there instead; empty where there is nothing.
 */
export function listed(value) {
  if (Array.isArray(value)) return value;
  return value === undefined || value === null ? [] : [value];
}
