/** A field that offers what matches while one types: "Combobox with list" of the ARIA Authoring Practices. */

import { html, live, nothing } from "../html.js";
import { icon } from "../icons.js";
import { say } from "../live.js";
import { counted } from "../format.js";
import { state, update } from "../state.js";
import { problemBox } from "./problem.js";

const WAIT_MS = 120;
const EMPTY = { text: "", groups: [], active: 0, isOpen: false, isStale: false, problem: null };

/**
 * @typedef {object} Match
 * @property {string} title
 * @property {string} note
 * @property {object} resource
 */

/**
 * @typedef {object} ComboBox  What one combo box is about.
 * @property {string} name   Tells it apart from the others; begins the ids of its elements.
 * @property {string} label
 * @property {string} placeholder
 * @property {(text: string, signal: AbortSignal) => Promise<{groups: {title: string, matches: Match[]}[], problem: import("../state.js").Problem|null}>} search
 * @property {(match: Match) => void} choose
 */

/** Searches on their way, by the name of the box: a later one ends an earlier one. */
const searches = new Map();

/**
 * @param {ComboBox} box
 * @returns {object} The template.
 */
export function comboBox(box) {
  const now = boxOf(box.name);
  const list = `${box.name}-list`;
  const active = now.isOpen ? `${box.name}-option-${now.active}` : nothing;
  return html`<div class="combo" @focusout=${(event) => leave(event, box)}>
    <label for="${box.name}-input">${box.label}</label>
    <div class="combo-field">${icon("search")}
      <input id="${box.name}-input" type="text" role="combobox" aria-autocomplete="list" aria-expanded=${now.isOpen ? "true" : "false"}
        aria-controls=${list} aria-activedescendant=${active} placeholder=${box.placeholder} autocomplete="off" spellcheck="false" maxlength="100"
        .value=${live(now.text)} @input=${(event) => type(box, event.target.value)} @keydown=${(event) => press(event, box)}>
      <div class="combo-list" id=${list} role="listbox" aria-label=${box.label} ?hidden=${!now.isOpen} @mousedown=${(event) => event.preventDefault()}>
        ${now.isOpen ? options(box, now) : nothing}</div>
    </div>
    ${found(now)}
  </div>`;
}

function found(now) {
  if (now.problem) return problemBox(now.problem);
  if (!now.text.trim() || now.isStale || now.groups.length) return nothing;
  return html`<p class="soft combo-none">Nothing of this name is known to the service.</p>`;
}

function options(box, now) {
  let index = -1;
  return now.groups.map((group, place) => html`<div role="group" aria-labelledby="${box.name}-group-${place}">
    <div class="combo-group" id="${box.name}-group-${place}" role="presentation">${group.title}</div>
    ${group.matches.map((match) => {
      index += 1;
      return option(box, match, index, index === now.active);
    })}</div>`);
}

function option(box, match, index, isActive) {
  return html`<div class="combo-option" role="option" id="${box.name}-option-${index}" aria-selected=${isActive ? "true" : "false"}
    @click=${() => take(box, match)}><span>${match.title}</span>${match.note ? html`<span class="soft">${match.note}</span>` : nothing}</div>`;
}

function boxOf(name) {
  return state.orders.boxes?.[name] ?? EMPTY;
}

function set(name, change) {
  update(() => {
    state.orders.boxes = { ...state.orders.boxes, [name]: { ...boxOf(name), ...change } };
  });
}

/** What was found for an earlier text is still shown, but no longer taken: it may be another drug. */
function type(box, text) {
  const before = searches.get(box.name);
  window.clearTimeout(before?.timer);
  before?.control.abort();
  if (!text.trim()) return set(box.name, { ...EMPTY, text });
  set(box.name, { text, isStale: true, problem: null });
  const control = new AbortController();
  const timer = window.setTimeout(() => search(box, text, control.signal), WAIT_MS);
  searches.set(box.name, { control, timer });
}

async function search(box, text, signal) {
  const record = state.record;
  const { groups, problem } = await box.search(text.trim(), signal);
  if (signal.aborted || state.record !== record) return;
  const some = groups.filter((group) => group.matches.length);
  set(box.name, { groups: some, problem, active: 0, isOpen: some.length > 0, isStale: false });
  say(problem ? problem.title : counted(flat(some).length, "match", "matches"));
}

function press(event, box) {
  const now = boxOf(box.name);
  const count = flat(now.groups).length;
  const act = {
    ArrowDown: () => move(box, now, now.isOpen ? (now.active + 1) % count : 0),
    ArrowUp: () => move(box, now, now.isOpen ? (now.active - 1 + count) % count : count - 1),
    Enter: () => now.isOpen && !now.isStale && take(box, flat(now.groups)[now.active]),
    Escape: () => set(box.name, now.isOpen ? { isOpen: false } : EMPTY),
  }[event.key];
  const isIdle = event.key === "Escape" && !now.isOpen && !now.text;
  if (!act || isIdle || (event.key.startsWith("Arrow") && !count)) return;
  event.preventDefault();
  event.stopPropagation();
  act();
}

function move(box, now, active) {
  set(box.name, { isOpen: true, active });
  window.setTimeout(() => document.getElementById(`${box.name}-option-${active}`)?.scrollIntoView({ block: "nearest" }), 0);
}

function take(box, match) {
  if (boxOf(box.name).isStale) return;
  set(box.name, EMPTY);
  box.choose(match);
}

function leave(event, box) {
  if (event.currentTarget.contains(event.relatedTarget) || !boxOf(box.name).isOpen) return;
  set(box.name, { isOpen: false });
}

function flat(groups) {
  return groups.flatMap((group) => group.matches);
}
