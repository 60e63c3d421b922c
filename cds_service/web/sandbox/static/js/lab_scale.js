/** Where a series is drawn: its extent, the range to shade, and the thresholds worth a line. */

import { heightOf, isDrawn, limitOf, newestOf, rangeOf } from "./lab_values.js";

const MOST_LINES = 3;
const MOST_QUIET_LINES = 2;
const ROOM = 0.12;
const BRIEF_DIGITS = 3;

/**
 * @typedef {object} Scale
 * @property {number} min
 * @property {number} max
 * @property {{low: number|null, high: number|null}|null} band
 * @property {{value: number, label: string, isFired: boolean}[]} lines  By value.
 */

/**
 * @param {import("./state.js").Series} series  With one number at least.
 * @param {Set<string>} fired  Ids of the rules that fired: their thresholds come first.
 * @returns {Scale}
 */
export function scaleOf(series, fired) {
  const values = series.points.filter(isDrawn).map(heightOf);
  const band = bandOf(series);
  const edges = [...values, band?.low, band?.high].filter((value) => value !== null && value !== undefined);
  const lines = linesOf(series, fired, Math.min(...edges), Math.max(...edges));
  const all = [...edges, ...lines.map((line) => line.value)];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const room = (most - least) * ROOM || Math.abs(most) * ROOM || 1;
  return { min: least >= 0 ? Math.max(0, least - room) : least - room, max: most + room, band, lines };
}

function bandOf(series) {
  const { low, high } = rangeOf(newestOf(series) ?? series.points.at(-1));
  if (!low && !high) return null;
  return { low: low ? Number(low) : null, high: high ? Number(high) : null };
}

/** Take those of rules that fired, else the two nearest to the newest value; far ones would flatten the trend. */
function linesOf(series, fired, least, most) {
  const span = most - least || Math.abs(most) || 1;
  const newest = heightOf(newestOf(series) ?? series.points.at(-1)) ?? most;
  const near = merged(series.thresholds, fired).filter((line) => line.value >= least - span / 2 && line.value <= most + span / 2);
  near.sort((one, other) => Math.abs(one.value - newest) - Math.abs(other.value - newest) || one.value - other.value);
  const telling = near.filter((line) => line.isFired);
  const taken = telling.length ? telling.slice(0, MOST_LINES) : near.slice(0, MOST_QUIET_LINES);
  return taken.sort((one, other) => one.value - other.value);
}

/** Many rules share a limit: one line for all, named by a rule that fired, else by how many they are. */
function merged(thresholds, fired) {
  const byValue = new Map();
  for (const item of thresholds) {
    const { value } = limitOf(item);
    byValue.set(value, [...(byValue.get(value) ?? []), item]);
  }
  return [...byValue].map(([value, items]) => {
    const telling = items.filter((item) => fired.has(item.ruleId));
    return { value: Number(value), label: `${brief(value)}: ${nameOf(telling, items)}`, isFired: telling.length > 0 };
  });
}

function nameOf(telling, items) {
  const titles = [...new Set((telling.length ? telling : items).map((item) => item.title))];
  titles.sort((one, other) => one.length - other.length || one.localeCompare(other));
  return telling.length || titles.length === 1 ? titles[0] : `${titles.length} rules`;
}

/** A limit that conversion made long is short in the drawing; the table of values has it whole. */
function brief(value) {
  return value.replace(/[-.]/g, "").length <= BRIEF_DIGITS ? value : String(Number(Number(value).toPrecision(BRIEF_DIGITS)));
}
