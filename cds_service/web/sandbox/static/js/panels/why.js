/** The Why panel: every rule with its answer, what the answer rests on, and what would change it. */

import { html, live, nothing, repeat } from "../html.js";
import { icon } from "../icons.js";
import { counted } from "../format.js";
import { explainAgain, explanationOf, knownExplanation, readersOf } from "../explanations.js";
import { shownCall, state, update } from "../state.js";
import { answerIcon, spaced } from "../views/why_tree.js";
import { ruleView } from "../views/why_rule.js";
import { problemBox } from "../views/problem.js";
import { ANSWERS, filtered, groupsOf } from "../why_filter.js";

/**
 * @returns {object} The template under the tab "Why".
 */
export function whyPanel() {
  const call = shownCall();
  if (!call) return html`<p class="pad soft">No service was called yet.</p>`;
  const answer = explanationOf(call);
  if (!answer) return html`<p class="pad soft" aria-busy="true">Asking why, for ${call.hook}.</p>`;
  if (!answer.ok) return fault(call, answer.problem);
  return explained(call, answer.json);
}

/**
 * @param {string[]} references
 * @returns {object} Beside a row of the chart, while the Why panel is open: how many rules read it, as a button.
 */
export function readersButton(references) {
  if (state.route.tab !== "why") return nothing;
  const explanation = knownExplanation(shownCall());
  const readers = explanation ? readersOf(explanation) : new Map();
  const source = references.findLast((reference) => readers.has(reference));
  if (!source) return nothing;
  const isChosen = state.why.source === source;
  const words = `${counted(readers.get(source).size, "rule reads", "rules read")} ${source}`;
  return html`<button type="button" class="readers" aria-pressed=${isChosen ? "true" : "false"} aria-label=${words} title=${words}
    @click=${() => set({ ...state.why, source: isChosen ? null : source })}>${icon("rule")}${readers.get(source).size}</button>`;
}

function fault(call, problem) {
  return html`${problemBox(problem)}<p class="pad">Why the rules answered as they did is not known.
    <button type="button" class="small" @click=${() => explainAgain(call)}>Ask again</button></p>`;
}

function explained(call, explanation) {
  const shown = filtered(explanation, state.why);
  return html`<div class="why">
    ${explanation.assessable ? nothing : html`<p class="why-note">${icon("warning")}<span>Nothing could be assessed with what was sent: the service answers with no card at all.</span></p>`}
    ${controls(call, explanation)}
    ${shown.length ? nothing : html`<p class="soft none-left">No rule matches these filters. <button type="button" class="plain small" @click=${() => set({})}>Show all</button></p>`}
    ${ANSWERS.map(([answer, words]) => section(answer, words, shown.filter((rule) => rule.answer === answer), explanation))}
    ${unread(explanation)}
  </div>`;
}

function controls(call, explanation) {
  const count = (answer) => explanation.rules.filter((rule) => rule.answer === answer).length;
  const answers = ANSWERS.map(([answer, words]) => [answer, words, count(answer)]).filter(([, , rules]) => rules);
  return html`<div class="why-controls">
    <div class="answers" role="group" aria-label="Answers">
      ${answers.map(([answer, words, rules]) => html`<button type="button" aria-pressed=${state.why.answer === answer ? "true" : "false"}
        @click=${() => set({ ...state.why, answer: state.why.answer === answer ? "" : answer })}>
        ${answerIcon(answer)}<b>${rules}</b> <span>${words.toLowerCase()}</span></button>`)}
    </div>
    <div class="why-find">
      <div class="find-field">${icon("search")}<input type="search" aria-label="Filter rules" placeholder="Filter ${explanation.rules.length} rules" .value=${live(state.why.words ?? "")}
        @input=${(event) => set({ ...state.why, words: event.target.value })}></div>
      <select aria-label="Group of rules" @change=${(event) => set({ ...state.why, group: event.target.value })}>
        <option value="" ?selected=${!state.why.group}>All groups</option>
        ${groupsOf(explanation).map((group) => html`<option value=${group} ?selected=${state.why.group === group}>${spaced(group)}</option>`)}
      </select>
    </div>
    ${state.why.source ? html`<p class="why-source"><span>Only rules that read <code>${state.why.source}</code></span>
      <button type="button" class="plain small" @click=${() => set({ ...state.why, source: null })}>${icon("no")}Show the others, too</button></p>` : nothing}
  </div>`;
}

function section(answer, words, rules, explanation) {
  if (!rules.length) return nothing;
  return html`<section class="why-section" data-answer=${answer}><h2>${words} <span class="count">${rules.length}</span></h2>
    <ul>${repeat(rules, (rule) => rule.ruleId, (rule) => ruleView(rule, explanation))}</ul></section>`;
}

/** Codes of the record that no rule can read: what they mean went into no answer. */
function unread(explanation) {
  const rows = explanation.unreadCodes ?? [];
  if (!rows.length) return nothing;
  return html`<section class="why-section"><h2>Codes that no rule reads <span class="count">${rows.length}</span></h2>
    <ul class="unread">${rows.map((row) => html`<li><code>${row.system}|${row.code}</code> <span class="soft">${row.kind}, ${counted(row.count, "time")}</span></li>`)}</ul></section>`;
}

function set(filter) {
  update(() => {
    state.why = filter;
  });
}
