/** Which rules of an explanation are shown: by answer, group, words, and the resource they read. */

import { readersOf } from "./explanations.js";

/**
 * @typedef {object} Filter
 * @property {string} [words]   All of them must stand somewhere in what is said of the rule.
 * @property {string} [group]
 * @property {string} [answer]
 * @property {string|null} [source]  Only rules that read this resource.
 */

/** Answers in the order they are told, with the words for the rules that gave them. */
export const ANSWERS = [
  ["match", "Fired"],
  ["error", "Failed"],
  ["unknown", "Could not tell"],
  ["no-match", "Not fired"],
  ["switched-off", "Switched off"],
];

const texts = new WeakMap();

/**
 * @param {import("./explanations.js").Explanation} explanation
 * @param {Filter} filter
 * @returns {import("./explanations.js").RuleExplained[]}  In the order of the explanation.
 */
export function filtered(explanation, filter) {
  const words = (filter.words ?? "").toLowerCase().split(/\s+/).filter(Boolean);
  const readers = filter.source ? (readersOf(explanation).get(filter.source) ?? new Set()) : null;
  return explanation.rules.filter(
    (rule) =>
      (!filter.answer || rule.answer === filter.answer) &&
      (!filter.group || rule.group === filter.group) &&
      (!readers || readers.has(rule.ruleId)) &&
      words.every((word) => textOf(rule).includes(word)),
  );
}

/**
 * @param {import("./explanations.js").Explanation} explanation
 * @returns {string[]}
 */
export function groupsOf(explanation) {
  return [...new Set(explanation.rules.map((rule) => rule.group))].sort();
}

function textOf(rule) {
  if (!texts.has(rule)) {
    const gaps = (rule.wouldChange ?? []).map((gap) => gap.title ?? gap.name);
    const said = [rule.title, rule.ruleId, rule.group, rule.summary ?? "", ...rule.logic, ...gaps];
    texts.set(rule, said.join("\n").toLowerCase());
  }
  return texts.get(rule);
}
