/** The answer of a call as it came: folded JSON, or the text where it is none. */

import { html } from "../html.js";
import { icon } from "../icons.js";
import { copy } from "../clipboard.js";
import { formatted } from "../wire.js";
import { fold } from "./fold.js";
import { problemBox } from "./problem.js";
import "./json_view.js";

/**
 * @param {import("../state.js").Call} call
 * @returns {object} The template.
 */
export function answerSection(call) {
  if (!call.answer) return html`<p class="pad soft" aria-busy="true">Waiting for the answer.</p>`;
  const count = call.answer.json?.cards?.length;
  const note = count === undefined ? "" : count === 1 ? "1 card" : `${count} cards`;
  return fold("developer:answer", "Response", note, () => inside(call.answer));
}

function inside(answer) {
  const text = answer.json === null ? answer.text : formatted(answer.json);
  return html`
    ${problemBox(answer.problem)}
    ${text ? html`<div class="wire-buttons"><button type="button" class="small" @click=${() => copy(text, "Response")}>${icon("copy")}Copy</button></div>` : ""}
    ${answer.json === null ? html`<pre class="wire-text" tabindex="0">${answer.text}</pre>` : html`<json-view .value=${answer.json}></json-view>`}
    <details class="headers"><summary>Headers</summary><dl class="wire">${Object.entries(answer.headers).map(
      ([name, value]) => html`<div><dt>${name}</dt><dd><code>${value}</code></dd></div>`,
    )}</dl></details>`;
}
