/** Numbers of a series as they are shown: in the unit of the record where the product gives it, else in its own. */

const DIGITS = 4;

/**
 * @param {import("./state.js").Series} series
 * @returns {string}
 */
export function unitOf(series) {
  return series.shownUnit || series.unit;
}

/**
 * @param {import("./state.js").Point} point
 * @returns {string} Its amount, "<" and the like included; the words of the record where it is no number.
 */
export function amountOf(point) {
  const value = point.shown?.value ?? rounded(point.value);
  return value === null ? point.reported : `${point.comparator ?? ""}${value}`;
}

/**
 * @param {import("./state.js").Point} point
 * @returns {number|null} For drawing alone; null where the result is no number.
 */
export function heightOf(point) {
  const value = point.shown?.value ?? point.value;
  return value === null || value === undefined || !Number.isFinite(Number(value)) ? null : Number(value);
}

/**
 * @param {import("./state.js").Point} point
 * @returns {boolean} Whether it can be drawn: a number of a known day.
 */
export function isDrawn(point) {
  return heightOf(point) !== null && point.date.length >= 10;
}

/**
 * @param {import("./state.js").Series} series
 * @param {import("./state.js").Point} point
 * @returns {string} Its amount with its unit.
 */
export function valueOf(series, point) {
  return heightOf(point) === null ? amountOf(point) : `${amountOf(point)} ${unitOf(series)}`;
}

/**
 * @param {import("./state.js").Point|null} point
 * @returns {string} "low", "high", "critically low"; empty inside the range and where that is not known.
 */
export function flagOf(point) {
  if (!["low", "high"].includes(point?.direction)) return "";
  return point.critical ? `critically ${point.direction}` : point.direction;
}

const DOUBTS = { unit: "unit doubtful", sample: "sample doubtful", unusable: "sample unusable" };

/**
 * @param {import("./state.js").Point|null} point
 * @returns {string[]} Why it is less than a final result: "preliminary", "sample doubtful".
 */
export function doubtsOf(point) {
  return [point?.preliminary ? "preliminary" : "", DOUBTS[point?.doubt] ?? ""].filter(Boolean);
}

/**
 * @param {import("./state.js").Point} point
 * @returns {boolean} Whether it is a sure number; others are drawn open and joined to nothing.
 */
export function isSure(point) {
  return !point.comparator && !doubtsOf(point).length;
}

/**
 * @param {import("./state.js").Point|null|undefined} point
 * @returns {{low: string|null, high: string|null}} The range its laboratory gave with it.
 */
export function rangeOf(point) {
  const { low, high } = point?.shown ?? {};
  return { low: low ?? rounded(point?.range?.low), high: high ?? rounded(point?.range?.high) };
}

/**
 * @param {import("./state.js").Point|null|undefined} point
 * @returns {string} "8.8 to 10.4"; empty where there is no range.
 */
export function rangeWords(point) {
  return spanWords(rangeOf(point));
}

/**
 * @param {import("./state.js").Series} series
 * @returns {string} The usual range of adults, in the unit that is shown; empty where there is none.
 */
export function usualWords(series) {
  return spanWords(series.usualShown ?? series.usual ?? { low: null, high: null });
}

function spanWords({ low, high }) {
  if (low && high) return `${low} to ${high}`;
  if (low) return `from ${low}`;
  return high ? `up to ${high}` : "";
}

/**
 * @param {{value: string, text: string, shown?: string, shownText?: string}} threshold
 * @returns {{value: string, text: string}}
 */
export function limitOf(threshold) {
  return { value: threshold.shown ?? threshold.value, text: threshold.shownText ?? threshold.text };
}

/**
 * @param {import("./state.js").Series} series
 * @returns {import("./state.js").Point|null} The newest value at the instant the patient is judged at.
 */
export function newestOf(series) {
  return series.points.findLast((point) => !point.after) ?? null;
}

/** Shorten what conversion made long; a number that is short enough stays letter by letter. */
function rounded(value) {
  if (value === null || value === undefined) return null;
  return value.replace(/[-.]/g, "").replace(/^0+/, "").length <= DIGITS ? value : String(Number(Number(value).toPrecision(DIGITS)));
}
