/** One small trend: values over time, the reference range shaded, thresholds as labelled lines. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";
import { day, instant } from "../format.js";
import { newestOf, scaleOf } from "../lab_scale.js";

const HEIGHT = 108;
const DAY = 86400;
const FONT = "11px";

/** `<lab-plot .series .highlight .asOf>`: drawn anew when one of them, its width or the theme changes. */
class LabPlot extends HTMLElement {
  #plot = null;
  #watch = null;
  #wanted = { series: null, highlight: null, asOf: "" };
  #redraw = () => this.#draw();

  set series(value) {
    this.#want("series", value);
  }

  set highlight(value) {
    this.#want("highlight", value);
  }

  set asOf(value) {
    this.#want("asOf", value);
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
    const { series, highlight } = this.#wanted;
    if (!series || width <= 0 || !this.isConnected) return;
    this.setAttribute("aria-label", spokenTrend(series));
    this.#plot?.destroy();
    const scale = scaleOf(series);
    this.#plot = new uPlot(optionsOf(series, scale, highlight, width, inks(this)), dataOf(series), this);
  }
}

customElements.define("lab-plot", LabPlot);

function dataOf(series) {
  const times = series.points.map((point) => instant(point.date) / 1000);
  const value = (isShown) => series.points.map((point) => (isShown(point) ? Number(point.value) : null));
  return [times, value((point) => !point.after), value((point) => point.after)];
}

function optionsOf(series, scale, highlight, width, ink) {
  const { band, lines, min, max } = scale;
  return {
    width,
    height: HEIGHT,
    padding: [6, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    scales: { x: { time: true, range: timeRange }, y: { range: [min, max] } },
    axes: [timeAxis(ink), valueAxis(ink)],
    series: [{}, trend(ink.line, ink.line, []), trend(ink.soft, ink.paper, [3, 3])],
    hooks: {
      drawClear: [(plot) => shade(plot, band, ink)],
      draw: [(plot) => threshold(plot, lines, ink), (plot) => ring(plot, series, highlight, ink)],
    },
  };
}

function trend(stroke, fill, dash) {
  return { stroke, width: 1.6, dash, spanGaps: true, points: { show: true, size: 6, width: 1.4, stroke, fill } };
}

function timeRange(_plot, least, most) {
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
    values: (_plot, splits) => splits.map((split) => dateMark(split, splits.at(-1) - splits[0])),
  };
}

function valueAxis(ink) {
  const plain = { stroke: ink.soft, font: `${FONT} ${ink.font}`, size: 38, gap: 4, space: 26 };
  return { ...plain, grid: { stroke: ink.rule, width: 1 }, ticks: { show: false } };
}

function dateMark(seconds, span) {
  const text = new Date(seconds * 1000).toISOString();
  if (span > 3 * 365 * DAY) return text.slice(0, 4);
  return span > 45 * DAY ? text.slice(0, 7) : text.slice(5, 10);
}

function shade(plot, band, ink) {
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

/** Draw each threshold; a name that would run into the one before is left to the table of values. */
function threshold(plot, lines, ink) {
  const { ctx, bbox } = plot;
  const ratio = uPlot.pxRatio;
  let free = Infinity;
  ctx.save();
  ctx.font = `${10.5 * ratio}px ${ink.font}`;
  ctx.textAlign = "right";
  for (const line of lines) {
    const at = plot.valToPos(line.value, "y", true);
    stroke(ctx, bbox, at, ink.limit, ratio);
    if (free - at < 12 * ratio || at - 12 * ratio < bbox.top - 6 * ratio) continue;
    name(ctx, line.label, bbox, at - 3 * ratio, ink, ratio);
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

/** Write over a rim of the paper's color, so that a trend that passes behind it does not hide it. */
function name(ctx, label, bbox, at, ink, ratio) {
  const words = shortened(ctx, label, bbox.width * 0.75);
  ctx.setLineDash([]);
  ctx.lineJoin = "round";
  ctx.lineWidth = 3 * ratio;
  ctx.strokeStyle = ink.paper;
  ctx.fillStyle = ink.limit;
  ctx.strokeText(words, bbox.left + bbox.width - 2 * ratio, at);
  ctx.fillText(words, bbox.left + bbox.width - 2 * ratio, at);
}

function shortened(ctx, label, width) {
  let words = label;
  while (words.length > 4 && ctx.measureText(words).width > width) words = `${words.slice(0, -2).trimEnd()}…`;
  return words;
}

function ring(plot, series, highlight, ink) {
  const point = series.points.find((item) => item.source === highlight);
  if (!point) return;
  const { ctx } = plot;
  ctx.save();
  ctx.strokeStyle = ink.cited;
  ctx.lineWidth = 2.5 * uPlot.pxRatio;
  ctx.beginPath();
  const [x, y] = [plot.valToPos(instant(point.date) / 1000, "x", true), plot.valToPos(Number(point.value), "y", true)];
  ctx.arc(x, y, 7 * uPlot.pxRatio, 0, 2 * Math.PI);
  ctx.stroke();
  ctx.restore();
}

/** Return the colors of the theme: a canvas does not read variables of the style sheet. */
function inks(element) {
  const probe = element.ownerDocument.createElement("i");
  element.append(probe);
  const found = {};
  const names = { line: "accent", soft: "ink-soft", rule: "line-soft", band: "band", limit: "limit", paper: "surface", cited: "cited-edge" };
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
  const first = series.points[0];
  const count = series.points.length;
  return `${series.title}: ${count} values from ${day(first.date)}, newest ${newest.value} ${series.unit} on ${day(newest.date)}`;
}
