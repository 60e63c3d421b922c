/** The list of bundled patients: filtered by words, grouped by what their story is about. */

import { html, nothing, repeat } from "../html.js";
import { icon, INDICATOR_WORDS, worst, WORST_FIRST } from "../icons.js";
import { addressOf } from "../routes.js";
import { state, update } from "../state.js";
import { ownDataControl } from "../panels/own_data.js";
import { age, counted } from "../format.js";
import { problemBox } from "./problem.js";

const NO_CARD = "no-card";

/**
 * @returns {object} The template: filter, groups, and the way in for data of one's own.
 */
export function patientList() {
  const list = state.patients.list;
  if (!list) return html`<p class="pad soft">Loading the patients.</p>`;
  const found = list.filter((story) => holds(story, state.patients.filter));
  return html`
    <div class="filter">${icon("search")}
      <input type="search" aria-label="Filter patients" placeholder="Filter ${counted(list.length, "patient")}"
        .value=${state.patients.filter} @input=${filter} autocomplete="off" spellcheck="false"></div>
    ${problemBox(state.patients.problem ?? state.discovery)}
    <div class="groups">
      ${repeat(groups(found), ([group]) => group, ([group, stories]) => section(group, stories))}
      ${found.length ? nothing : html`<p class="pad soft">No patient matches all of these words.</p>`}
    </div>
    ${ownDataControl()}
  `;
}

/**
 * @param {string} group  "red-flag"
 * @returns {string} "Red flag"
 */
export function groupWords(group) {
  if (group === NO_CARD) return "No finding expected";
  const words = group.replaceAll("-", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function section(group, stories) {
  return html`<section aria-label=${groupWords(group)}>
    <h2>${groupWords(group)} <span class="count">${stories.length}</span></h2>
    <ul>${repeat(stories, (story) => story.story, row)}</ul></section>`;
}

function row(story) {
  const indicator = worst(story.causes.map((cause) => cause.indicator));
  const isOpen = state.record?.key === story.story;
  return html`<li><a class="patient" href=${addressOf(story.story, state.route.tab)} aria-current=${isOpen ? "true" : "false"}>
    <span class="who"><strong>${story.name}</strong><span>${[ageWords(story), story.sex].filter(Boolean).join(", ")}</span></span>
    <span class="sentence">${story.sentence}</span>
    <span class="outcome" data-indicator=${indicator}>${icon(indicator)}<span><b>${INDICATOR_WORDS[indicator]}</b>${cause(story)}</span></span>
  </a></li>`;
}

function cause(story) {
  return story.causes.length ? html` ${story.causes[0].title}` : nothing;
}

function ageWords(story) {
  return age(story.birthDate ?? "", story.asOf).replace(/ years$/, "");
}

function groups(stories) {
  const found = new Map();
  for (const story of stories) found.set(story.group, [...(found.get(story.group) ?? []), story]);
  for (const some of found.values()) some.sort((one, other) => weightOf(one) - weightOf(other));
  return [...found].sort(([one, some], [other, others]) => heaviness(others) - heaviness(some) || one.localeCompare(other));
}

/** Return how urgent a group is: by how many of its stories are critical; the one without cards stands last. */
function heaviness(stories) {
  if (stories[0].group === NO_CARD) return -1;
  return stories.filter((story) => weightOf(story) === 0).length;
}

function weightOf(story) {
  return WORST_FIRST.indexOf(worst(story.causes.map((item) => item.indicator)));
}

function holds(story, words) {
  const text = [story.name, story.story, story.sentence, story.sex, groupWords(story.group)]
    .concat(story.causes.flatMap((item) => [item.title, item.indicator]))
    .join(" ")
    .toLowerCase();
  return words.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function filter(event) {
  const words = event.target.value;
  update(() => {
    state.patients.filter = words;
  });
}
