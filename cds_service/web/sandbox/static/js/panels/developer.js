/** The developer panel: what went over the wire, and the ways to send it otherwise. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { counted, duration } from "../format.js";
import { shownCall, state, update } from "../state.js";
import { answerSection } from "../views/answer_section.js";
import { requestSection, requestText } from "../views/request_section.js";
import { sendingSection } from "../views/sending_section.js";
import { copy } from "../clipboard.js";
import { curlCommand } from "../curl.js";
import { wholeAddress } from "../api.js";
import { bodyText, bytesOf, sizeWords } from "../wire.js";

/**
 * @returns {object} The template under the tab "Developer".
 */
export function developerPanel() {
  const call = shownCall();
  if (!call) return html`<p class="pad soft">No service was called yet.</p>`;
  return html`<div class="developer">
    ${calls(call)}
    ${facts(call)}
    ${sendingSection(call)}
    ${requestSection(call)}
    ${answerSection(call)}
  </div>`;
}

/** The calls about this record, the latest first. */
function calls(shown) {
  const own = state.calls.filter((call) => call.record === state.record.key).reverse();
  return html`<div class="wire-head">
    <select class="call-choice" aria-label="Call" @change=${(event) => show(Number(event.target.value))}>
      ${own.map((call) => html`<option value=${call.id} ?selected=${call.id === shown.id}>${call.hook} (call ${call.id}${call.answer ? `, ${call.answer.status || "no answer"}` : ""})</option>`)}
    </select>
    <button type="button" ?disabled=${shown.request === null} @click=${() => copyCurl(shown)}>${icon("copy")}Copy as curl</button>
  </div>`;
}

function facts(call) {
  const { answer } = call;
  const id = answer?.headers["x-request-id"];
  const sent = call.request === null ? "" : `${sizeWords(bytesOf(bodyText(call.request)))} sent`;
  return html`<p class="wire-facts">${answer ? status(answer) : html`<span class="soft" aria-busy="true">On its way</span>`}
      ${answer ? html`<span>${duration(answer.ms)}</span>` : nothing}<span>${sent}</span>
      ${answer ? html`<span>${sizeWords(bytesOf(answer.text))} received</span>` : nothing}</p>
    <dl class="wire"><div><dt>Address</dt><dd><code>POST ${new URL(wholeAddress(call.address)).pathname}</code></dd></div>
      ${id ? html`<div><dt>Request id</dt><dd><code>${id}</code></dd></div>` : nothing}</dl>`;
}

function status(answer) {
  if (!answer.status) return html`<span class="wire-status is-bad">${icon("no")}No answer</span>`;
  return html`<span class=${answer.ok ? "wire-status" : "wire-status is-bad"}>${icon(answer.ok ? "yes" : "no")}${answer.status}</span>`;
}

function copyCurl(call) {
  copy(curlCommand(wholeAddress(call.address), requestText(call)), "Command");
}

function show(id) {
  update(() => {
    state.shown = id;
  });
}

/**
 * @returns {object} What is told under every tab while the panel changes what is sent; nothing else.
 */
export function sendingNotice() {
  const { omitted, fault } = state.sending;
  if (!omitted.length && !fault) return nothing;
  const words = [omitted.length && `${counted(omitted.length, "prefetch key is", "prefetch keys are")} left out`, fault && `the FHIR server has the fault "${fault}"`];
  return html`<p class="sending-notice">${icon("warning")}<span>Calls are changed: ${words.filter(Boolean).join("; ")}.</span>
    <button type="button" class="plain small" @click=${asUsual}>As usual again</button></p>`;
}

function asUsual() {
  update(() => {
    state.sending = { omitted: [], fault: null };
  });
}
