/** One card: indicator, summary, detail, suggestions, links, source, and the way to dismiss it. */

import { html, nothing } from "../html.js";
import { icon, INDICATOR_WORDS, knownIndicator } from "../icons.js";
import { accept } from "../answers.js";
import { markdown } from "../markdown.js";
import { state, update } from "../state.js";
import { dismissForm } from "./dismiss.js";
import { problemBox } from "./problem.js";

const FEW_LINKS = 2;

/**
 * @param {import("../state.js").Call} call
 * @param {object} card  As CDS Hooks has it.
 * @returns {object} The template.
 */
export function cardView(call, card) {
  const indicator = knownIndicator(card.indicator);
  const outcome = state.outcomes[card.uuid];
  if (outcome?.outcome === "overridden") return dismissed(card, indicator, outcome);
  return html`<article class="card" data-indicator=${indicator} aria-labelledby="card-${card.uuid}">
    <p class="indicator">${icon(indicator)}${INDICATOR_WORDS[indicator]}</p>
    <h2 id="card-${card.uuid}">${card.summary}</h2>
    ${card.detail ? detail(card) : nothing}
    ${suggestions(call, card)}
    ${links(card)}
    <footer>${source(card.source)}${state.dismissing === card.uuid ? nothing : dismissButton(card)}</footer>
    ${outcome?.problem ? problemBox({ ...outcome.problem, title: `The feedback was not kept. ${outcome.problem.title}` }) : nothing}
    ${state.dismissing === card.uuid ? dismissForm(call, card) : nothing}
  </article>`;
}

function dismissed(card, indicator, outcome) {
  return html`<article class="card is-dismissed" data-indicator=${indicator}>
    <p class="indicator">${icon(indicator)}${INDICATOR_WORDS[indicator]}, dismissed</p>
    <h2 id="card-${card.uuid}" tabindex="-1">${card.summary}</h2>
    ${outcome.words ? html`<p class="soft">${outcome.words}</p>` : nothing}
    ${outcome.problem ? problemBox({ ...outcome.problem, title: `The feedback was not kept. ${outcome.problem.title}` }) : nothing}
  </article>`;
}

/** The detail of an info card is cut: its beginning is shown, all of it on demand or when the focus gets inside.
 *  A warning ends with what to take care of, which nobody should have to ask for. */
function detail(card) {
  const key = `detail:${card.uuid}`;
  const isWhole = state.open[key] ?? card.indicator !== "info";
  const set = (whole) => update(() => { state.open[key] = whole; });
  return html`<div class=${isWhole ? "detail" : "detail is-cut"} id="detail-${card.uuid}" @focusin=${() => isWhole || set(true)}>${markdown(card.detail)}</div>
    <button type="button" class="plain small" aria-expanded=${isWhole ? "true" : "false"} aria-controls="detail-${card.uuid}"
      @click=${() => set(!isWhole)}>${isWhole ? "Show less" : "Show the whole card"}</button>`;
}

/** What was taken stays where the focus is: a button that is disabled would lose it. */
function suggestions(call, card) {
  if (!card.suggestions?.length) return nothing;
  const taken = state.outcomes[card.uuid]?.suggestions ?? [];
  return html`<ul class="suggestions" aria-label="Suggestions">${card.suggestions.map((suggestion) => {
    const isTaken = taken.includes(suggestion.uuid);
    return html`<li><button type="button" aria-disabled=${isTaken ? "true" : "false"} @click=${() => isTaken || accept(call, card, suggestion)}>
      ${icon(isTaken ? "yes" : "add")}<span>${suggestion.label}</span>${isTaken ? html`<em>on the pad</em>` : nothing}</button></li>`;
  })}</ul>`;
}

function links(card) {
  const found = (card.links ?? []).filter((link) => isWeb(link.url));
  if (!found.length) return nothing;
  const list = html`<ul class="links" aria-label="Links">${found.map(
    (link) => html`<li><a href=${link.url} target="_blank" rel="noopener noreferrer">${link.label}${icon("out")}</a>
      ${link.type === "smart" ? html`<span class="soft">SMART app</span>` : nothing}</li>`,
  )}</ul>`;
  return found.length <= FEW_LINKS ? list : html`<details class="more"><summary>${found.length} links: rules and references</summary>${list}</details>`;
}

function source(from) {
  const topic = from?.topic?.display && !from.label?.includes(from.topic.display) ? `, ${from.topic.display}` : "";
  if (!from) return nothing;
  return html`<span class="source">Source: ${isWeb(from.url)
    ? html`<a href=${from.url} target="_blank" rel="noopener noreferrer">${from.label}${icon("out")}</a>`
    : from.label}${topic}</span>`;
}

function dismissButton(card) {
  return html`<button type="button" class="plain small" id="dismiss-${card.uuid}" @click=${() => ask(card)}>Dismiss</button>`;
}

function ask(card) {
  update(() => {
    state.dismissing = card.uuid;
  });
}

/** Whether a link of a card may be followed: an address of the web, not a script. */
function isWeb(address) {
  return typeof address === "string" && /^https?:\/\//i.test(address);
}
