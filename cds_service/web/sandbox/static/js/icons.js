/** Small pictures beside words, never instead of them. */

import { html, svg } from "./html.js";

const SHAPES = {
  critical: svg`<path d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z"/><path d="M8 4.8v3.9M8 11.1v.1"/>`,
  warning: svg`<path d="M8 1.9 14.6 13.5H1.4z"/><path d="M8 6.3v3.4M8 11.6v.1"/>`,
  info: svg`<circle cx="8" cy="8" r="6.4"/><path d="M8 7.4v3.9M8 4.8v.1"/>`,
  none: svg`<circle cx="8" cy="8" r="6.4"/><path d="M5.2 8h5.6"/>`,
  yes: svg`<path d="m2.8 8.6 3.3 3.3 7.1-7.6"/>`,
  no: svg`<path d="M3.8 3.8l8.4 8.4M12.2 3.8l-8.4 8.4"/>`,
  unknown: svg`<circle cx="8" cy="8" r="6.4"/><path d="M6.2 6.3a1.9 1.9 0 1 1 2.6 1.8c-.6.2-.8.6-.8 1.2M8 11.4v.1"/>`,
  add: svg`<path d="M8 3v10M3 8h10"/>`,
  search: svg`<circle cx="7" cy="7" r="4.6"/><path d="m10.4 10.4 3.7 3.7"/>`,
  out: svg`<path d="M6 3.2H3v9.8h9.8V10M9 2.8h4.2V7M13 3 7.4 8.6"/>`,
  down: svg`<path d="m3.6 6 4.4 4.4L12.4 6"/>`,
  left: svg`<path d="M10 3.6 5.6 8l4.4 4.4"/>`,
  right: svg`<path d="M6 3.6 10.4 8 6 12.4"/>`,
  aim: svg`<circle cx="8" cy="8" r="4.2"/><path d="M8 1.4v3M8 11.6v3M1.4 8h3M11.6 8h3"/>`,
  rule: svg`<path d="M2.6 3.4h5M2.6 8h3M2.6 12.6h5"/><path d="m9.2 9.6 2 2 3-4.2"/>`,
  copy: svg`<path d="M5.6 5.6h7.8v7.8H5.6z"/><path d="M10.4 5.4V2.6H2.6v7.8h2.8"/>`,
  send: svg`<path d="M2.4 8h10.4M8.6 3.8 12.8 8l-4.2 4.2"/>`,
  back: svg`<path d="M3 6.5h6.5a3.4 3.4 0 0 1 0 6.8H5.6M5.8 3.5 2.8 6.5l3 3"/>`,
  people: svg`<circle cx="6" cy="5.2" r="2.6"/><path d="M1.4 13.4c.3-2.8 2.2-4.3 4.6-4.3s4.3 1.5 4.6 4.3M10.6 2.9a2.5 2.5 0 0 1 0 4.7M12.4 9.6c1.3.6 2.1 1.9 2.3 3.8"/>`,
  sun: svg`<circle cx="8" cy="8" r="2.9"/><path d="M8 1.2v1.6M8 13.2v1.6M1.2 8h1.6M13.2 8h1.6M3.2 3.2l1.1 1.1M11.7 11.7l1.1 1.1M3.2 12.8l1.1-1.1M11.7 4.3l1.1-1.1"/>`,
  moon: svg`<path d="M13.4 9.7A5.9 5.9 0 0 1 6.3 2.6a5.9 5.9 0 1 0 7.1 7.1z"/>`,
  half: svg`<circle cx="8" cy="8" r="6.2"/><path d="M8 1.8a6.2 6.2 0 0 1 0 12.4z" fill="currentColor"/>`,
};

/**
 * @param {string} name  A key of the pictures above; an unknown one is "info".
 * @returns {object} A template.
 */
export function icon(name) {
  return html`<svg class="icon" viewBox="0 0 16 16" aria-hidden="true" focusable="false">${SHAPES[name] ?? SHAPES.info}</svg>`;
}

/** Words for the three indicators of CDS Hooks, and for none. */
export const INDICATOR_WORDS = { critical: "Critical", warning: "Warning", info: "Information", none: "No finding expected" };

const ORDER = ["critical", "warning", "info"];
/** All indicators, and "none", by urgency. */
export const WORST_FIRST = [...ORDER, "none"];

/**
 * @param {string|undefined} indicator
 * @returns {"critical"|"warning"|"info"} The indicator itself; what CDS Hooks does not name is shown as "info".
 */
export function knownIndicator(indicator) {
  return ORDER.includes(indicator) ? indicator : "info";
}

/**
 * @param {string[]} indicators
 * @returns {string} The worst of them; "none" where there is none.
 */
export function worst(indicators) {
  return ORDER.find((indicator) => indicators.includes(indicator)) ?? "none";
}

/**
 * Compare cards, the worst first; equals stay as the service ranked them.
 *
 * @param {{indicator: string}} one
 * @param {{indicator: string}} other
 * @returns {number}
 */
export function worstFirst(one, other) {
  return ORDER.indexOf(knownIndicator(one.indicator)) - ORDER.indexOf(knownIndicator(other.indicator));
}
