/** Figures of the feedback: days made whole, weeks of long times, shares. No template and no clock in here. */

const DAY_MS = 86400000;
const MOST_DAYS_SINGLY = 45;
export const COUNTED = ["shown", "accepted", "overridden"];

/**
 * @typedef {object} Step  A day, or a week named by its first day.
 * @property {string} day
 * @property {number} shown
 * @property {number} accepted
 * @property {number} overridden
 */

/**
 * Put the days of some rules together; days on which nothing happened are there with zeros.
 *
 * @param {{byDay: Step[]}[]} rules
 * @param {string} last  The last day, "2026-11-21" (UTC).
 * @param {number} days  How many there are, the last one included.
 * @returns {Step[]} By day; by week where the time is long, the last week ending with the last day.
 */
export function stepsOf(rules, last, days) {
  const length = days > MOST_DAYS_SINGLY ? 7 : 1;
  const end = Date.parse(last) + DAY_MS;
  const count = Math.ceil(days / length);
  const steps = Array.from({ length: count }, (_, index) => emptyStep(end - (count - index) * length * DAY_MS));
  for (const row of rules.flatMap((rule) => rule.byDay)) {
    const step = steps[count - Math.ceil((end - Date.parse(row.day)) / (length * DAY_MS))];
    for (const name of step ? COUNTED : []) step[name] += row[name];
  }
  return steps;
}

function emptyStep(time) {
  return { day: new Date(time).toISOString().slice(0, 10), shown: 0, accepted: 0, overridden: 0 };
}

/**
 * @param {{accepted: number, overridden: number, ignored: number}} row
 * @returns {{name: string, count: number, share: number}[]} Parts of what became of cards, in percent of their sum.
 */
export function parts(row) {
  const names = ["accepted", "overridden", "ignored"];
  const sum = names.reduce((total, name) => total + row[name], 0);
  return names.map((name) => ({ name, count: row[name], share: sum ? (100 * row[name]) / sum : 0 }));
}

/**
 * Put the reasons of some rules together, the most frequent first; dismissals without a coded reason come last.
 *
 * @param {{overridden: number, reasons: {code: string, display: string, count: number}[]}[]} rules
 * @returns {{code: string|null, display: string, count: number}[]}
 */
export function reasonsOf(rules) {
  const found = new Map();
  for (const reason of rules.flatMap((rule) => rule.reasons)) {
    const known = found.get(reason.code) ?? { ...reason, count: 0 };
    found.set(reason.code, { ...known, count: known.count + reason.count });
  }
  const coded = [...found.values()].sort((one, other) => other.count - one.count || one.code.localeCompare(other.code));
  const open = rules.reduce((sum, rule) => sum + rule.overridden, 0) - coded.reduce((sum, row) => sum + row.count, 0);
  return open > 0 ? [...coded, { code: null, display: "No coded reason", count: open }] : coded;
}

/**
 * @param {number} count
 * @param {number} of
 * @returns {string} "60 %"; empty where there is nothing to take it of.
 */
export function percent(count, of) {
  return of > 0 ? `${Math.round((100 * count) / of)} %` : "";
}
