/** Slot of the developer panel: request and answer as they went over the wire. */

import { html } from "../html.js";

/**
 * @returns {object} The template under the tab "Developer".
 */
export function developerPanel() {
  return html`<p class="pad soft">Not built yet.</p>`;
}
