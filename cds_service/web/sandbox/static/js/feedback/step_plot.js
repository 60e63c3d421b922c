/** Cards shown and answers that came in, by day or week: bars for the answers, a line for the cards. */

import uPlot from "../../vendor/uplot/uPlot.esm.js";

const HEIGHT = 220;
const INKS = { accepted: "accepted", overridden: "overridden", shown: "ink-soft", soft: "ink-soft", rule: "line-soft", paper: "surface" };
const DAY = 86400;

/** `<step-plot .steps .label>`: drawn anew when the steps, its width or the theme changes. */
class StepPlot extends HTMLElement {
  #plot = null;
  #watch = null;
  #steps = null;
  #redraw = () => this.#draw();

  set steps(value) {
    this.#steps = value;
    if (this.isConnected) queueMicrotask(this.#redraw);
  }

  connectedCallback() {
    this.setAttribute("role", "img");
    this.#watch = new ResizeObserver(() => Math.floor(this.clientWidth) !== this.#plot?.width && this.#draw());
    this.#watch.observe(this);
    document.addEventListener("themechange", this.#redraw);
    window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", this.#redraw);
  }

  disconnectedCallback() {
    this.#watch?.disconnect();
    document.removeEventListener("themechange", this.#redraw);
    window.matchMedia("(prefers-color-scheme: dark)").removeEventListener("change", this.#redraw);
    this.#plot?.destroy();
    this.#plot = null;
  }

  #draw() {
    const width = Math.floor(this.clientWidth);
    if (!this.#steps?.length || width <= 0 || !this.isConnected) return;
    this.#plot?.destroy();
    this.#plot = new uPlot(optionsOf(width, inks(this)), dataOf(this.#steps), this);
  }
}

customElements.define("step-plot", StepPlot);

/** Both bars stand on zero: the taller holds all answers, the other hides its lower part. */
function dataOf(steps) {
  return [
    steps.map((step) => Date.parse(step.day) / 1000),
    steps.map((step) => step.accepted + step.overridden),
    steps.map((step) => step.accepted),
    steps.map((step) => step.shown),
  ];
}

function optionsOf(width, ink) {
  const bars = uPlot.paths.bars({ size: [0.7, 26], align: 0 });
  const bar = (color) => ({ paths: bars, fill: color, stroke: color, width: 0, points: { show: false } });
  return {
    width,
    height: HEIGHT,
    padding: [10, 8, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    scales: { x: { time: true, range: roomForBars }, y: { range: (_plot, _least, most) => [0, Math.max(4, most * 1.08)] } },
    axes: [timeAxis(ink), countAxis(ink)],
    series: [
      {},
      bar(ink.overridden),
      bar(ink.accepted),
      { stroke: ink.shown, width: 1.6, points: { show: true, size: 5, stroke: ink.shown, fill: ink.paper } },
    ],
  };
}

function roomForBars(plot, least, most) {
  const times = plot.data[0];
  const step = times.length > 1 ? times[1] - times[0] : DAY;
  return [least - step * 0.6, most + step * 0.6];
}

function timeAxis(ink) {
  const looks = { stroke: ink.soft, font: `11px ${ink.font}`, size: 24, gap: 4 };
  const values = (_plot, splits) => splits.map((split) => new Date(split * 1000).toISOString().slice(5, 10));
  return { ...looks, splits: everyFew, grid: { show: false }, ticks: { stroke: ink.rule, width: 1, size: 4 }, values };
}

/** Mark steps themselves, the last one always, as many as have room for a date. */
function everyFew(plot) {
  const times = plot.data[0];
  const few = Math.ceil((times.length * 56) / (plot.width - 50));
  return times.filter((_, index) => (times.length - 1 - index) % few === 0);
}

function countAxis(ink) {
  const looks = { stroke: ink.soft, font: `11px ${ink.font}`, size: 38, gap: 6, space: 34 };
  const incrs = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000];
  return { ...looks, incrs, grid: { stroke: ink.rule, width: 1 }, ticks: { show: false } };
}

/** Return the colors of the theme: a canvas does not read variables of the style sheet. */
function inks(element) {
  const probe = element.ownerDocument.createElement("i");
  element.append(probe);
  const found = {};
  for (const [ink, variable] of Object.entries(INKS)) {
    probe.style.color = `var(--${variable})`;
    found[ink] = getComputedStyle(probe).color;
  }
  found.font = getComputedStyle(element).fontFamily;
  probe.remove();
  return found;
}
