/** What stands on the page where it could not be drawn: nothing of any patient, and why. */

import { html } from "../html.js";
import { problemBox } from "./problem.js";

/**
 * @param {Error} fault
 * @returns {object} The template of the whole page.
 */
export function brokenPage(fault) {
  const text = `Nothing of it is shown, and that says nothing about the patient. Something in it has a form this page does not expect (${fault.message}).`;
  return html`<main class="pad" id="content" tabindex="-1">
    <h1>Sandbox</h1>
    ${problemBox({ title: "This record cannot be shown.", text })}
    <p><a href="#/">Back to the start</a></p>
  </main>`;
}
