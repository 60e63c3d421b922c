/** Figures of the feedback: days made whole, weeks of long times, reasons, shares. No template and no clock in here. */

const DAY_MS = 86400000;
const MOST_DAYS_SINGLY = 45;
const COUNTED = ["shown", "accepted", "overridden"];
/** The key of dismissals without a coded reason; those with one have "code:" before it. */
export const UNCODED = "none";

/**
 * @typedef {object} Step  A day, or a week named by its first day.
 * @property {string} day
 * @property {number} shown
 * @property {number} accepted
 * @property {number} overridden
 */

/**
 * @typedef {object} Reason
 * @property {string} key      In addresses of the page.
 * @property {string} display
 * @property {number} count
 * @property {number[]} counts  By step.
 */

/**
 * @param {number} days
 * @returns {"day"|"week"} What a step of so long a time is.
 */
export function unitOf(days) {
  return days > MOST_DAYS_SINGLY ? "week" : "day";
}

/**
 * Put the days of some rules together; days on which nothing happened are there with zeros.
 *
 * @param {{byDay: Step[]}[]} rules
 * @param {string} last  The last day, "2026-11-21" (UTC).
 * @param {number} days  How many there are, the last one included.
 * @returns {Step[]} By day; by week where the time is long, the last week ending with the last day.
 */
export function stepsOf(rules, last, days) {
  const time = timeOf(last, days);
  const steps = time.days.map((day) => ({ day, shown: 0, accepted: 0, overridden: 0 }));
  for (const row of rules.flatMap((rule) => rule.byDay)) {
    const step = steps[time.placeOf(row.day)];
    for (const name of step ? COUNTED : []) step[name] += row[name];
  }
  return steps;
}

/**
 * Put the reasons of some rules together, the most frequent first; dismissals without a coded reason come last.
 *
 * @param {{byDay: object[], reasons: object[]}[]} rules
 * @param {string} last
 * @param {number} days
 * @returns {Reason[]} With the same steps as `stepsOf`.
 */
export function reasonsOf(rules, last, days) {
  const time = timeOf(last, days);
  const names = new Map(rules.flatMap((rule) => rule.reasons).map((reason) => [`code:${reason.code}`, reason.display]));
  const found = new Map();
  const add = (key, step, count) => {
    if (!found.has(key)) found.set(key, { key, display: names.get(key) ?? "No coded reason", count: 0, counts: time.days.map(() => 0) });
    found.get(key).count += count;
    if (step in time.days) found.get(key).counts[step] += count;
  };
  for (const row of rules.flatMap((rule) => rule.byDay)) {
    const step = time.placeOf(row.day);
    for (const { code, count } of row.reasons) add(`code:${code}`, step, count);
    if (uncoded(row) > 0) add(UNCODED, step, uncoded(row));
  }
  return [...found.values()].sort(byCount);
}

/**
 * @param {{overridden: number, reasons: {code: string, count: number}[]}} row  A rule or a day.
 * @param {string} key  Of a reason.
 * @returns {number} How often it was given.
 */
export function countOf(row, key) {
  if (key === UNCODED) return uncoded(row);
  return row.reasons.find((reason) => `code:${reason.code}` === key)?.count ?? 0;
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
 * @param {number} count
 * @param {number} of
 * @returns {string} "60 %"; empty where there is nothing to take it of.
 */
export function percent(count, of) {
  return of > 0 ? `${Math.round((100 * count) / of)} %` : "";
}

/** Return the first days of the steps of a time, and which step a day is in (-1: none). */
function timeOf(last, days) {
  const length = (unitOf(days) === "week" ? 7 : 1) * DAY_MS;
  const end = Date.parse(last) + DAY_MS;
  const count = Math.ceil((days * DAY_MS) / length);
  const first = (index) => new Date(end - (count - index) * length).toISOString().slice(0, 10);
  const placeOf = (day) => count - Math.ceil((end - Date.parse(day)) / length);
  return { days: Array.from({ length: count }, (_, index) => first(index)), placeOf };
}

function uncoded(row) {
  return row.overridden - row.reasons.reduce((sum, reason) => sum + reason.count, 0);
}

function byCount(one, other) {
  const isLast = (reason) => Number(reason.key === UNCODED);
  return isLast(one) - isLast(other) || other.count - one.count || one.key.localeCompare(other.key);
}
