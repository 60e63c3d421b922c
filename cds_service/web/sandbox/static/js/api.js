/** Everything the page asks of the process it came from, with the time it took; nothing is asked of anybody else. */

import { parseExactly } from "./exact_json.js";

/**
 * @typedef {object} Answer
 * @property {boolean} ok
 * @property {number} status  0 where no answer came.
 * @property {number} ms
 * @property {Object<string, string>} headers
 * @property {any} json  null where the body is not JSON.
 * @property {string} text  The body as it came.
 * @property {import("./state.js").Problem|null} problem  What an answer that is not `ok` says.
 */

const JSON_TYPE = "application/json";
const MOST_PAGES = 50;

/** Addresses, relative to the page: they hold under any prefix. */
export const ADDRESSES = {
  patients: "patients.json",
  record: "record",
  prefetch: "prefetch",
  chart: "chart",
  orderables: "orderables.json",
  feedbackReport: "feedback.json",
  forget: "forget",
  discovery: "../cds-services",
  service: (id) => `../cds-services/${encodeURIComponent(id)}`,
  feedback: (id) => `../cds-services/${encodeURIComponent(id)}/feedback`,
  explain: (id) => `../explain/${encodeURIComponent(id)}`,
  everything: (patientId) => `fhir/Patient/${encodeURIComponent(patientId)}/$everything?_count=500`,
};

/**
 * @param {string} path  Relative to the page.
 * @returns {string} The whole address: for `fhirServer`, and to be copied.
 */
export function wholeAddress(path) {
  return new URL(path, document.baseURI).href;
}

/**
 * Ask for JSON.
 *
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
export function get(path, signal) {
  return ask(path, { headers: { Accept: JSON_TYPE }, signal });
}

/**
 * Send JSON; a text is sent as it is.
 *
 * @param {string} path
 * @param {object|string} body
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
export function post(path, body, signal) {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const headers = { Accept: JSON_TYPE, "Content-Type": JSON_TYPE };
  return ask(path, { method: "POST", headers, body: text, signal });
}

/**
 * Fetch all resources of a patient, page by page.
 *
 * @param {string} patientId
 * @returns {Promise<{resources: object[], problem: import("./state.js").Problem|null}>}
 */
export async function fetchRecord(patientId) {
  const resources = [];
  let path = ADDRESSES.everything(patientId);
  for (let pages = 0; path && pages < MOST_PAGES; pages += 1) {
    const answer = await get(path);
    if (answer.problem) return { resources, problem: answer.problem };
    const entries = answer.json?.entry ?? [];
    resources.push(...entries.map((entry) => entry.resource).filter((resource) => isClinical(resource)));
    path = samePlace(answer.json?.link?.find((link) => link.relation === "next")?.url);
  }
  const problem = path ? { title: `It has more than ${MOST_PAGES} pages.`, text: "The rest is not shown here." } : null;
  return { resources, problem };
}

/** Return a link of the FHIR endpoint as seen from this page, whatever name the process has for itself. */
function samePlace(link) {
  const at = link?.indexOf("/sandbox/fhir") ?? -1;
  return at < 0 ? null : link.slice(at + "/sandbox/".length);
}

function isClinical(resource) {
  return Boolean(resource) && resource.resourceType !== "OperationOutcome";
}

async function ask(path, options) {
  const begun = performance.now();
  try {
    const response = await fetch(path, { cache: "no-store", credentials: "omit", ...options });
    const text = await response.text();
    return answered(response, text, performance.now() - begun);
  } catch (fault) {
    return unanswered(fault, performance.now() - begun);
  }
}

function answered(response, text, ms) {
  const json = parsed(text);
  const isGood = response.ok && (json !== null || text === "");
  const problem = isGood ? null : problemOf(response.status, json);
  const headers = Object.fromEntries(response.headers.entries());
  return { ok: problem === null, status: response.status, ms, headers, json, text, problem };
}

function unanswered(fault, ms) {
  const isStopped = fault instanceof DOMException && fault.name === "AbortError";
  const title = isStopped ? "The request was stopped." : "No answer came.";
  const text = isStopped ? "" : "Is the service still running? Start it with make run, then try again.";
  return { ok: false, status: 0, ms, headers: {}, json: null, text: "", problem: { title, text } };
}

function parsed(text) {
  try {
    return parseExactly(text);
  } catch {
    return null;
  }
}

/** Return what an error says: the service answers each with an OperationOutcome. */
function problemOf(status, json) {
  const outcome = json?.resourceType === "OperationOutcome" ? json : json?.outcome;
  const issues = outcome?.issue ?? [];
  const said = issues.map((issue) => issue.details?.text ?? issue.diagnostics).filter(Boolean);
  const code = issues.map((issue) => issue.details?.coding?.[0]?.code).find(Boolean);
  const title = status >= 200 && status < 300 ? "The answer is not JSON." : `The service answered ${status}.`;
  return { title, text: said.join(" "), code };
}
