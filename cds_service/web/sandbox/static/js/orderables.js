/** What can be ordered or recorded under a name: asked of the sandbox, which takes it from the terminology. */

import { ADDRESSES, get } from "./api.js";

/**
 * Look for drugs and tests.
 *
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<{groups: {title: string, matches: import("./views/combo_box.js").Match[]}[], problem: import("./state.js").Problem|null}>}
 */
export function findOrders(text, signal) {
  return find([["Drugs", "drug"], ["Tests", "test"]], text, signal);
}

/**
 * Look for problems.
 *
 * @param {string} text
 * @param {AbortSignal} signal
 * @returns {Promise<{groups: {title: string, matches: import("./views/combo_box.js").Match[]}[], problem: import("./state.js").Problem|null}>}
 */
export function findProblems(text, signal) {
  return find([["Problems", "problem"]], text, signal);
}

async function find(kinds, text, signal) {
  const asked = kinds.map(([, kind]) => get(`${ADDRESSES.orderables}?${new URLSearchParams({ kind, q: text })}`, signal));
  const answers = await Promise.all(asked);
  const problem = answers.find((answer) => answer.problem)?.problem ?? null;
  const groups = answers.map((answer, index) => ({ title: kinds[index][0], matches: answer.json?.matches ?? [] }));
  return { groups: problem ? [] : groups, problem };
}
