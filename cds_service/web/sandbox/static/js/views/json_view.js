/** `<json-view>`: a JSON value one can fold; what is folded costs nothing. */

import { WrittenNumber } from "../exact_json.js";
import { html, nothing, render } from "../html.js";

const OPEN_DEPTH = 2;
const LONG = 50;
/** Members that say what an object is, the best first. */
const NAMES = ["summary", "title", "label", "ruleId", "resourceType", "display", "name", "code"];
const LONGEST_NAME = 60;

/** `.value` is drawn anew only when it is another one. */
class JsonView extends HTMLElement {
  #value = undefined;
  #toggled = new Map();

  set value(value) {
    if (this.#value === value) return;
    this.#value = value;
    this.#toggled.clear();
    this.#draw();
  }

  #draw() {
    render(this.#member(null, this.#value, "", 0), this);
  }

  #member(name, value, path, depth) {
    if (value === null || typeof value !== "object" || value instanceof WrittenNumber) return html`<div class="json-line">${label(name)}${leaf(value)}</div>`;
    const entries = Object.entries(value);
    if (!entries.length) return html`<div class="json-line">${label(name)}${Array.isArray(value) ? "[]" : "{}"}</div>`;
    const isOpen = this.#toggled.get(path) ?? (depth < OPEN_DEPTH && entries.length <= LONG);
    const child = ([key, item]) => this.#member(Array.isArray(value) ? null : key, item, `${path}/${key}`, depth + 1);
    return html`<details class="json-node" ?open=${isOpen} @toggle=${(event) => this.#turn(event, path, isOpen)}>
      <summary>${label(name)}<span class="json-size">${sizeWords(value, entries.length)}</span></summary>
      ${isOpen ? html`<div class="json-inside">${entries.map(child)}</div>` : nothing}</details>`;
  }

  #turn(event, path, was) {
    event.stopPropagation();
    if (event.target.open === was) return;
    this.#toggled.set(path, event.target.open);
    this.#draw();
  }
}

function label(name) {
  return name === null ? nothing : html`<span class="json-name">${name}</span>: `;
}

function leaf(value) {
  const kind = value === null ? "null" : value instanceof WrittenNumber ? "number" : typeof value;
  return html`<span class="json-${kind}">${JSON.stringify(value)}</span>`;
}

/** How much is inside, and what it is where it has a name. */
function sizeWords(value, count) {
  if (Array.isArray(value)) return `[ ${count} ${count === 1 ? "item" : "items"} ]`;
  const named = NAMES.map((name) => value[name]).find((name) => typeof name === "string");
  return `{ ${count} ${count === 1 ? "member" : "members"} }${named ? ` ${shortened(named)}` : ""}`;
}

function shortened(text) {
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME)}...` : text;
}

customElements.define("json-view", JsonView);
