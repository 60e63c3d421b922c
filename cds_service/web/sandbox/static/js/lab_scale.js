/** Where a series is drawn: its extent, the thresholds worth a line, and how its newest value stands. */

const MOST_LINES = 3;
const ROOM = 0.12;

/**
 * @param {import("./state.js").Series} series
 * @returns {import("./state.js").Point|null} The newest value at the instant the patient is judged at.
 */
export function newestOf(series) {
  return series.points.findLast((point) => !point.after) ?? null;
}

/**
 * @param {import("./state.js").Point|null} point
 * @returns {"low"|"high"|"within"|"unknown"} How it stands to the range of its own laboratory.
 */
export function standing(point) {
  const range = point?.range;
  if (!range || (!range.low && !range.high)) return "unknown";
  if (range.low && Number(point.value) < Number(range.low)) return "low";
  return range.high && Number(point.value) > Number(range.high) ? "high" : "within";
}

/**
 * @param {import("./state.js").Series} series
 * @returns {{min: number, max: number, band: {low: number|null, high: number|null}|null, lines: {value: number, label: string}[]}}
 *   What the vertical axis spans, the range to shade, and the thresholds to draw.
 */
export function scaleOf(series) {
  const values = series.points.map((point) => Number(point.value));
  const band = bandOf(series);
  const edges = [...values, band?.low, band?.high].filter((value) => value !== null && value !== undefined);
  const lines = linesOf(series, Math.min(...edges), Math.max(...edges));
  const all = [...edges, ...lines.map((line) => line.value)];
  const [least, most] = [Math.min(...all), Math.max(...all)];
  const room = (most - least) * ROOM || Math.abs(most) * ROOM || 1;
  return { min: least >= 0 ? Math.max(0, least - room) : least - room, max: most + room, band, lines };
}

function bandOf(series) {
  const range = (newestOf(series) ?? series.points.at(-1))?.range;
  if (!range || (!range.low && !range.high)) return null;
  return { low: range.low ? Number(range.low) : null, high: range.high ? Number(range.high) : null };
}

/** Take the thresholds nearest to the newest value; those far outside what is drawn would flatten it. */
function linesOf(series, least, most) {
  const span = most - least || Math.abs(most) || 1;
  const newest = Number((newestOf(series) ?? series.points.at(-1)).value);
  const near = [...merged(series.thresholds)].filter((line) => line.value >= least - span / 2 && line.value <= most + span / 2);
  near.sort((one, other) => Math.abs(one.value - newest) - Math.abs(other.value - newest) || one.value - other.value);
  return near.slice(0, MOST_LINES).sort((one, other) => one.value - other.value);
}

function merged(thresholds) {
  const byValue = new Map();
  for (const item of thresholds) {
    const known = byValue.get(item.value) ?? [];
    if (!known.includes(item.title)) byValue.set(item.value, [...known, item.title]);
  }
  return [...byValue].map(([value, titles]) => ({ value: Number(value), label: labelOf(value, titles) }));
}

function labelOf(value, titles) {
  return titles.length === 1 ? `${value} ${titles[0]}` : `${value} ${titles[0]} +${titles.length - 1}`;
}
