/** The order pad: drafts that are not signed yet. */

import { html, nothing, repeat } from "../html.js";
import { icon } from "../icons.js";
import { state, update } from "../state.js";

/**
 * @returns {object} The template above the chart; nothing where there is no draft.
 */
export function orderPad() {
  if (!state.drafts.length) return nothing;
  return html`<section class="block pad-block" aria-label="Order pad"><h2>Order pad <span class="count">${state.drafts.length}</span></h2>
    <ul class="rows">${repeat(state.drafts, (draft) => draft.resource.id, row)}</ul></section>`;
}

function row(draft) {
  return html`<li class="row"><span class="what"><span class="title">${draft.label}</span><span class="note">${draft.from}</span></span>
    <span class="when"><span class="status">draft</span></span>
    <button type="button" class="plain square" aria-label="Remove ${draft.label}" @click=${() => remove(draft)}>${icon("no")}</button></li>`;
}

function remove(draft) {
  update(() => {
    state.drafts = state.drafts.filter((item) => item !== draft);
  });
}
