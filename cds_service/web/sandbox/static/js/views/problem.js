/** A fault as the person at the page sees it: never silence, and never "all clear". */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";

/**
 * @param {import("../state.js").Problem|null|undefined} problem
 * @returns {object} The template; nothing where there is no problem.
 */
export function problemBox(problem) {
  if (!problem) return nothing;
  return html`<div class="problem" role="alert">${icon("warning")}
    <div><strong>${problem.title}</strong>${problem.code ? html` <code>${problem.code}</code>` : nothing}
      ${problem.text ? html`<p>${problem.text}</p>` : nothing}</div></div>`;
}
