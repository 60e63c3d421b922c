/** The request of a call as text that can be changed and sent again. */

import { html, live, nothing } from "../html.js";
import { icon } from "../icons.js";
import { sendAgain } from "../calls.js";
import { copy } from "../clipboard.js";
import { faultOf } from "../json_fault.js";
import { state, update } from "../state.js";
import { formatted } from "../wire.js";
import { fold } from "./fold.js";

/** Where a request came from that was written by hand: the one the page had made. @type {WeakMap<object, object>} */
const origins = new WeakMap();

/**
 * @param {import("../state.js").Call} call
 * @returns {string} The request as it was sent, or as it stands in the editor.
 */
export function requestText(call) {
  return edited(call)?.text ?? formatted(call.request);
}

/**
 * @param {import("../state.js").Call} call
 * @returns {object} The template.
 */
export function requestSection(call) {
  if (call.request === null) return nothing;
  const note = edited(call) ? "changed, not sent" : origins.has(call) ? "written by hand" : "";
  return fold("developer:request", "Request", note, () => editor(call));
}

function editor(call) {
  const text = requestText(call);
  const { fault } = edited(call) ?? {};
  const isChanged = edited(call) !== null || origins.has(call);
  return html`
    <textarea class="wire-text" id="request-text" aria-label="Request as JSON" rows="16" spellcheck="false" autocomplete="off" wrap="off"
      aria-describedby=${fault ? "request-fault" : nothing} aria-invalid=${fault ? "true" : "false"}
      .value=${live(text)} @input=${(event) => edit(call, event.target.value)}></textarea>
    ${fault ? faultBox(call, text, fault) : nothing}
    <div class="wire-buttons">
      <button type="button" class="main" @click=${() => send(call, text)}>${icon("send")}Send</button>
      <button type="button" ?disabled=${!isChanged} @click=${() => reset(call)}>Reset</button>
      <button type="button" class="small" @click=${() => copy(text, "Request")}>${icon("copy")}Copy</button>
    </div>`;
}

function faultBox(call, text, fault) {
  return html`<div class="problem" role="alert" id="request-fault">${icon("warning")}
    <div><strong>This is not JSON at line ${fault.line}, column ${fault.column}.</strong><p>${fault.message}</p>
      <div class="wire-buttons"><button type="button" class="small" @click=${() => select(fault)}>Go there</button>
      <button type="button" class="small" @click=${() => post(call, text)}>Send it all the same</button></div></div></div>`;
}

/** The text of the editor, where it is not the one that was sent. */
function edited(call) {
  return state.developer.callId === call.id ? state.developer : null;
}

function edit(call, text) {
  update(() => {
    state.developer = text === formatted(call.request) ? {} : { callId: call.id, text, fault: null };
  });
}

function send(call, text) {
  const fault = faultOf(text);
  if (!fault) return post(call, text);
  update(() => {
    state.developer = { callId: call.id, text, fault };
  });
  return select(fault);
}

function post(call, text) {
  const origin = origins.get(call) ?? call.request;
  update(() => {
    state.developer = {};
  });
  const isAsMade = text === formatted(origin);
  sendAgain(call.hook, call.service, isAsMade ? origin : text, call.queries);
  const sent = state.calls.at(-1); // begun, not answered
  if (!isAsMade) origins.set(sent, origin);
}

/** Back to the request as the page made it. */
function reset(call) {
  const origin = origins.get(call);
  update(() => {
    state.developer = origin ? { callId: call.id, text: formatted(origin), fault: null } : {};
  });
}

/** Put the cursor where the text stops being JSON, and that line into view. */
function select(fault) {
  const field = document.getElementById("request-text");
  if (!field) return;
  field.focus();
  field.setSelectionRange(fault.offset, fault.offset + 1);
  const height = Number.parseFloat(getComputedStyle(field).lineHeight);
  field.scrollTop = Math.max(0, (fault.line - 4) * height);
}
