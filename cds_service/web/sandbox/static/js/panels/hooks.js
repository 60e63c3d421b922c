/** What a clinician does in an EHR beside ordering: encounters, problems, refills; each calls its hook. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { isRefillable } from "../drafts.js";
import { findProblems } from "../orderables.js";
import { addProblem, refill, visit } from "../ordering.js";
import { state, update } from "../state.js";
import { comboBox } from "../views/combo_box.js";

const BOX = {
  name: "problem",
  label: "Add a problem",
  placeholder: "fasciculation, tremor ...",
  search: findProblems,
  choose: (match) => {
    set(false);
    addProblem(match);
  },
};

/**
 * @returns {object} The template below the name of the patient.
 */
export function actionBar() {
  const isAdding = Boolean(state.orders.isAdding);
  const isReady = state.record.resources !== null;
  return html`<div class="actions" role="group" aria-label="Actions">
      <button type="button" class="small" ?disabled=${!isReady} @click=${() => visit("encounter-start")}>Start encounter</button>
      <button type="button" class="small" ?disabled=${!isReady} @click=${() => visit("encounter-discharge")}>Discharge</button>
      <button type="button" class="small" id="add-problem" aria-expanded=${isAdding ? "true" : "false"} @click=${() => open(!isAdding)}>${icon("add")}Add problem</button>
    </div>
    ${isAdding ? html`<div class="adding" @keydown=${leave}>${comboBox(BOX)}</div>` : nothing}
    <p class="action-note" role="status">${state.orders.note ?? ""}</p>`;
}

/**
 * @param {import("../fhir/sections.js").Row} row  A drug of the chart.
 * @returns {object} What can be done with it.
 */
export function drugAction(row) {
  if (!isRefillable(row)) return nothing;
  return html`<button type="button" class="plain small" aria-label="Refill ${row.title}" @click=${() => refill(row)}>Refill</button>`;
}

function open(isAdding) {
  set(isAdding);
  if (isAdding) window.setTimeout(() => document.getElementById("problem-input")?.focus(), 0);
}

function set(isAdding) {
  update(() => {
    state.orders.isAdding = isAdding;
  });
}

/** Escape in the empty field closes it; the field itself keeps the key while it has something to close. */
function leave(event) {
  if (event.key !== "Escape") return;
  set(false);
  document.getElementById("add-problem")?.focus();
}
