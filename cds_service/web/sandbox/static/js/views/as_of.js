/** The day the patient is looked at: written, or moved to the days on which the record has an entry. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { day } from "../format.js";
import { dateOf, drugStart } from "../fhir/words.js";
import { moveTo } from "../record.js";
import { state } from "../state.js";

const WHOLE_DAY = /^\d{4}-\d{2}-\d{2}$/;

/**
 * @param {import("../state.js").OpenRecord} record
 * @returns {object} The template.
 */
export function asOfControl(record) {
  const now = day(record.asOf);
  const days = daysOf(record);
  const earlier = days.findLast((item) => item < now);
  const later = days.find((item) => item > now);
  return html`<div class="as-of" role="group" aria-label="Day the record is looked at">
    <label for="as-of">As of</label>
    <span class="stepper">
      ${step("left", "Earlier entry", earlier)}
      <input id="as-of" type="text" inputmode="numeric" autocomplete="off" spellcheck="false" maxlength="10" title="Year-month-day"
        .value=${now} @change=${write}>
      ${step("right", "Later entry", later)}
    </span>
    ${record.asOf === record.storyAsOf
      ? nothing
      : html`<button type="button" class="plain small" @click=${() => moveTo(record.storyAsOf)}>${icon("back")}Back to ${day(record.storyAsOf)}</button>`}</div>`;
}

function step(picture, words, target) {
  const title = target ? `${words}: ${target}` : `${words}: none`;
  return html`<button type="button" class="square" aria-disabled=${target ? "false" : "true"} title=${title} aria-label=${title} @click=${() => target && move(target)}>${icon(picture)}</button>`;
}

/** Return the days with an entry, and the day of the story, each once, in order. */
function daysOf(record) {
  const moments = (record.resources ?? []).flatMap((resource) => [dateOf(resource), drugStart(resource)]);
  const days = moments.concat(record.storyAsOf).map(day).filter((item) => WHOLE_DAY.test(item));
  return [...new Set(days)].sort();
}

/** Take a day that is one; else the field shows again what holds. */
function write(event) {
  const written = event.target.value.trim();
  const isDay = WHOLE_DAY.test(written) && !Number.isNaN(Date.parse(written));
  if (isDay) move(written);
  else event.target.value = day(state.record.asOf);
}

/** Keep time of day and zone of the story: a day on the calendar is all that is chosen. */
function move(chosen) {
  moveTo(chosen + state.record.storyAsOf.slice(10));
}
