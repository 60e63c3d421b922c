/** Addresses within the page of the feedback: `#/90/lithium-toxicity/code:later`; empty where nothing is chosen. */

/**
 * @typedef {object} Place
 * @property {number} days
 * @property {string|null} rule    null: all rules.
 * @property {string|null} reason  The key of a reason (`counts.js`); null: all of them.
 */

/** Lengths of time that can be chosen, in days. */
export const PERIODS = [7, 30, 90, 365];
const USUAL_DAYS = 90;

/**
 * @param {Place} place
 * @returns {string} Its address, for links.
 */
export function addressOf({ days, rule, reason }) {
  const parts = [String(days), rule ?? "", reason ?? ""];
  while (parts.at(-1) === "") parts.pop();
  return `#/${parts.map(encodeURIComponent).join("/")}`;
}

/**
 * @param {string} hash  `location.hash`.
 * @returns {Place}  What cannot be read is not chosen.
 */
export function placeIn(hash) {
  const [, days, rule, reason] = hash.split("/").map(decoded);
  return { days: PERIODS.find((item) => String(item) === days) ?? USUAL_DAYS, rule: rule || null, reason: reason || null };
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return ""; // no address of this page
  }
}
