/** Why cards were dismissed: each reason with its course over the time, as a picture and as figures. */

import { counted } from "../format.js";
import { html, nothing, svg } from "../html.js";
import { state } from "../state.js";
import { percent, unitOf } from "./counts.js";
import { addressOf } from "./places.js";

const HEIGHT = 28;

/**
 * @param {import("./counts.js").Reason[]} reasons
 * @param {string[]} days  First days of the steps.
 * @param {string} title   Of the rule that is chosen; empty: all rules.
 * @returns {object} The template; nothing where no card was dismissed.
 */
export function reasonsSection(reasons, days, title) {
  if (!reasons.length) return nothing;
  const most = Math.max(...reasons.flatMap((reason) => reason.counts));
  const sum = reasons.reduce((total, reason) => total + reason.count, 0);
  const unit = unitOf(state.feedback.days);
  return html`<section class="block" aria-labelledby="reasons"><h2 id="reasons">Why cards were dismissed${title ? html`: ${title}` : nothing}</h2>
    <table class="reasons"><thead class="unseen"><tr><th scope="col">Reason</th><th scope="col">By ${unit}</th><th scope="col">Count</th><th scope="col">Share</th></tr></thead>
    <tbody>${reasons.map((reason) => row(reason, { days, most, sum, unit }))}</tbody></table>
    ${figures(reasons, days, unit)}</section>`;
}

function row(reason, { days, most, sum, unit }) {
  const isChosen = reason.key === state.feedback.reason;
  const place = addressOf({ ...state.feedback, reason: isChosen ? null : reason.key });
  return html`<tr class=${isChosen ? "is-chosen" : ""}>
    <th scope="row"><a href=${place} aria-current=${isChosen ? "true" : "false"}>${reason.display}</a></th>
    <td class="course">${bars(reason, days, most, unit)}</td><td>${reason.count}</td><td class="soft">${percent(reason.count, sum)}</td></tr>`;
}

/** All reasons have the same scale, so that their bars can be compared. */
function bars({ counts, count, display }, days, most, unit) {
  const peak = Math.max(...counts);
  const words = `${display}: ${count} in ${counted(state.feedback.days, "day")}, at most ${peak} in the ${unit} ${unit === "week" ? "from " : ""}${days[counts.indexOf(peak)]}`;
  const width = 1 / counts.length;
  return html`<svg class="course-bars" viewBox="0 0 1 ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label=${words}>
    ${counts.map((value, index) => (value ? bar(index * width, width, (value / most) * HEIGHT) : nothing))}</svg>`;
}

function bar(start, width, height) {
  return svg`<rect x=${start + width * 0.12} y=${HEIGHT - height} width=${width * 0.76} height=${height} />`;
}

function figures(reasons, days, unit) {
  const isFilled = (step) => reasons.some((reason) => reason.counts[step]);
  const steps = days.map((_, step) => step).filter(isFilled).reverse();
  return html`<details><summary>Show figures</summary><div class="scroller" tabindex="0" role="region" aria-label=${`Reasons by ${unit}`}><table>
    <thead><tr><th scope="col">${unit === "week" ? "Week from" : "Day"}</th>${reasons.map((reason) => html`<th scope="col">${reason.display}</th>`)}</tr></thead>
    <tbody>${steps.map((step) => html`<tr><th scope="row">${days[step]}</th>${reasons.map((reason) => html`<td>${reason.counts[step]}</td>`)}</tr>`)}</tbody></table></div></details>`;
}
