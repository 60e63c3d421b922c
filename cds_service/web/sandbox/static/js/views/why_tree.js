/** The criteria of a rule as a tree: each with its answer, what it rests on, and what was missing. */

import { html, nothing } from "../html.js";
import { day } from "../format.js";
import { icon } from "../icons.js";
import { newestOf } from "../lab_values.js";
import { state, update } from "../state.js";
import { evidenceView } from "./source.js";

const ANSWER_ICONS = { match: "yes", "no-match": "no", unknown: "unknown", error: "warning", "switched-off": "none" };
const ANSWER_WORDS = { match: "yes", "no-match": "no", unknown: "unknown", error: "failed", "switched-off": "off" };
const REASONS = { "no-detail": "not recorded", "vague-date": "dated by month or year only", "too-few": "too few results" };
const CONNECTIVES = { all: "All of these", any: "Any of these", none: "None of these", "first known": "The first of these that is known" };

/**
 * @param {string} answer  Of a rule.
 * @returns {object} The picture alone: the word stands above the list.
 */
export function answerIcon(answer) {
  return html`<span class="answer" data-answer=${answer}>${icon(ANSWER_ICONS[answer])}</span>`;
}

/**
 * @param {object} branch  One way a rule can match.
 * @param {Object<string, import("../explanations.js").Criterion>} definitions
 * @param {string} key     Tells it apart from all others on the page.
 * @returns {object} The template: gate, criteria, and what speaks against it.
 */
export function branchView(branch, definitions, key) {
  const name = branch.id ? html`<h4>${spaced(branch.id)}</h4>` : nothing;
  if (!branch.runsAtThisHook) return html`<div class="branch">${name}<p class="soft">Not asked at this hook.</p></div>`;
  const node = (criterion, at) => nodeView(criterion, definitions, `${key}:${at}`, []);
  return html`<div class="branch">${name}
    <ul class="tree">
      ${branch.gate.words ? html`<li class="node" data-answer=${branch.gate.answer}>${line(branch.gate.answer, `Asked only when ${branch.gate.words}`)}${facts(branch.gate)}</li>` : nothing}
      ${branch.ages ? html`<li class="node" data-answer=${branch.ages.answer}>${line(branch.ages.answer, `Asked only when ${branch.ages.words}`)}${facts(branch.ages)}</li>` : nothing}
      ${node(branch.when, "when")}
    </ul>
    ${branch.unless ? html`<h4>Not shown when</h4><ul class="tree">${branch.unless.map((item, at) => node(item, `unless${at}`))}</ul>` : nothing}
  </div>`;
}

/** A criterion with its answer, as picture and word. */
function line(answer, words, note = "") {
  return html`<div class="node-line">${answerIcon(answer)}<span><span class="answer" data-answer=${answer}>${ANSWER_WORDS[answer] ?? answer}</span> ${words}${note ? html` <span class="soft">(${note})</span>` : nothing}</span></div>`;
}

function nodeView(criterion, definitions, key, above) {
  const names = (criterion.meets ?? []).filter((name) => definitions[name] && !above.includes(name));
  return html`<li class="node" data-answer=${criterion.answer}>
    ${line(criterion.answer, wordsOf(criterion), criterion.note)}
    ${facts(criterion)}
    ${criterion.parts ? html`<ul class="tree">${criterion.parts.map((part, at) => nodeView(part, definitions, `${key}.${at}`, above))}</ul>` : nothing}
    ${names.map((name) => definitionView(name, definitions, `${key}/${name}`, [...above, name]))}
  </li>`;
}

/** What a name stands for, laid open on demand. */
function definitionView(name, definitions, key, above) {
  const isOpen = Boolean(state.open[key]);
  return html`<div class="definition">
    <button type="button" class="plain small" aria-expanded=${isOpen ? "true" : "false"} @click=${() => toggle(key)}>${icon(isOpen ? "down" : "right")}What this means here</button>
    ${isOpen ? html`<ul class="tree">${nodeView(definitions[name], definitions, key, above)}</ul>` : nothing}</div>`;
}

function facts(criterion) {
  const [evidence, missing] = [criterion.evidence ?? [], criterion.missing ?? []];
  if (!evidence.length && !missing.length && !criterion.error) return nothing;
  return html`<ul class="node-facts">
    ${evidence.map((item) => html`<li>${evidenceView(item)}</li>`)}
    ${missing.map((gap) => html`<li class="missing">${gapWords(gap)}</li>`)}
    ${criterion.error ? html`<li class="missing">failed inside: ${criterion.error}</li>` : nothing}</ul>`;
}

/**
 * @param {import("../explanations.js").Gap} gap
 * @returns {string} "Magnesium", "Twitch (onset)": what is missing, without why.
 */
export function gapName(gap) {
  const title = gap.title ?? spaced(gap.name);
  const start = /^\p{Ll}\p{Lu}/u.test(title) ? title[0] : title.charAt(0).toUpperCase(); // "pH" stays "pH"
  return `${start}${title.slice(1)}${gap.detail ? ` (${spaced(gap.detail)})` : ""}`;
}

/**
 * @param {import("../explanations.js").Gap} gap
 * @returns {string} "Magnesium: not measured"; where the chart has an older result, that one is not recent enough.
 */
export function gapWords(gap) {
  const newest = gap.reason === "not-measured" ? newestNamed(gap.name) : null;
  const why = newest ? `none recent enough, the newest is from ${day(newest.date)}` : (REASONS[gap.reason] ?? spaced(gap.reason));
  return `${gapName(gap)}: ${why}`;
}

function newestNamed(analyte) {
  const series = (state.record.chart?.labs ?? []).find((item) => item.analyte === analyte);
  return series ? newestOf(series) : null;
}

/**
 * @param {string} name  "level-with-symptoms"
 * @returns {string} "level with symptoms"
 */
export function spaced(name) {
  return name.replaceAll("-", " ");
}

function wordsOf(criterion) {
  if (!criterion.parts) return criterion.text;
  if (criterion.text === "some") return `At least ${criterion.atLeast ?? 1} of these`;
  return CONNECTIVES[criterion.text] ?? criterion.text;
}

function toggle(key) {
  update(() => {
    state.open[key] = !state.open[key];
  });
}
