/** The answer of a service as an EHR shows it: cards worst first; no card and a fault never look like "all clear". */

import { html, nothing, repeat } from "../html.js";
import { icon, worstFirst } from "../icons.js";
import { counted, day, duration } from "../format.js";
import { latestByHook, reviewOf } from "../calls.js";
import { askAsNew } from "../record.js";
import { shownCall, state, update } from "../state.js";
import { cardView } from "./card.js";
import { problemBox } from "./problem.js";

/** Why a finding has no card of its own (docs/integrate.md, "No repeat" and "Quiet after an answer"). */
const HELD = {
  answered: "answered by a clinician",
  "shown-at-order-select": "just shown when the order was chosen",
  "shown-within-365-days": "shown within a year",
};

/**
 * @returns {object} The template.
 */
export function cardList() {
  const call = shownCall();
  if (!call) return html`<p class="pad soft">No service was called yet. That says nothing about the patient.</p>`;
  return html`${hooks()}${call.answer ? answered(call) : html`<p class="pad soft" aria-busy="true">Asking ${call.hook}.</p>`}`;
}

/** The hooks that were called about this record: each with its latest answer. */
function hooks() {
  const calls = latestByHook(state.record.key);
  if (calls.length < 2) return nothing;
  return html`<div class="hooks" role="group" aria-label="Answers by hook">${calls.map(
    (call) => html`<button type="button" aria-pressed=${call.id === state.shown ? "true" : "false"} @click=${() => show(call)}>
      ${call.hook} <span class="count">${call.answer?.json?.cards?.length ?? "!"}</span></button>`,
  )}</div>`;
}

function answered(call) {
  if (call.answer.problem) return html`${otherwise(call)}${fault(call.answer.problem)}${foot(call)}`;
  const cards = [...(call.answer.json.cards ?? [])].sort(worstFirst);
  return html`
    ${otherwise(call)}
    ${cards.length ? nothing : noCard(call)}
    <div class="cards">${repeat(cards, (card) => card.uuid, (card) => cardView(call, card))}</div>
    ${quiet(call)}
    ${foot(call)}
  `;
}

/** Where the answer is not about what the chart shows: the day was moved since, or the request was changed by hand. */
function otherwise(call) {
  const patientId = patientOf(call) ?? state.record.patientId;
  const words = [
    patientId === state.record.patientId ? "" : `This answer is about the patient ${patientId}, not about the one of this chart.`,
    call.asOf === state.record.asOf ? "" : `This answer was given as of ${day(call.asOf)}; the chart is as of ${day(state.record.asOf)}.`,
  ].filter(Boolean).join(" ");
  return words ? problemBox({ title: "Not about what the chart shows.", text: words }) : nothing;
}

function patientOf(call) {
  if (typeof call.request !== "string") return call.request?.context?.patientId;
  try {
    return JSON.parse(call.request)?.context?.patientId;
  } catch {
    return undefined; // it was sent as it is, and refused
  }
}

function fault(problem) {
  return html`${problemBox(problem)}<p class="pad"><strong>The assessment is missing.</strong> That says nothing about the patient.</p>`;
}

function noCard(call) {
  const review = reviewOf(call);
  const outside = review?.outside ? html`<p>Outside what the service looks at: ${String(review.outside).replaceAll("-", " ")}.</p>` : nothing;
  return html`<div class="no-card">${icon("none")}<div><p><strong>No card. That excludes nothing.</strong></p>${outside}${counts(review)}</div></div>`;
}

function counts(review) {
  const found = review?.counts;
  if (!found) return nothing;
  return html`<p>${counted(found.notMatched, "rule")} did not fire, ${found.unknown} could not tell.</p>`;
}

/** Findings without a card of their own because a clinician answered them, or because they were just shown. */
function quiet(call) {
  const held = (reviewOf(call)?.findings ?? []).filter((finding) => finding.held);
  if (!held.length) return nothing;
  return html`<section class="quiet"><h2>Kept quiet</h2>
    <p class="soft">These fired, too. They have no card of their own now.</p><ul>${held.map(
    (finding) => html`<li>${finding.summary} <span class="soft">${HELD[finding.held] ?? finding.held}${finding.shownOn ? `, shown on ${day(finding.shownOn)}` : ""}</span></li>`,
  )}</ul>
    ${state.patients.canForget ? html`<button type="button" class="small" @click=${askAsNew}>${icon("back")}Forget the answers and ask again</button>` : nothing}</section>`;
}

function foot(call) {
  const review = reviewOf(call);
  return html`<p class="foot">${call.hook}, ${duration(call.answer.ms)}${review
    ? `, as of ${day(review.asOf)}, knowledge ${review.knowledgeVersion}: ${counted(review.counts.matched, "rule")} fired, ${review.counts.notMatched} did not, ${review.counts.unknown} could not tell`
    : ""}</p>`;
}

function show(call) {
  update(() => {
    state.shown = call.id;
  });
}
