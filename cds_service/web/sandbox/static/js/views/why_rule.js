/** One rule of the Why panel: a line, and under it on demand why it answered so and what would change that. */

import { guard, html, nothing } from "../html.js";
import { icon, INDICATOR_WORDS, knownIndicator } from "../icons.js";
import { reasonsOf } from "../explanations.js";
import { state, update } from "../state.js";
import { evidenceView } from "./source.js";
import { answerIcon, branchView, gapName, gapWords, spaced } from "./why_tree.js";

const FEW = 3;

/**
 * @param {import("../explanations.js").RuleExplained} rule
 * @param {import("../explanations.js").Explanation} explanation
 * @returns {object} The template.
 */
export function ruleView(rule, explanation) {
  const isOpen = isRuleOpen(rule.ruleId);
  return html`<li class="why-rule" id="why-${rule.ruleId}">
    <h3><button type="button" aria-expanded=${isOpen ? "true" : "false"} aria-controls="why-body-${rule.ruleId}" @click=${() => toggle(rule.ruleId)}>
      ${answerIcon(rule.answer)}<span><span class="why-name">${rule.title}</span>${aside(rule)}</span>${tag(rule)}</button></h3>
    ${isOpen ? body(rule, explanation) : nothing}
  </li>`;
}

/**
 * @param {string} ruleId
 * @returns {boolean}
 */
export function isRuleOpen(ruleId) {
  return Boolean(state.open[keyOf(ruleId)]);
}

/**
 * Open a rule, wherever the list stands, and go to it.
 *
 * @param {string} ruleId
 */
export function goToRule(ruleId) {
  update(() => {
    state.why = {};
    state.open[keyOf(ruleId)] = true;
  });
  window.setTimeout(() => {
    const button = document.querySelector(`#why-${CSS.escape(ruleId)} button`);
    button?.focus({ preventScroll: true });
    button?.scrollIntoView({ block: "start" });
  }, 0);
}

/** What is said of a rule while it is closed: the finding, or what is missing to tell. */
function aside(rule) {
  if (rule.summary) return html`<span class="why-aside">${rule.summary}</span>`;
  const gaps = [...new Set((rule.wouldChange ?? []).map(gapName))];
  if (!gaps.length) return nothing;
  const more = gaps.length > FEW ? ` and ${gaps.length - FEW} more` : "";
  return html`<span class="why-aside">Missing: ${gaps.slice(0, FEW).join("; ")}${more}</span>`;
}

function tag(rule) {
  if (rule.answer !== "match") return html`<span class="why-group">${spaced(rule.group)}</span>`;
  const indicator = knownIndicator(rule.indicator);
  return html`<span class="indicator" data-indicator=${indicator}>${icon(indicator)}${INDICATOR_WORDS[indicator]}</span>`;
}

/** Drawn again only where something inside it changed: a hundred open rules cost no more than one. */
function body(rule, explanation) {
  const opened = Object.keys(state.open).filter((key) => state.open[key] && key.startsWith(`${keyOf(rule.ruleId)}:`));
  const inside = () => html`
    ${standing(rule)}
    ${reasons(rule, explanation)}
    ${changes(rule)}
    ${rule.branches.map((branch, at) => branchView(branch, explanation.definitions, `${keyOf(rule.ruleId)}:${at}`))}
    ${logic(rule)}`;
  return html`<div class="why-body" id="why-body-${rule.ruleId}">${guard([rule, opened.join(), state.highlight], inside)}</div>`;
}

/** Rank, strength and what became of the finding. */
function standing(rule) {
  const rows = [
    ["Rank among causes", rule.rank],
    ["Strength", rule.strength && spaced(rule.strength)],
    ["Way it fired", rule.branch && spaced(rule.branch)],
    ["Told on the card of", rule.foldedInto && ruleLink(rule.foldedInto)],
    ["Gave way to", rule.gaveWayTo && ruleLink(rule.gaveWayTo)],
    ["Raised by", rule.raisedBy?.join("; ")],
    ["Lowered by", rule.loweredBy?.join("; ")],
    ["Old result", rule.stale],
    ["Failed inside", rule.error],
    ["Switched off", rule.because && `${rule.because} (${rule.by})`],
    ["Changed here", rule.site?.map(siteWords).join("; ")],
  ].filter(([, value]) => value);
  if (!rows.length) return nothing;
  return html`<dl class="standing">${rows.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

function siteWords(change) {
  return `${change.fact ?? ""} ${spaced(change.word ?? "")} ${change.used} instead of ${change.published}`.trim();
}

function ruleLink(ruleId) {
  return html`<button type="button" class="plain small link" @click=${() => goToRule(ruleId)}>${spaced(ruleId)}</button>`;
}

function reasons(rule, explanation) {
  const found = rule.answer === "match" ? reasonsOf(rule, explanation.definitions) : [];
  if (!found.length) return nothing;
  return html`<h4>Fired because</h4><ul class="reasons">${found.map((item) => html`<li>${evidenceView(item)}</li>`)}</ul>`;
}

function changes(rule) {
  if (!rule.wouldChange?.length) return nothing;
  return html`<h4>What would change this</h4><ul class="gaps">${rule.wouldChange.map((gap) => html`<li>${gapWords(gap)}</li>`)}</ul>`;
}

function logic(rule) {
  return html`<details class="logic"><summary>The rule in words</summary>
    ${rule.logic.map((sentence) => html`<p>${sentence}</p>`)}
    <p><a href="../rules/${rule.ruleId}" target="_blank" rel="noopener">Page of the rule, version ${rule.version}${icon("out")}</a></p></details>`;
}

function keyOf(ruleId) {
  return `why:${ruleId}`;
}

function toggle(ruleId) {
  update(() => {
    state.open[keyOf(ruleId)] = !isRuleOpen(ruleId);
  });
}
