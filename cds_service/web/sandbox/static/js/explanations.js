/** Why the rules answered as they did: asked once for each call, with the very request of the call. */

import { ADDRESSES, post } from "./api.js";
import { update } from "./state.js";

/**
 * @typedef {object} Explanation  What `POST /explain/{service}` says (docs/integrate.md, "Why, and why not").
 * @property {boolean} assessable
 * @property {string} asOf
 * @property {RuleExplained[]} rules  Fired ones by rank, then those that could not tell, then the rest.
 * @property {Object<string, Criterion>} definitions  By the names in `meets` of a criterion.
 */

/**
 * @typedef {object} RuleExplained
 * @property {string} ruleId
 * @property {string} title
 * @property {string} group
 * @property {"match"|"no-match"|"unknown"|"error"|"switched-off"} answer
 * @property {string} words
 * @property {string[]} logic
 * @property {object[]} branches
 * @property {Gap[]} [wouldChange]
 */

/**
 * @typedef {object} Criterion
 * @property {"match"|"no-match"|"unknown"|"error"} answer
 * @property {string} text      A criterion in words; of a connective its name ("all", "any", "none", "some", "first known").
 * @property {number} [atLeast] How many parts must hold, for "some".
 * @property {Criterion[]} [parts]
 * @property {string[]} [meets] Names of definitions.
 * @property {Evidence[]} [evidence]
 * @property {Gap[]} [missing]
 */

/** @typedef {{text: string, source?: string, reported?: string, value?: string, unit?: string, mappedFrom?: string}} Evidence */
/** @typedef {{kind: string, name: string, title?: string, reason: string, detail?: string}} Gap */

/** @type {WeakMap<import("./state.js").Call, {answer: import("./api.js").Answer|null}>} */
const asked = new WeakMap();
const indexes = new WeakMap();

/**
 * Return the explanation of a call; the first time it is asked for.
 *
 * @param {import("./state.js").Call} call
 * @returns {import("./api.js").Answer|null}  null while it is on its way.
 */
export function explanationOf(call) {
  if (!call.answer) return null; // the cards first
  if (call.request === null) return call.answer; // it could not be built: the same fault holds here
  const known = asked.get(call);
  if (known) return known.answer;
  const entry = { answer: null };
  asked.set(call, entry);
  post(ADDRESSES.explain(call.service), call.request).then((answer) => update(() => { entry.answer = answer; }));
  return null;
}

/**
 * Ask once more, after a fault.
 *
 * @param {import("./state.js").Call} call
 */
export function explainAgain(call) {
  update(() => {
    asked.delete(call);
  });
}

/**
 * @param {import("./state.js").Call|null} call
 * @returns {Explanation|null}  Only what is here already: nothing is asked for.
 */
export function knownExplanation(call) {
  const answer = call && asked.get(call)?.answer;
  return answer?.ok ? answer.json : null;
}

/**
 * @param {Explanation} explanation
 * @returns {Map<string, Set<string>>}  Ids of the rules that read a resource, by its reference.
 */
export function readersOf(explanation) {
  if (!indexes.has(explanation)) indexes.set(explanation, indexed(explanation));
  return indexes.get(explanation);
}

/**
 * What a rule that fired rests on: the leaves that hold, on the ways that hold, each text once.
 *
 * @param {RuleExplained} rule
 * @param {Object<string, Criterion>} definitions
 * @returns {Evidence[]}
 */
export function reasonsOf(rule, definitions) {
  const found = new Map();
  const ways = rule.branches.filter((branch) => branch.runsAtThisHook && branch.gate.answer === "match");
  const first = ways.filter((branch) => branch.id === rule.branch);
  for (const branch of first.length ? first : ways) {
    const gate = branch.gate.words ? [{ text: branch.gate.words }] : [];
    for (const item of [...leaves(branch.when, definitions, new Set()), ...gate]) {
      if (!found.has(item.text)) found.set(item.text, item);
    }
  }
  return [...found.values()];
}

/** Of what holds; nothing speaks for "none of these" but its own words. */
function leaves(criterion, definitions, opened) {
  if (criterion.answer !== "match") return [];
  if (criterion.evidence?.length) return criterion.evidence;
  if (criterion.text === "none") return [];
  const named = (criterion.meets ?? []).filter((name) => !opened.has(name) && definitions[name]);
  for (const name of named) opened.add(name);
  const parts = [...(criterion.parts ?? []), ...named.map((name) => definitions[name])];
  const found = parts.flatMap((part) => leaves(part, definitions, opened));
  if (found.length || criterion.parts) return found;
  return [{ text: criterion.text }];
}

function indexed({ rules, definitions }) {
  const readers = new Map();
  for (const rule of rules) {
    for (const source of sourcesOf(rule, definitions)) {
      if (!readers.has(source)) readers.set(source, new Set());
      readers.get(source).add(rule.ruleId);
    }
  }
  return readers;
}

function sourcesOf(rule, definitions) {
  const [found, opened] = [new Set(), new Set()];
  const walk = (criterion) => {
    for (const item of criterion.evidence ?? []) if (item.source) found.add(item.source);
    (criterion.parts ?? []).forEach(walk);
    for (const name of criterion.meets ?? []) {
      if (opened.has(name) || !definitions[name]) continue;
      opened.add(name);
      walk(definitions[name]);
    }
  };
  for (const branch of rule.branches) [branch.when, ...(branch.unless ?? [])].filter(Boolean).forEach(walk);
  return found;
}
