/** Slot of the Why panel: every rule with its answer, and what the answer rests on. */

import { html } from "../html.js";

/**
 * @returns {object} The template under the tab "Why".
 */
export function whyPanel() {
  return html`<p class="pad soft">Not built yet.</p>`;
}
