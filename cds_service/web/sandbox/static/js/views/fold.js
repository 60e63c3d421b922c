/** A section of a panel that can be folded. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { state, update } from "../state.js";

/**
 * @param {string} key       Tells it apart in `state.open`.
 * @param {string} title
 * @param {object|string} note   Beside the title, also while it is folded.
 * @param {() => object} inside  Called only while it is open.
 * @param {boolean} [isOpenAtFirst]
 * @returns {object} The template.
 */
export function fold(key, title, note, inside, isOpenAtFirst = true) {
  const isOpen = state.open[key] ?? isOpenAtFirst;
  const turn = () => update(() => { state.open[key] = !isOpen; });
  return html`<section class="fold"><h2><button type="button" aria-expanded=${isOpen ? "true" : "false"} @click=${turn}>
      ${icon(isOpen ? "down" : "right")}${title}<span class="count">${note}</span></button></h2>
    ${isOpen ? html`<div class="fold-inside">${inside()}</div>` : nothing}</section>`;
}
