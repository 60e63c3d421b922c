/** What stands in the middle before a patient is chosen: what this is, in one look. */

import { html, nothing } from "../html.js";
import { icon, INDICATOR_WORDS, worst, WORST_FIRST } from "../icons.js";
import { addressOf } from "../routes.js";
import { state } from "../state.js";
import { patientList } from "./patients.js";
import { problemBox } from "./problem.js";

const SHOWN = 4;

/**
 * @returns {object} The template.
 */
export function welcome() {
  return html`<div class="welcome">
    <h1>Why does this muscle twitch?</h1>
    <p class="lead">For clinicians whose patient's lip, eyelid, face or limb twitches. twitch-cds reads the record as an EHR
      sends it and answers with cards: what in the record may contribute, how urgent it is, the patient's own values as
      evidence, and which tests are missing. It suggests; the clinician decides.</p>
    <p class="limits">${icon("info")}<span>Every patient here is made up. For evaluation, not for care: twitch-cds is not a medical device, and where it shows no card, nothing is ruled out.</span></p>
    <ol class="steps">
      <li><strong>Choose a patient.</strong> This page plays the EHR: it shows the chart and calls the service.</li>
      <li><strong>Read the cards.</strong> Accept a draft order, or dismiss a card and say why.</li>
      <li><strong>Ask why.</strong> Each rule says what it looked for, what it found, and what would change its answer.</li>
    </ol>
    ${problemBox(state.patients.problem ?? state.discovery)}
    ${state.patients.list ? begin(state.patients.list) : nothing}
    ${state.room === "narrow" ? html`<section class="patients" aria-label="Patients">${patientList()}</section>` : nothing}
  </div>`;
}

function begin(stories) {
  const first = beginnings(stories);
  if (!first.length) return nothing;
  return html`<h2>Start with one of these</h2>
    <ul class="beginnings">${first.map(
      (story) => html`<li><a href=${addressOf(story.story)} data-indicator=${worstOf(story)}>${icon(worstOf(story))}
        <span><strong><span class="tone">${INDICATOR_WORDS[worstOf(story)]}</span> ${story.causes[0]?.title}</strong>${story.sentence}</span></a></li>`,
    )}</ul>`;
}

/** Return the worst story of some groups, so that the beginnings differ. */
function beginnings(stories) {
  const byGroup = new Map();
  for (const story of stories) {
    const known = byGroup.get(story.group);
    if (!known || weight(story) < weight(known)) byGroup.set(story.group, story);
  }
  const found = [...byGroup.values()].filter((story) => story.causes.length);
  return found.sort((one, other) => weight(one) - weight(other)).slice(0, SHOWN);
}

function weight(story) {
  return WORST_FIRST.indexOf(worstOf(story));
}

function worstOf(story) {
  return worst(story.causes.map((cause) => cause.indicator));
}
