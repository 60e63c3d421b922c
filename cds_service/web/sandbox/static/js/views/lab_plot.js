/** One small trend: values over time, the reference range shaded, thresholds as labelled lines. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { counted, day, dayAndTime, instant } from "../format.js";
import { scaleOf } from "../lab_scale.js";
import { doubtsOf, heightOf, isDrawn, isSure, newestOf, valueOf } from "../lab_values.js";
import { ring, shade, threshold } from "./lab_marks.js";

const HEIGHT = 108;
const DAY = 86400;
const FONT = "11px";
const HALF_A_DATE = 18;
/** Pixels between points that can still be told apart. */
const LEAST_STEP = 5;

/** `<lab-plot .series .highlight .fired>`: drawn anew when one of them, its width or the theme changes. */
class LabPlot extends HTMLElement {
  #plot = null;
  #watch = null;
  #wanted = { series: null, highlight: null, fired: "" };
  #redraw = () => this.#draw();

  set series(value) {
    this.#want("series", value);
  }

  set highlight(value) {
    this.#want("highlight", value);
  }

  /** Ids of the rules that fired, in one text: a new Set every time would always be another one. */
  set fired(value) {
    this.#want("fired", value);
  }

  connectedCallback() {
    this.setAttribute("role", "img");
    this.#watch = new ResizeObserver(() => this.#fit());
    this.#watch.observe(this);
    document.addEventListener("themechange", this.#redraw);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#redraw);
    this.#draw();
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    document.removeEventListener("themechange", this.#redraw);
    window.matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#redraw);
    this.#plot?.destroy();
    this.#plot = null;
  }

  #want(name, value) {
    if (this.#wanted[name] === value) return;
    this.#wanted[name] = value;
    if (this.isConnected) queueMicrotask(this.#redraw);
  }

  #fit() {
    const width = Math.floor(this.clientWidth);
    if (width > 0 && this.#plot?.width !== width) this.#draw();
  }

  #draw() {
    const width = Math.floor(this.clientWidth);
    const { series, highlight, fired } = this.#wanted;
    if (!series || width <= 0 || !this.isConnected) return;
    this.setAttribute("aria-label", spokenTrend(series));
    this.#plot?.destroy();
    const scale = scaleOf(series, new Set(fired.split(" ")));
    const data = dataOf(series);
    this.#plot = new uPlot(optionsOf(series, data, scale, highlight, width, inks(this)), data, this);
    this.#plot.over.append(this.#readout(series));
  }

  /** Show the value under the pointer; for the keyboard and for screen readers there is the table. */
  #readout(series) {
    const place = document.createElement("output");
    place.className = "readout";
    place.setAttribute("aria-hidden", "true");
    this.#plot.over.addEventListener("pointermove", () => {
      const point = series.points[this.#plot.cursor.idx ?? -1];
      place.textContent = point ? [dayAndTime(point.date), valueOf(series, point), ...doubtsOf(point)].join("  ") : "";
    });
    this.#plot.over.addEventListener("pointerleave", () => {
      place.textContent = "";
    });
    return place;
  }
}

customElements.define("lab-plot", LabPlot);

/** Sure results of before the day that is looked at, those of after it, and those that are not sure, over their times. */
function dataOf(series) {
  const times = series.points.map((point) => instant(point.date) / 1000);
  const value = (isShown) => series.points.map((point) => (isDrawn(point) && isShown(point) ? heightOf(point) : null));
  const sure = (isAfter) => value((point) => isSure(point) && point.after === isAfter);
  return [times, sure(false), sure(true), value((point) => !isSure(point))];
}

function optionsOf(series, data, scale, highlight, width, ink) {
  const { band, lines, min, max } = scale;
  const isCrowded = series.points.length > width / LEAST_STEP;
  return {
    width,
    height: HEIGHT,
    padding: [6, 8, 0, 0],
    legend: { show: false },
    cursor: { y: false, drag: { x: false, y: false }, points: { size: 9 } },
    scales: { x: { time: true, range: timeRange(series.points.filter(isDrawn).map((point) => instant(point.date) / 1000)) }, y: { range: [min, max] } },
    axes: [timeAxis(ink), valueAxis(ink)],
    series: [{}, trend(ink.line, ink.line, [], isCrowded), trend(ink.soft, ink.paper, [3, 3], isCrowded), trend(ink.limit, ink.paper, null, false)],
    hooks: {
      drawClear: [(plot) => shade(plot, band, ink)],
      draw: [(plot) => threshold(plot, lines, ink), (plot) => ring(plot, series, highlight, ink)],
    },
  };
}

/** A line with its points; points alone without a `dash`, the line alone where the points would run together. */
function trend(stroke, fill, dash, isCrowded) {
  const points = { show: !isCrowded, size: 6, width: 1.4, stroke, fill };
  return { stroke, width: dash ? 1.6 : 0, dash: dash ?? [], spanGaps: true, points, ...(dash ? {} : { paths: () => null }) };
}

/** From the times themselves: of a single one the drawing library makes a span of years to come. */
function timeRange(times) {
  const [least, most] = [Math.min(...times), Math.max(...times)];
  const room = Math.max((most - least) * 0.04, DAY / 2);
  return least === most ? [least - 15 * DAY, most + 15 * DAY] : [least - room, most + room];
}

function timeAxis(ink) {
  return {
    stroke: ink.soft,
    font: `${FONT} ${ink.font}`,
    size: 22,
    gap: 3,
    space: 64,
    grid: { show: false },
    ticks: { stroke: ink.rule, width: 1, size: 4 },
    values: dateMarks,
  };
}

function valueAxis(ink) {
  const plain = { stroke: ink.soft, font: `${FONT} ${ink.font}`, size: 38, gap: 4, space: 20 };
  return { ...plain, grid: { stroke: ink.rule, width: 1 }, ticks: { show: false }, values: marks };
}

/** Write all marks of an axis with the decimals the finest needs. */
function marks(_plot, splits) {
  const step = splits.length > 1 ? splits[1] - splits[0] : 1;
  const decimals = Math.max(0, Math.min(4, -Math.floor(Math.log10(step) + 1e-9)));
  const finer = Math.abs(step * 10 ** decimals - Math.round(step * 10 ** decimals)) > 1e-6 ? decimals + 1 : decimals;
  return splits.map((split) => split.toFixed(finer));
}

/** A date at the very edge would be cut off: none is better. Within a day or two each is written once. */
function dateMarks(plot, splits) {
  const fits = (split) => plot.valToPos(split, "x") < plot.bbox.width / uPlot.pxRatio - HALF_A_DATE;
  const words = splits.map((split) => dateMark(split, splits.at(-1) - splits[0]));
  return splits.map((split, at) => (fits(split) && words[at] !== words[at - 1] ? words[at] : null));
}

function dateMark(seconds, span) {
  const text = new Date(seconds * 1000).toISOString();
  if (span > 3 * 365 * DAY) return text.slice(0, 4);
  return span > 45 * DAY ? text.slice(0, 7) : text.slice(5, 10);
}

/** Return the colors of the theme: a canvas does not read variables of the style sheet. */
function inks(element) {
  const probe = element.ownerDocument.createElement("i");
  element.append(probe);
  const found = {};
  const names = { line: "accent", soft: "ink-soft", rule: "line-soft", band: "band", limit: "limit", quiet: "ink-soft", paper: "surface", cited: "cited-edge" };
  for (const [ink, variable] of Object.entries(names)) {
    probe.style.color = `var(--${variable})`;
    found[ink] = getComputedStyle(probe).color;
  }
  found.font = getComputedStyle(element).fontFamily;
  probe.remove();
  return found;
}

function spokenTrend(series) {
  const newest = newestOf(series) ?? series.points.at(-1);
  const told = [valueOf(series, newest), ...doubtsOf(newest)].join(", ");
  return `${series.title}: ${counted(series.points.length, "value")} from ${day(series.points[0].date)}, newest ${told} on ${day(newest.date)}`;
}
