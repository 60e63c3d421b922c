/** Calls of the services: sent, kept with their answers, and the latest shown. */

import { ADDRESSES, get, post } from "./api.js";
import { say } from "./live.js";
import { buildRequest, givenRequest } from "./requests.js";
import { shownCall, state, update } from "./state.js";

const KEPT = 30;
let lastId = 0;

/**
 * Learn from discovery which service answers which hook.
 *
 * @returns {Promise<void>}
 */
export async function discover() {
  const answer = await get(ADDRESSES.discovery);
  const services = answer.json?.services ?? [];
  update(() => {
    state.services = Object.fromEntries(services.map((service) => [service.hook, service]));
    state.discovery = answer.problem;
  });
}

/**
 * Call the service of a hook about the record that is open, and show its answer.
 *
 * @param {string} hook
 * @param {object} [extra]  Members of the context beside user and patient (draftOrders, selections, ...).
 * @returns {Promise<import("./state.js").Call|null>}  null where there is nothing to call, or no more.
 */
export async function callHook(hook, extra = {}) {
  const open = state.record;
  const record = open && { ...open }; // the instant may be moved while the request is built
  const service = state.services?.[hook]?.id;
  if (!record || state.services === null) return null;
  const call = begin(record, hook, service ?? "");
  if (!service) return finish(call, failed(noService(hook)));
  if (record.given) return send(call, givenRequest(record, hook, extra));
  const { request, queries, problem } = await buildRequest(record, hook, service, extra);
  if (isOvertaken(call, open)) return drop(call);
  if (problem) return finish(call, failed(problem));
  call.queries = queries;
  return send(call, request);
}

/**
 * Send a request as it is written, for the developer panel, and show its answer.
 *
 * @param {string} hook
 * @param {string} service
 * @param {object|string} request  A text is sent letter by letter, also where it is no JSON.
 * @param {Object<string, string>} [queries]
 * @returns {Promise<import("./state.js").Call|null>}
 */
export async function sendAgain(hook, service, request, queries = {}) {
  if (!state.record) return null;
  const call = begin(state.record, hook, service);
  call.queries = queries;
  return send(call, request);
}

/**
 * @param {string} key  Of a record.
 * @returns {import("./state.js").Call[]}  The latest call of each hook about it, in the order of the hooks' first calls.
 */
export function latestByHook(key) {
  const latest = new Map();
  for (const call of state.calls) if (call.record === key) latest.set(call.hook, call);
  return [...latest.values()];
}

/**
 * @param {import("./state.js").Call} call
 * @returns {object|null}  The whole result beside the cards (docs/integrate.md, "The answer").
 */
export function reviewOf(call) {
  return call.answer?.json?.extension?.["org.twitch-cds.review"] ?? null;
}

/**
 * @returns {Set<string>}  Ids of the rules that fired in the answer that is shown.
 */
export function firedRules() {
  const call = shownCall();
  return new Set((call ? reviewOf(call)?.findings : [])?.map((finding) => finding.ruleId));
}

/**
 * @returns {Set<string>}  What the findings of the answer that is shown rest on ("Observation/1").
 */
export function citedSources() {
  const call = shownCall();
  const findings = (call ? reviewOf(call)?.findings : null) ?? [];
  return new Set(findings.flatMap((finding) => (finding.evidence ?? []).map((item) => item.source)).filter(Boolean));
}

function begin(record, hook, service) {
  lastId += 1;
  const address = ADDRESSES.service(service);
  const call = { id: lastId, record: record.key, hook, asOf: record.asOf, service, address, request: null, queries: {}, answer: null };
  update(() => {
    state.calls = [...state.calls, call].slice(-KEPT);
    state.shown = call.id;
  });
  return call;
}

/** Whether nobody will look at the answer: the service must not take its cards for shown. */
function isOvertaken(call, open) {
  if (state.record !== open) return true;
  const latest = state.calls.findLast((item) => item.hook === call.hook);
  return call.asOf !== open.asOf && call !== latest;
}

function drop(call) {
  update(() => {
    state.calls = state.calls.filter((item) => item !== call);
  });
  return null;
}

async function send(call, request) {
  update(() => {
    call.request = request;
  });
  return finish(call, await post(call.address, request));
}

function finish(call, answer) {
  update(() => {
    call.answer = answer;
  });
  if (call === shownCall()) say(spoken(call.hook, answer)); // of what is no longer shown nothing is said
  return call;
}

function failed(problem) {
  return { ok: false, status: 0, ms: 0, headers: {}, json: null, text: "", problem };
}

function noService(hook) {
  const text = state.discovery ? `${state.discovery.title} ${state.discovery.text}` : "GET /cds-services lists the hooks there are.";
  return { title: `No service is known that answers ${hook}.`, text };
}

function spoken(hook, answer) {
  if (answer.problem) return `${hook}: ${answer.problem.title} ${answer.problem.text}`;
  const count = answer.json.cards?.length ?? 0;
  if (count === 0) return "No card. That excludes nothing.";
  return count === 1 ? "1 card" : `${count} cards`;
}
