/** The CDS Hooks request an EHR would send about the record that is open: context, prefetch, and what to leave out. */

import { ADDRESSES, post } from "./api.js";
import { state } from "./state.js";

const AS_OF = "org.twitch-cds.asOf";
const USER = "Practitioner/sandbox";
/** What a real EHR gets from its authorization server; the sandbox endpoint asks for none. */
const SANDBOX_TOKEN = {
  access_token: "sandbox",
  token_type: "Bearer",
  expires_in: 300,
  scope: "patient/*.read",
  subject: "sandbox",
};

/**
 * Build the request for a hook, with the prefetch an EHR fills in.
 *
 * Keys in `state.sending.omitted` are left out; then the request names the sandbox as FHIR server, so that
 * the service fetches them.
 *
 * @param {import("./state.js").OpenRecord} record
 * @param {string} hook
 * @param {string} service
 * @param {object} extra  Members of the context beside user and patient.
 * @returns {Promise<{request: object|null, queries: object, problem: import("./state.js").Problem|null}>}
 */
export async function buildRequest(record, hook, service, extra) {
  const context = { userId: USER, patientId: record.patientId, ...extra };
  const whose = record.bundle ? { bundle: record.bundle } : { patientId: record.patientId };
  const filled = await post(ADDRESSES.prefetch, { service, context, ...whose });
  if (filled.problem) return { request: null, queries: {}, problem: filled.problem };
  const prefetch = withoutOmitted(filled.json.prefetch);
  const request = {
    hook,
    hookInstance: newId(),
    ...fhirServer(record),
    context,
    prefetch,
    extension: { [AS_OF]: record.asOf },
  };
  return { request, queries: filled.json.queries ?? {}, problem: null };
}

/**
 * Take a request of one's own under an instance of its own and at the instant of the chart.
 *
 * Its own hook is called with what it holds. For another hook, or another context, its prefetch goes along as it
 * is: what it did not bring stays not known. Keys in `state.sending.omitted` are left out, and a fault takes the
 * place of the server it names; without one the service fetches from its own server, if it names one.
 *
 * @param {import("./state.js").OpenRecord} record
 * @param {string} hook
 * @param {object} extra  Members of the context beside user and patient.
 * @returns {object}
 */
export function givenRequest(record, hook, extra) {
  const { given } = record;
  const extension = { ...given.extension, [AS_OF]: record.asOf };
  const isItself = hook === given.hook && Object.keys(extra).length === 0;
  const who = { userId: given.context.userId ?? USER, patientId: record.patientId };
  const context = isItself ? given.context : { ...who, ...extra };
  const prefetch = given.prefetch && { prefetch: withoutOmitted(given.prefetch) };
  return { ...given, ...(state.sending.fault && fromServer(record)), hook, hookInstance: newId(), context, ...prefetch, extension };
}

/**
 * @returns {string} A new UUID; also where the page was opened by a name that is not "secure".
 */
export function newId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

function withoutOmitted(prefetch) {
  const kept = Object.entries(prefetch).filter(([key]) => !state.sending.omitted.includes(key));
  return Object.fromEntries(kept);
}

/** Name the FHIR server where something is left to be fetched; a record of one's own is on none but one with a fault. */
function fhirServer(record) {
  const { omitted, fault } = state.sending;
  return fault || (omitted.length && !record.bundle) ? fromServer(record) : {};
}

function fromServer(record) {
  const { fault } = state.sending;
  const server = fault ? state.patients.faults[fault] : state.patients.fhirServer;
  return { fhirServer: server, fhirAuthorization: { ...SANDBOX_TOKEN, patient: record.patientId } };
}
