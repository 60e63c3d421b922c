/** A piece of evidence as a button that points at its resource in the chart. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { say } from "../live.js";
import { go } from "../routes.js";
import { state } from "../state.js";
import { point } from "./chart.js";

/**
 * @param {import("../explanations.js").Evidence} evidence
 * @returns {object} The template; plain text where no resource is behind it.
 */
export function evidenceView(evidence) {
  const more = [reportedWords(evidence), evidence.mappedFrom && `mapped from local code ${evidence.mappedFrom}`].filter(Boolean);
  const tail = more.length ? html` <span class="soft">${more.join("; ")}</span>` : nothing;
  if (!evidence.source) return html`<span class="evidence-text">${evidence.text}</span>${tail}`;
  const isShown = state.highlight === evidence.source;
  return html`<button type="button" class="evidence" aria-pressed=${isShown ? "true" : "false"} title="Show ${evidence.source} in the chart"
    @click=${() => showSource(isShown ? null : evidence.source)}><span>${evidence.text}</span>${icon("aim")}</button>${tail}`;
}

/** The value as the record has it, where the product converted it. */
function reportedWords(evidence) {
  if (!evidence.reported || evidence.text.includes(evidence.reported)) return "";
  return `reported ${evidence.reported}`;
}

/**
 * Point at a resource in the chart; where the chart is a tab of its own, go there first.
 *
 * @param {string|null} reference  null takes the mark away.
 */
export function showSource(reference) {
  if (reference === null || state.room !== "narrow") return pointAndSay(reference);
  window.addEventListener("hashchange", () => window.setTimeout(() => {
    document.getElementById("tab-chart")?.focus();
    pointAndSay(reference);
  }, 0), { once: true });
  go(state.record.key, "chart");
}

function pointAndSay(reference) {
  point(reference);
  if (reference === null) return;
  window.setTimeout(() => say(isInChart(reference) ? `Marked in the chart: ${reference}` : `Not in the chart: ${reference}`), 0);
}

function isInChart(reference) {
  return document.querySelector(`[data-ref~="${CSS.escape(reference)}"]`) !== null;
}
