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
  const { low, high } = rangeOf(point);
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
