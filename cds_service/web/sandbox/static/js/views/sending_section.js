/** What of the prefetch is sent, and what the FHIR server does where the service has to fetch. */

import { html, live, nothing } from "../html.js";
import { callHook } from "../calls.js";
import { counted } from "../format.js";
import { icon } from "../icons.js";
import { state, update } from "../state.js";
import { fold } from "./fold.js";

/** What each fault is, in words; one the page does not know is shown by its name. */
const FAULTS = {
  slow: "Slow: answers after the service gave up",
  error: "Error 500 for every request",
  html: "A page of HTML instead of FHIR",
  "other-patient": "Records of another patient",
  cut: "Answers that break off",
};

/**
 * @param {import("../state.js").Call} call
 * @returns {object} The template.
 */
export function sendingSection(call) {
  const keys = keysOf(call);
  const sent = keys.filter((key) => !state.sending.omitted.includes(key)).length;
  const note = `${sent} of ${keys.length} keys${state.sending.fault ? `, fault: ${state.sending.fault}` : ""}`;
  return fold("developer:sending", "Prefetch and faults", note, () => inside(call, keys), false);
}

function inside(call, keys) {
  return html`
    <p class="soft">${whatBecomes()}</p>
    <fieldset class="keys"><legend class="unseen">Prefetch keys that are sent</legend>${keys.map((key) => keyRow(call, key))}</fieldset>
    <div class="wire-buttons">
      <button type="button" class="small" @click=${() => omit([])}>All on</button>
      <button type="button" class="small" @click=${() => omit(keys)}>All off</button>
    </div>
    ${faultChoice(keys)}
    ${state.sending.fault && !state.sending.omitted.length ? html`<p class="soft">Every key is sent: nothing is fetched, so the fault shows nothing.</p>` : nothing}
    <div class="wire-buttons"><button type="button" class="main" @click=${() => callHook(call.hook, extraOf(call))}>${icon("send")}Call ${call.hook} like this</button></div>`;
}

/** Say what becomes of a key that is left out. */
function whatBecomes() {
  if (!state.record.bundle) return "A key that is left out is fetched by the service from the FHIR server of this sandbox.";
  if (hasServer()) return "A key that is left out is fetched by the service from the FHIR server the request names, where the service may ask that.";
  return "A record of your own is on no FHIR server: a key that is left out is not known to the service.";
}

/** Whether there is a server that answers as it should. */
function hasServer() {
  return !state.record.bundle || Boolean(state.record.given?.fhirServer);
}

function keyRow(call, key) {
  const query = call.queries[key];
  const isSent = !state.sending.omitted.includes(key);
  return html`<div class="key"><label><input type="checkbox" .checked=${live(isSent)} @change=${(event) => turn(key, event.target.checked)}>
      <code>${key}</code><span class="soft">${foundWords(call, key)}</span></label>
    ${query ? html`<details class="query"><summary><code>${query}</code></summary></details>` : nothing}</div>`;
}

/** What the shown request holds under a key. */
function foundWords(call, key) {
  const prefetch = requestOf(call).prefetch ?? {};
  if (!(key in prefetch)) return "left out";
  const found = prefetch[key];
  if (found === null) return "nothing found";
  return found.resourceType === "Bundle" ? counted(found.entry?.length ?? 0, "entry", "entries") : found.resourceType;
}

function faultChoice(keys) {
  const names = Object.keys(state.patients.faults);
  return html`<label class="fault-choice">When the service fetches, the FHIR server
    <select @change=${(event) => choose(event.target.value || null, keys)}>
      <option value="" ?selected=${!state.sending.fault}>${hasServer() ? "answers as it should" : "is none"}</option>
      ${names.map((name) => html`<option value=${name} ?selected=${state.sending.fault === name}>${FAULTS[name] ?? name}</option>`)}
    </select></label>`;
}

/** A fault shows only where something is fetched: with all keys sent, all are turned off. */
function choose(fault, keys) {
  update(() => {
    const omitted = fault && !state.sending.omitted.length ? keys : state.sending.omitted;
    state.sending = { omitted, fault };
  });
}

function turn(key, isSent) {
  const { omitted } = state.sending;
  omit(isSent ? omitted.filter((item) => item !== key) : [...omitted, key]);
}

function omit(omitted) {
  update(() => {
    state.sending = { ...state.sending, omitted };
  });
}

/** The keys of the service; what was left out stands among the queries, too. */
function keysOf(call) {
  return [...new Set([call.queries, state.record.given?.prefetch, requestOf(call).prefetch].flatMap((keys) => Object.keys(keys ?? {})))];
}

/** The context beside user and patient, as the shown call had it. */
function extraOf(call) {
  const { userId, patientId, ...extra } = requestOf(call).context ?? {};
  return extra;
}

function requestOf(call) {
  if (call.request === null || typeof call.request === "object") return call.request ?? {};
  try {
    return JSON.parse(call.request) ?? {};
  } catch {
    return {};
  }
}
