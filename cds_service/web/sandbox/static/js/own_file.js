/** Reads a file of one's own: a Bundle of one patient or a CDS Hooks request; says clearly what anything else is. */

import { ADDRESSES, post } from "./api.js";
import { KEEPS_DIGITS, parseExactly } from "./exact_json.js";
import { repeatedIn } from "./json_fault.js";
import { newId } from "./requests.js";
import { strangersTo, withoutStrangers } from "./strangers.js";

const MIB = 1024 * 1024;
const FHIR_ID = /^[A-Za-z0-9.-]{1,64}$/;
const AS_OF = "org.twitch-cds.asOf";
/** How files begin that are no text. */
const BINARIES = [
  ["%PDF", "a PDF"],
  ["PK\u0003\u0004", "a ZIP archive or an Office document"],
  ["\u001f\u008b", "a compressed file (gzip)"],
  ["\u0089PNG", "an image"],
  ["\u00ff\u00d8\u00ff", "an image"],
  ["GIF8", "an image"],
  ["SQLite format", "a database"],
];
const REMEDY = "Choose a FHIR R4 Bundle with one patient, or a CDS Hooks request, as JSON.";

/** What stops a file from being opened: told to the person. */
class Refusal extends Error {
  constructor(title, text = REMEDY) {
    super(title);
    this.problem = { title, text };
  }
}

/**
 * @typedef {object} OwnRecord
 * @property {string} name       Of the file.
 * @property {string} patientId
 * @property {string} asOf
 * @property {object} bundle     What the chart is drawn from.
 * @property {object|null} given A CDS Hooks request; null for a Bundle.
 * @property {object[]} resources  None that names another patient.
 * @property {object[]} drafts   Draft orders of the request, with ids.
 * @property {import("./strangers.js").Strangers} strangers  What is not the patient's: of a Bundle it is not sent.
 */

/**
 * @param {File} file
 * @param {string[]} hooks  The hooks the service answers.
 * @param {number|null} maxBodyMib  The largest request the service takes; null: it says so itself.
 * @returns {Promise<{own: OwnRecord|null, problem: import("./state.js").Problem|null}>}
 */
export async function readOwnFile(file, hooks, maxBodyMib) {
  try {
    refuseIfInexact();
    refuseLarge(file, maxBodyMib);
    const bytes = new Uint8Array(await file.arrayBuffer());
    return { own: { name: file.name, ...(await understood(parsed(textOf(bytes)), hooks)) }, problem: null };
  } catch (fault) {
    if (fault instanceof Refusal) return { own: null, problem: fault.problem };
    return { own: null, problem: { title: "The file cannot be read.", text: "Is it a folder, or was it moved? Choose it again." } };
  }
}

/** A browser that would send 1.8 for a file's 1.80, or another number for a long one, sends nothing. */
function refuseIfInexact() {
  if (KEEPS_DIGITS) return;
  throw new Refusal("This browser would change numbers of the file.", "Use a newer one: Chromium or Edge 114, Firefox 135, Safari 18.4 or later.");
}

function refuseLarge(file, maxBodyMib) {
  if (file.size === 0) throw new Refusal("The file is empty.");
  if (maxBodyMib === null || file.size <= maxBodyMib * MIB) return;
  const size = Math.ceil(file.size / MIB);
  const text = `The service takes at most ${maxBodyMib} MiB in one call. Whole exports are read with twitch-cds batch.`;
  throw new Refusal(`The file has ${size} MiB: too much for one patient.`, text);
}

function textOf(bytes) {
  const begin = String.fromCharCode(...bytes.subarray(0, 16));
  const kind = BINARIES.find(([signature]) => begin.startsWith(signature))?.[1];
  if (kind) throw new Refusal(`This is ${kind}, not JSON.`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Refusal("The file is not text in UTF-8.", "Save it as JSON in UTF-8, without another encoding.");
  }
}

function parsed(text) {
  let json;
  try {
    json = parseExactly(text);
  } catch (fault) {
    throw new Refusal(...notJson(text, fault));
  }
  refuseRepeated(text);
  return json;
}

/** Of two values under one name JavaScript keeps the last: the file would be sent otherwise than it is. */
function refuseRepeated(text) {
  const twice = repeatedIn(text);
  if (!twice) return;
  throw new Refusal(`The file says a name twice at line ${twice.line}, column ${twice.column}.`, `${twice.message} Which value is meant cannot be known: correct the file.`);
}

/** Return what a text that is not JSON is, and where it stops being JSON as far as the browser says it. */
function notJson(text, fault) {
  const begin = text.trimStart();
  if (begin === "") return ["The file is empty."];
  if (begin.startsWith("<")) return ["This is XML or HTML, not JSON."];
  const lines = begin.split("\n", 2);
  if (lines.length === 2 && isJson(lines[0]) && lines[1].trimStart().startsWith("{")) {
    return ["These are many JSON texts, one a line (NDJSON).", "That is a bulk export: twitch-cds batch reads it. Here one Bundle of one patient is shown."];
  }
  if (!/^[[{"]/.test(begin)) return ["This is not JSON."];
  return [`The JSON is broken${placeOf(text, String(fault.message))}.`, "Nothing of it was read. Was the file cut off?"];
}

function placeOf(text, message) {
  const at = /position (\d+)/.exec(message);
  const said = /line (\d+) column (\d+)/.exec(message);
  if (said) return ` at line ${said[1]}, column ${said[2]}`;
  if (!at) return /end of (JSON|data)|unterminated/i.test(message) ? " at its end" : "";
  const before = text.slice(0, Number(at[1])).split("\n");
  return ` at line ${before.length}, column ${before.at(-1).length + 1}`;
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

async function understood(json, hooks) {
  if (!isObject(json)) throw new Refusal("This JSON is not an object.");
  if (typeof json.hook === "string" || isObject(json.context)) return ofRequest(json, hooks);
  if (json.resourceType === "Bundle") return ofBundle(json);
  if (typeof json.resourceType === "string") {
    throw new Refusal(`This is one ${json.resourceType}, not a record.`, "Put it into a Bundle together with the Patient.");
  }
  throw new Refusal("This is JSON, but neither a FHIR Bundle nor a CDS Hooks request.");
}

/** The service takes the Bundle in, as a server does: it gives ids, and finds whom each reference means. */
async function ofBundle(given) {
  const patients = resourcesOf(given).filter((item) => item.resourceType === "Patient");
  const ids = [...new Set(patients.map((patient) => String(patient.id ?? "")))];
  if (!resourcesOf(given).length) throw new Refusal("The Bundle holds no resource.");
  if (!patients.length) throw new Refusal("The Bundle holds no Patient.", "Whose record it is must be told: add the Patient resource.");
  if (ids.length > 1) {
    throw new Refusal(`The Bundle holds ${ids.length} patients.`, `One record is one patient's. It has: ${ids.slice(0, 5).join(", ")}${ids.length > 5 ? ", ..." : ""}.`);
  }
  const { problem, json } = await post(ADDRESSES.record, { bundle: given });
  if (problem) throw new Refusal("The Bundle cannot be opened.", `${problem.title} ${problem.text}`);
  const { patientId, bundle, strangers } = json;
  const resources = withoutStrangers(unique(resourcesOf(bundle)), patientId);
  return { patientId, asOf: now(), bundle, given: null, resources, drafts: [], strangers };
}

function ofRequest(request, hooks) {
  const { hook, context } = request;
  if (typeof hook !== "string" || !isObject(context)) {
    throw new Refusal(`A CDS Hooks request without ${isObject(context) ? "hook" : "context"}.`, "It needs hook, hookInstance and context.");
  }
  if (!hooks.includes(hook)) throw new Refusal(`No service answers the hook ${hook.slice(0, 60)}.`, `There are: ${hooks.join(", ")}.`);
  if (typeof context.patientId !== "string" || !FHIR_ID.test(context.patientId)) {
    throw new Refusal("The request names no patient.", "context.patientId must be a FHIR id, without the resource type.");
  }
  const sent = unique(Object.values(isObject(request.prefetch) ? request.prefetch : {}).flatMap(resourcesOf));
  const resources = withoutStrangers(sent, context.patientId);
  const entry = resources.map((resource) => ({ resource }));
  return {
    patientId: context.patientId,
    asOf: typeof request.extension?.[AS_OF] === "string" ? request.extension[AS_OF] : now(),
    bundle: { resourceType: "Bundle", type: "collection", entry },
    given: request,
    resources,
    drafts: resourcesOf(context.draftOrders).map((resource) => ({ ...resource, id: resource.id ?? `draft-${newId()}` })),
    strangers: strangersTo(sent, context.patientId),
  };
}

/** Return the resources of a Bundle, or the one resource something is. */
function resourcesOf(value) {
  if (!isObject(value) || typeof value.resourceType !== "string" || value.resourceType === "OperationOutcome") return [];
  if (value.resourceType !== "Bundle") return [value];
  const entries = Array.isArray(value.entry) ? value.entry : [];
  return entries.map((entry) => entry?.resource).filter((resource) => isObject(resource) && resource.resourceType !== "OperationOutcome");
}

/** The same resource may come under several keys of a prefetch. */
function unique(resources) {
  const found = new Map();
  for (const resource of resources) {
    const key = resource.id === undefined ? resource : `${resource.resourceType}/${resource.id}`;
    if (!found.has(key)) found.set(key, resource);
  }
  return [...found.values()];
}

function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function now() {
  return new Date().toISOString().replace(/\.\d+Z$/, "Z");
}
