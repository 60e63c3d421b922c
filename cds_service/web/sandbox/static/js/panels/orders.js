/** The order pad: what is ordered, drafts that are not signed yet, and what the service answered to them. */

import { html, nothing, repeat } from "../html.js";
import { icon } from "../icons.js";
import { counted } from "../format.js";
import { latestByHook } from "../calls.js";
import { findOrders } from "../orderables.js";
import { choose, remove, sign } from "../ordering.js";
import { addressOf } from "../routes.js";
import { shownCall, state } from "../state.js";
import { comboBox } from "../views/combo_box.js";

const BOX = {
  name: "order",
  label: "Order a drug or a test",
  placeholder: "lithium, magnesium, EMG ...",
  search: findOrders,
  choose,
};

/**
 * @returns {object} The template above the chart.
 */
export function orderPad() {
  const drafts = state.drafts;
  return html`<section class=${drafts.length ? "block order-pad has-drafts" : "block order-pad"} aria-label="Order pad">
    <h2 class="unseen">Order pad</h2>
    ${comboBox(BOX)}
    ${drafts.length ? pad(drafts) : nothing}
    <p class="order-note" role="status">${signedWords()}</p>
    ${answers()}
  </section>`;
}

function pad(drafts) {
  return html`<ul class="rows" aria-label="Drafts">${repeat(drafts, (draft) => draft.resource.id, row)}</ul>
    <div class="buttons"><button type="button" class="main" aria-disabled=${state.orders.isSigning ? "true" : "false"} @click=${signAll}>
      Sign ${counted(drafts.length, "order")}</button></div>`;
}

function row(draft) {
  const kind = draft.resource.resourceType === "MedicationRequest" ? "drug" : "test";
  return html`<li class="row"><span class="what"><span class="title">${draft.label}</span>${draft.from ? html`<span class="note">${draft.from}</span>` : nothing}</span>
    <span class="when"><span class="status">${kind}, draft</span></span>
    <button type="button" class="plain square" aria-label="Remove ${draft.label}" @click=${() => takeOff(draft)}>${icon("no")}</button></li>`;
}

function takeOff(draft) {
  remove(draft);
  focusOrder();
}

async function signAll() {
  await sign();
  if (!state.drafts.length) focusOrder();
}

/** What had the focus is gone: the next order is written here. */
function focusOrder() {
  window.setTimeout(() => document.activeElement === document.body && document.getElementById("order-input")?.focus(), 0);
}

function signedWords() {
  const signed = state.orders.signed;
  return signed ? `Signed: ${signed.join(", ")}. The sandbox keeps no orders; the record stays as it was.` : "";
}

/** The cards may stand under another tab: say what came, with the way there. */
function answers() {
  const call = latestByHook(state.record.key).filter((item) => item.hook.startsWith("order-")).find((item) => item === shownCall());
  const isBeside = state.route.tab === "cards" || (state.route.tab === "chart" && state.room !== "narrow");
  if (!call?.answer || isBeside) return nothing;
  const count = call.answer.json?.cards?.length;
  const words = call.answer.problem ? "no answer" : counted(count, "card");
  return html`<p class="order-answer"><span>${call.hook}: ${words}.</span> <a href=${addressOf(state.record.key, "cards")}>Show</a></p>`;
}
