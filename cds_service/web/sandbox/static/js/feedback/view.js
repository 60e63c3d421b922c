/** The page of the feedback: totals, course, rules, reasons; the same figures as pictures and as text. */

import { counted } from "../format.js";
import { html, nothing, svg } from "../html.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { problemBox } from "../views/problem.js";
import { topBar } from "../views/top_bar.js";
import { countOf, parts, percent, reasonsOf, stepsOf, unitOf } from "./counts.js";
import { addressOf, PERIODS } from "./places.js";
import { reasonsSection } from "./reasons.js";
import "./step_plot.js";

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
  const { days } = state.feedback;
  return html`<nav class="segments" aria-label="Time">${PERIODS.map(
    (item) => html`<a href=${placeOf({ days: item })} aria-current=${item === days ? "true" : "false"}>${item === 365 ? "1 year" : `${item} days`}</a>`,
  )}</nav>`;
}

function told(report, today) {
  if (!report.rules.length) return nothingYet();
  const { days, rule, reason: key } = state.feedback;
  const chosen = report.rules.find((item) => item.ruleId === rule);
  const rules = chosen ? [chosen] : report.rules;
  const reasons = reasonsOf(rules, today, days);
  const reason = key ? (reasons.find((item) => item.key === key) ?? notGiven(key)) : null;
  const totals = chosen ?? report.totals;
  const steps = stepsOf(rules, today, days);
  return html`
    ${filters(report, reasonsOf(report.rules, today, days), reason)}
    ${figures(totals, reason)}
    ${totals.accepted + totals.overridden ? nothing : noAnswerYet()}
    ${course(reason ? stepsFor(reason, steps) : steps, chosen?.title ?? "", reason)}
    ${reasonsSection(reasons, steps.map((step) => step.day), chosen?.title ?? "")}
    ${ruleTable(reason ? report.rules.filter((item) => countOf(item, reason.key)) : report.rules, reason)}
    <p class="soft feedback-note">A card that tells several rules counts for each of them. Answers count on the day they came in (UTC), and an answer given twice counts as the last one. “No answer” is not refusal: the card may not have been read.</p>`;
}

/** A reason the address names, which nobody gave in this time. */
function notGiven(key) {
  return { key, display: key.replace(/^code:/, ""), count: 0, counts: [] };
}

/** Only the dismissals for one reason: how many cards were shown or accepted says nothing about it. */
function stepsFor(reason, steps) {
  return steps.map((step, index) => ({ day: step.day, shown: null, accepted: 0, overridden: reason.counts[index] ?? 0 }));
}

function filters(report, reasons, reason) {
  const { rule } = state.feedback;
  const others = reason && !reasons.some((item) => item.key === reason.key) ? [reason] : [];
  const go = (change) => { window.location.hash = placeOf(change); };
  const option = (value, words, isChosen) => html`<option value=${value} .selected=${isChosen}>${words}</option>`;
  return html`<div class="filters" role="group" aria-label="Filter">
    <label>Rule <select @change=${(event) => go({ rule: event.target.value || null })}>
      ${option("", "All rules", !rule)}${report.rules.map((item) => option(item.ruleId, item.title, item.ruleId === rule))}</select></label>
    <label>Reason <select @change=${(event) => go({ reason: event.target.value || null })}>
      ${option("", "All reasons", !reason)}${[...reasons, ...others].map((item) => option(item.key, item.display, item.key === reason?.key))}</select></label>
    ${rule || reason ? html`<a href=${placeOf({ rule: null, reason: null })}>Show all</a>` : nothing}
  </div>`;
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

function figures(totals, reason) {
  const answers = totals.accepted + totals.overridden;
  const share = (count) => (answers ? `${percent(count, answers)} of ${counted(answers, "answer")}` : "no answer yet");
  return html`<dl class="figures">
    <div><dt>Shown</dt><dd>${totals.shown}</dd><dd class="soft">in ${counted(state.feedback.days, "day")}</dd></div>
    <div data-of="accepted"><dt>Accepted</dt><dd>${totals.accepted}</dd><dd class="soft">${share(totals.accepted)}</dd></div>
    <div data-of="overridden"><dt>Dismissed</dt><dd>${totals.overridden}</dd><dd class="soft">${reason ? `${reason.count} of them: ${reason.display}` : share(totals.overridden)}</dd></div>
    <div data-of="ignored"><dt>No answer</dt><dd>${totals.ignored}</dd><dd class="soft">${totals.shown ? `${percent(totals.ignored, totals.shown)} of those shown` : "none shown"}</dd></div>
  </dl>`;
}

function course(steps, title, reason) {
  const unit = unitOf(state.feedback.days);
  const what = reason ? `Dismissed, ${reason.display}` : "Cards shown and answers";
  const name = `${what}, by ${unit}: ${title || "all rules"}`;
  return html`<section class="block" aria-labelledby="course">
    <div class="course-head"><h2 id="course">By ${unit}${title ? html`: ${title}` : nothing}</h2>
      <ul class="legend" aria-label="Legend">${reason
        ? html`<li data-of="overridden">dismissed: ${reason.display}</li>`
        : html`<li data-of="accepted">accepted</li><li data-of="overridden">dismissed</li><li data-of="shown">shown</li>`}</ul></div>
    <step-plot .steps=${steps} aria-label=${`${name}. The table below has the figures.`}></step-plot>
    ${reason ? nothing : stepTable(steps, name, unit)}
  </section>`;
}

function stepTable(steps, name, unit) {
  return html`<details><summary>Show figures</summary><div class="scroller" tabindex="0" role="region" aria-label=${name}><table>
    <thead><tr><th scope="col">${unit === "week" ? "Week from" : "Day"}</th><th scope="col">Shown</th><th scope="col">Accepted</th><th scope="col">Dismissed</th></tr></thead>
    <tbody>${steps.filter((step) => step.shown + step.accepted + step.overridden).reverse().map(
      (step) => html`<tr><th scope="row">${step.day}</th><td>${step.shown}</td><td>${step.accepted}</td><td>${step.overridden}</td></tr>`,
    )}</tbody></table></div></details>`;
}

/** Roles are written out: where the page is narrow the rows are laid out as blocks, and stay a table to be read out. */
function ruleTable(rules, reason) {
  const head = (words, look = "") => html`<th scope="col" role="columnheader" class=${look}>${words}</th>`;
  return html`<section class="block" aria-labelledby="by-rule"><h2 id="by-rule">By rule${reason ? html`: dismissed, ${reason.display}` : nothing} <span class="count">${rules.length}</span></h2>
    <table class="by-rule" role="table" aria-labelledby="by-rule">
      <thead role="rowgroup"><tr role="row">${head("Rule")}${head("What became of its cards", "bar")}${head("Shown")}${head("Accepted")}${head("Dismissed")}${head("No answer")}</tr></thead>
      <tbody role="rowgroup">${rules.map((rule) => ruleRow(rule, reason))}</tbody>
    </table></section>`;
}

/** With a reason chosen, what is told below the title is how often that was given. */
function ruleRow(rule, reason) {
  const isChosen = rule.ruleId === state.feedback.rule;
  const place = placeOf({ rule: isChosen ? null : rule.ruleId });
  const given = reason ? [{ display: reason.display, count: countOf(rule, reason.key) }] : rule.reasons;
  const count = (words, number) => html`<td role="cell" data-label=${words}>${number}</td>`;
  return html`<tr role="row" class=${isChosen ? "is-chosen" : ""}>
    <th scope="row" role="rowheader"><a href=${place} aria-current=${isChosen ? "true" : "false"}>${rule.title}</a>${pageOf(rule)}
      ${given.length ? html`<span class="soft why">${given.map((item) => `${item.display} ${item.count}`).join(", ")}</span>` : nothing}</th>
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

/** Return the address of a view within the page: what is chosen now, but for a change. */
function placeOf(change) {
  return addressOf({ ...state.feedback, ...change });
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
