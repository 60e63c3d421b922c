/** What is drawn on a trend beside its line: the reference range, thresholds with their names, the point that is cited. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { instant } from "../format.js";
import { heightOf } from "../lab_values.js";

const NAME_SIZE = 10.5;
const LINE_HEIGHT = 13;
/** How far a name stands above its line. */
const LIFT = 5;
const SAMPLES = 8;

/**
 * Shade the reference range.
 *
 * @param {object} plot  A uPlot.
 * @param {{low: number|null, high: number|null}|null} band  null on a side: open there.
 * @param {Object<string, string>} ink
 */
export function shade(plot, band, ink) {
  if (!band) return;
  const { ctx, bbox } = plot;
  const top = band.high === null ? bbox.top : clipped(plot, band.high);
  const bottom = band.low === null ? bbox.top + bbox.height : clipped(plot, band.low);
  ctx.save();
  ctx.fillStyle = ink.band;
  ctx.fillRect(bbox.left, top, bbox.width, bottom - top);
  ctx.restore();
}

function clipped(plot, value) {
  const at = plot.valToPos(value, "y", true);
  return Math.min(Math.max(at, plot.bbox.top), plot.bbox.top + plot.bbox.height);
}

/**
 * Draw each threshold; a name that would run into the one above is left to the table of values.
 *
 * @param {object} plot
 * @param {{value: number, label: string, isFired: boolean}[]} lines  By value.
 * @param {Object<string, string>} ink
 */
export function threshold(plot, lines, ink) {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  let free = Infinity;
  ctx.save();
  ctx.font = `${NAME_SIZE * ratio}px ${ink.font}`;
  ctx.textAlign = "left";
  ctx.textBaseline = "alphabetic";
  const heights = lines.map((line) => plot.valToPos(line.value, "y", true));
  const colors = lines.map((line) => (line.isFired ? ink.limit : ink.quiet));
  lines.forEach((_, index) => stroke(ctx, bbox, heights[index], colors[index], ratio)); // all below the names
  for (const [index, line] of lines.entries()) {
    const [at, color] = [heights[index], colors[index]];
    if (free - at < LINE_HEIGHT * ratio || at - LINE_HEIGHT * ratio < 0) continue;
    name(plot, line.label, at - LIFT * ratio, color, ink.paper);
    free = at;
  }
  ctx.restore();
}

function stroke(ctx, bbox, at, color, ratio) {
  ctx.strokeStyle = color;
  ctx.lineWidth = ratio;
  ctx.setLineDash([4 * ratio, 3 * ratio]);
  ctx.beginPath();
  ctx.moveTo(bbox.left, at);
  ctx.lineTo(bbox.left + bbox.width, at);
  ctx.stroke();
}

/** Write at the end where the trend is farther away, over a rim of the paper's color. */
function name(plot, label, at, color, paper) {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  const words = shortened(ctx, label, bbox.width * 0.75);
  const width = ctx.measureText(words).width;
  const left = bbox.left + 2 * ratio;
  const right = bbox.left + bbox.width - width - 2 * ratio;
  const isRight = clearance(plot, right, width, at) >= clearance(plot, left, width, at);
  ctx.setLineDash([]);
  ctx.lineJoin = "round";
  ctx.lineWidth = 3 * ratio;
  ctx.strokeStyle = paper;
  ctx.fillStyle = color;
  ctx.strokeText(words, isRight ? right : left, at);
  ctx.fillText(words, isRight ? right : left, at);
}

/** Return how far the trend stays from a name that begins at `from`, at the height `at` (pixels of the canvas). */
function clearance(plot, from, width, at) {
  const distances = [];
  for (let step = 0; step <= SAMPLES; step += 1) {
    const height = heightAt(plot, from + (width * step) / SAMPLES);
    if (height !== null) distances.push(Math.abs(height - (at - LIFT)));
  }
  return Math.min(Infinity, ...distances);
}

/** Return where the trend passes a place on the horizontal axis; null before its begin and after its end. */
function heightAt(plot, x) {
  const { min, max } = plot.scales.x;
  const exact = min + ((x - plot.bbox.left) / plot.bbox.width) * (max - min);
  const [times, before, after] = plot.data;
  const next = times.findIndex((item) => item >= exact);
  if (next < 1) return null;
  const value = (index) => before[index] ?? after[index];
  if (value(next) === null || value(next - 1) === null) return null;
  const share = (exact - times[next - 1]) / (times[next] - times[next - 1] || 1);
  return plot.valToPos(value(next - 1) + share * (value(next) - value(next - 1)), "y", true);
}

function shortened(ctx, label, width) {
  let words = label;
  while (words.length > 4 && ctx.measureText(words).width > width) words = `${words.slice(0, -2).trimEnd()}…`;
  return words;
}

/**
 * Draw a ring around the point a card or a reason cites.
 *
 * @param {object} plot
 * @param {import("../state.js").Series} series
 * @param {string|null} highlight  "Observation/1"
 * @param {Object<string, string>} ink
 */
export function ring(plot, series, highlight, ink) {
  const point = series.points.find((item) => item.source === highlight);
  if (!point || heightOf(point) === null) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = ink.cited;
  ctx.lineWidth = 2.5 * uPlot.pxRatio;
  ctx.beginPath();
  const [x, y] = [plot.valToPos(instant(point.date) / 1000, "x", true), plot.valToPos(heightOf(point), "y", true)];
  ctx.arc(x, y, 7 * uPlot.pxRatio, 0, 2 * Math.PI);
  ctx.stroke();
  ctx.restore();
}
