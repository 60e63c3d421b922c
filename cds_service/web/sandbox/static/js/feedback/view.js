/** The page of the feedback: totals, course, rules, reasons; the same figures as pictures and as text. */

import { counted } from "../format.js";
import { html, nothing, svg } from "../html.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { problemBox } from "../views/problem.js";
import { topBar } from "../views/top_bar.js";
import { parts, percent, reasonsOf, stepsOf } from "./counts.js";
import "./step_plot.js";

export const PERIODS = [7, 30, 90, 365];
const WORDS = { accepted: "accepted", overridden: "dismissed", ignored: "no answer" };

/**
 * @param {string} today  The last day of the time, "2026-11-21" (UTC).
 * @param {() => void} reload
 * @returns {object} The template of the page.
 */
export function feedbackView(today, reload) {
  const { report, problem: fault } = state.feedback;
  return html`
    <a class="skip" href="#content" @click=${skip}>Skip to the page</a>
    ${topBar("feedback")}
    <main class="feedback" id="content" tabindex="-1">
      <div class="feedback-head">
        <div><h1>Feedback</h1><p class="soft">What became of the cards this service gave.</p></div>
        <div class="period">${periods()}<button type="button" @click=${reload}>Renew</button></div>
      </div>
      ${problemBox(fault)}
      ${report ? told(report, today) : fault ? nothing : html`<p class="soft">Loading the feedback.</p>`}
    </main>`;
}

function periods() {
  const { days, rule } = state.feedback;
  return html`<nav class="segments" aria-label="Time">${PERIODS.map(
    (item) => html`<a href=${placeOf(rule, item)} aria-current=${item === days ? "true" : "false"}>${item === 365 ? "1 year" : `${item} days`}</a>`,
  )}</nav>`;
}

function told(report, today) {
  if (!report.rules.length) return nothingYet();
  const chosen = report.rules.filter((rule) => rule.ruleId === state.feedback.rule);
  const rules = chosen.length ? chosen : report.rules;
  const totals = chosen[0] ?? report.totals;
  return html`
    ${figures(totals)}
    ${totals.accepted + totals.overridden ? nothing : noAnswerYet()}
    ${course(rules, chosen[0], today)}
    ${ruleTable(report)}
    ${reasons(rules, chosen[0])}
    <p class="soft feedback-note">A card that tells several rules counts for each of them. Answers count on the day they came in (UTC), and an answer given twice counts as the last one. “No answer” is not refusal: the card may not have been read.</p>`;
}

function nothingYet() {
  return html`<section class="block empty" aria-label="Nothing yet">
    <h2>No card was given in the last ${counted(state.feedback.days, "day")}</h2>
    <ol>
      <li>Open a patient in the <a href="./#/">sandbox</a>, or have your EHR call a service.</li>
      <li>Accept a suggestion, or dismiss a card and say why. An EHR sends the same to <code>POST /cds-services/{id}/feedback</code>.</li>
      <li>Come back: the figures are here at once.</li>
    </ol>
    <p><a class="go" href="./#/">Open the sandbox</a></p>
  </section>`;
}

function noAnswerYet() {
  return html`<p class="hint">${icon("info")}<span>Nobody has answered yet. Accept a suggestion or dismiss a card in the <a href="./#/">sandbox</a>: it is counted here.</span></p>`;
}

function figures(totals) {
  const answers = totals.accepted + totals.overridden;
  const share = (count) => (answers ? `${percent(count, answers)} of ${counted(answers, "answer")}` : "no answer yet");
  return html`<dl class="figures">
    <div><dt>Shown</dt><dd>${totals.shown}</dd><dd class="soft">in ${counted(state.feedback.days, "day")}</dd></div>
    <div data-of="accepted"><dt>Accepted</dt><dd>${totals.accepted}</dd><dd class="soft">${share(totals.accepted)}</dd></div>
    <div data-of="overridden"><dt>Dismissed</dt><dd>${totals.overridden}</dd><dd class="soft">${share(totals.overridden)}</dd></div>
    <div data-of="ignored"><dt>No answer</dt><dd>${totals.ignored}</dd><dd class="soft">${totals.shown ? `${percent(totals.ignored, totals.shown)} of those shown` : "none shown"}</dd></div>
  </dl>`;
}

function course(rules, chosen, today) {
  const steps = stepsOf(rules, today, state.feedback.days);
  const unit = state.feedback.days > 45 ? "week" : "day";
  const name = `Cards shown and answers by ${unit}${chosen ? `: ${chosen.title}` : ", all rules"}`;
  return html`<section class="block" aria-labelledby="course">
    <div class="course-head"><h2 id="course">By ${unit}${chosen ? html`: ${chosen.title}` : nothing}</h2>
      ${chosen ? html`<a href=${placeOf(null, state.feedback.days)}>All rules</a>` : nothing}
      <ul class="legend" aria-label="Legend"><li data-of="accepted">accepted</li><li data-of="overridden">dismissed</li><li data-of="shown">shown</li></ul></div>
    <step-plot .steps=${steps} aria-label=${`${name}. The table below has the figures.`}></step-plot>
    <details><summary>Show figures</summary><div class="scroller" tabindex="0" role="region" aria-label=${name}><table>
      <thead><tr><th scope="col">${unit === "week" ? "Week from" : "Day"}</th><th scope="col">Shown</th><th scope="col">Accepted</th><th scope="col">Dismissed</th></tr></thead>
      <tbody>${steps.filter((step) => step.shown + step.accepted + step.overridden).reverse().map(
        (step) => html`<tr><th scope="row">${step.day}</th><td>${step.shown}</td><td>${step.accepted}</td><td>${step.overridden}</td></tr>`,
      )}</tbody></table></div></details>
  </section>`;
}

/** Roles are written out: where the page is narrow the rows are laid out as blocks, and stay a table to be read out. */
function ruleTable(report) {
  const head = (words, look = "") => html`<th scope="col" role="columnheader" class=${look}>${words}</th>`;
  return html`<section class="block" aria-labelledby="by-rule"><h2 id="by-rule">By rule <span class="count">${report.rules.length}</span></h2>
    <table class="by-rule" role="table" aria-labelledby="by-rule">
      <thead role="rowgroup"><tr role="row">${head("Rule")}${head("What became of its cards", "bar")}${head("Shown")}${head("Accepted")}${head("Dismissed")}${head("No answer")}</tr></thead>
      <tbody role="rowgroup">${report.rules.map(ruleRow)}</tbody>
    </table></section>`;
}

function ruleRow(rule) {
  const isChosen = rule.ruleId === state.feedback.rule;
  const place = placeOf(isChosen ? null : rule.ruleId, state.feedback.days);
  const count = (words, number) => html`<td role="cell" data-label=${words}>${number}</td>`;
  return html`<tr role="row" class=${isChosen ? "is-chosen" : ""}>
    <th scope="row" role="rowheader"><a href=${place} aria-current=${isChosen ? "true" : "false"}>${rule.title}</a>${pageOf(rule)}
      ${rule.reasons.length ? html`<span class="soft why">${rule.reasons.map((reason) => `${reason.display} ${reason.count}`).join(", ")}</span>` : nothing}</th>
    <td class="bar" role="cell">${bar(parts(rule))}</td>
    ${count("Shown", rule.shown)}${count("Accepted", rule.accepted)}${count("Dismissed", rule.overridden)}${count("No answer", rule.ignored)}</tr>`;
}

/** A rule the knowledge does not hold any more has no title of its own, and no page. */
function pageOf(rule) {
  if (rule.title === rule.ruleId) return nothing;
  return html`<a class="out" href=${`../rules/${encodeURIComponent(rule.ruleId)}`} title="Page of the rule" aria-label=${`Page of the rule ${rule.title}`}>${icon("out")}</a>`;
}

/** A picture of three parts; the same figures stand beside it. */
function bar(shares) {
  const starts = shares.map((_, index) => shares.slice(0, index).reduce((sum, part) => sum + part.share, 0));
  const words = shares.map((part) => `${part.count} ${WORDS[part.name]}`).join(", ");
  return html`<svg class="parts" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" aria-label=${words}>
    ${shares.map((part, index) => svg`<rect class="part" data-of=${part.name} x=${starts[index]} y="0" width=${part.share} height="10" />`)}</svg>`;
}

function reasons(rules, chosen) {
  const rows = reasonsOf(rules);
  if (!rows.length) return nothing;
  const most = Math.max(...rows.map((row) => row.count));
  return html`<section class="block" aria-labelledby="reasons"><h2 id="reasons">Why cards were dismissed${chosen ? html`: ${chosen.title}` : nothing}</h2>
    <table class="reasons"><thead class="unseen"><tr><th scope="col">Reason</th><th scope="col">Share</th><th scope="col">Count</th></tr></thead>
    <tbody>${rows.map(
      (row) => html`<tr><th scope="row">${row.display}</th>
        <td class="bar">${bar([{ name: "overridden", count: row.count, share: (100 * row.count) / most }])}</td><td>${row.count}</td></tr>`,
    )}</tbody></table></section>`;
}

/**
 * @param {string|null} rule
 * @param {number} days
 * @returns {string} The address of a view within the page.
 */
function placeOf(rule, days) {
  return `#/${days}${rule ? `/${encodeURIComponent(rule)}` : ""}`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
