/** The Markdown of a card as nodes of the page: HTML in it is text, and what could run, load or mislead is taken out. */

import createDOMPurify from "../vendor/dompurify/purify.es.mjs";
import { Marked } from "../vendor/marked/marked.esm.js";

/** HTML stands there as it is written; a picture is its words: nothing of a record is fetched. */
const PLAIN = { html: ({ text }) => escaped(text), image: ({ text }) => escaped(text) };
const marked = new Marked({ gfm: true, async: false, renderer: PLAIN });
const purify = createDOMPurify(window);

/** Nothing here loads (no picture, no frame), is sent (no form) or looks like the page itself (no class, no id). */
const ALLOWED = {
  ALLOWED_TAGS: [
    ..."a b blockquote br code del em h1 h2 h3 h4 h5 h6 hr i li ol p pre s strong sub sup".split(" "),
    ..."table tbody td th thead tr ul".split(" "),
  ],
  ALLOWED_ATTR: ["href", "start", "align"],
  ALLOWED_URI_REGEXP: /^https?:\/\//i,
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  RETURN_DOM_FRAGMENT: true,
};
/** The highest heading of a detail stands right below the heading of its card, which is of level 2. */
const HIGHEST = 3;
const LOWEST = 6;
const kept = new Map();
const KEPT = 200;

/**
 * @param {string} source  GitHub-flavored Markdown, as cards have it.
 * @returns {DocumentFragment} Nodes to put into the page; a new copy every time.
 */
export function markdown(source) {
  if (!kept.has(source)) {
    if (kept.size >= KEPT) kept.clear();
    kept.set(source, cleaned(String(source)));
  }
  return kept.get(source).cloneNode(true);
}

function cleaned(source) {
  const fragment = purify.sanitize(marked.parse(source), ALLOWED);
  for (const link of fragment.querySelectorAll("a[href]")) leadOut(link);
  settleHeadings([...fragment.querySelectorAll("h1, h2, h3, h4, h5, h6")]);
  return fragment;
}

function escaped(text) {
  const signs = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
  return text.replace(/[&<>"']/g, (sign) => signs[sign]);
}

function leadOut(link) {
  link.target = "_blank";
  link.rel = "noopener noreferrer";
}

/** Move headings so that no level is left out, whatever levels the card was written with. */
function settleHeadings(headings) {
  const levels = [...new Set(headings.map((heading) => heading.tagName))].sort();
  for (const heading of headings) {
    const level = Math.min(LOWEST, HIGHEST + levels.indexOf(heading.tagName));
    const other = document.createElement(`h${level}`);
    other.append(...heading.childNodes);
    heading.replaceWith(other);
  }
}
