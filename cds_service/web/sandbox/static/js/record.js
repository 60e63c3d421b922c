/** Opens a record: its resources, its series, and the call an EHR makes when a chart is opened. */

import { ADDRESSES, fetchRecord, get, post } from "./api.js";
import { callHook } from "./calls.js";
import { state, update } from "./state.js";

/**
 * Load the list of bundled patients.
 *
 * @returns {Promise<void>}
 */
export async function loadPatients() {
  const answer = await get(ADDRESSES.patients);
  update(() => {
    state.patients.list = answer.json?.patients ?? [];
    state.patients.fhirServer = answer.json?.fhirServer ?? "";
    state.patients.faults = answer.json?.faults ?? {};
    state.patients.canForget = answer.json?.canForget === true;
    state.patients.maxBodyMib = answer.json?.maxBodyMib ?? null;
    state.patients.problem = answer.problem;
  });
}

/**
 * Open a bundled patient and ask patient-view.
 *
 * @param {import("./state.js").Story} story
 * @returns {Promise<void>}
 */
export async function openStory(story) {
  const asOf = story.asOf;
  const record = newRecord(story.story, story.patientId, { story, asOf, storyAsOf: asOf });
  show(record);
  await Promise.all([loadResources(record), loadChart(record), callHook("patient-view")]);
}

/**
 * Open a Bundle or a CDS Hooks request of one's own.
 *
 * @param {{patientId: string, asOf: string, bundle: object|null, given: object|null, resources: object[]}} own
 * @returns {Promise<void>}
 */
export async function openOwn(own) {
  const record = newRecord("own", own.patientId, { ...own, storyAsOf: own.asOf });
  show(record);
  await Promise.all([loadChart(record), callHook(own.given?.hook ?? "patient-view")]);
}

/**
 * Judge the record that is open at another instant.
 *
 * @param {string} asOf  A date-time with zone.
 * @returns {Promise<void>}
 */
export async function moveTo(asOf) {
  const record = state.record;
  if (!record || record.asOf === asOf) return;
  update(() => {
    record.asOf = asOf;
  });
  await Promise.all([loadChart(record), callHook(record.given?.hook ?? "patient-view")]);
}

/**
 * Have the services forget what was shown and answered, then ask again: for whoever tries a patient twice.
 *
 * @returns {Promise<void>}
 */
export async function askAsNew() {
  const record = state.record;
  const answer = await post(ADDRESSES.forget, {});
  if (!record || record !== state.record) return;
  update(() => {
    state.outcomes = {};
    record.problem = answer.problem ?? record.problem;
  });
  if (answer.ok) await callHook(record.given?.hook ?? "patient-view");
}

function newRecord(key, patientId, rest) {
  const empty = { story: null, bundle: null, given: null, resources: null, isPartial: false, chart: null, problem: null };
  return { ...empty, key, patientId, ...rest };
}

function show(record) {
  update(() => {
    state.record = record;
    state.calls = [];
    state.shown = null;
    state.drafts = [];
    state.orders = {};
    state.outcomes = {};
    state.open = {};
    state.dismissing = null;
    state.highlight = null;
    state.why = { ...state.why, source: null };
    state.drawer = false;
  });
}

async function loadResources(record) {
  const { resources, problem } = await fetchRecord(record.patientId);
  update(() => {
    record.resources = resources;
    record.isPartial = problem !== null;
    record.problem = problem ? { ...problem, title: `The record could not be read whole. ${problem.title}` } : record.problem;
  });
}

function unread(problem) {
  return problem && { ...problem, title: `The results could not be read. ${problem.title}` };
}

async function loadChart(record) {
  const asOf = record.asOf;
  const whose = { patientId: record.patientId, ...(record.bundle && { bundle: record.bundle }) };
  const answer = await post(ADDRESSES.chart, { ...whose, asOf });
  if (record.asOf !== asOf) return; // moved on in the meantime: that answer comes later
  update(() => {
    record.chart = { labs: [], setAside: [], ...(answer.ok ? answer.json : {}), asOf, problem: unread(answer.problem) };
  });
}
