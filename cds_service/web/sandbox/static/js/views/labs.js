/** Results over time, as the product reads them: one tile for each analyte, its values also as a table. */

import { html, nothing, repeat } from "../html.js";
import { icon } from "../icons.js";
import { counted, day, dayAndTime } from "../format.js";
import { state, update } from "../state.js";
import { newestOf, standing } from "../lab_scale.js";
import "./lab_plot.js";

/**
 * @param {string} title
 * @param {import("../state.js").Series[]|undefined} series  undefined while they are on their way.
 * @param {object[]|null} resources
 * @returns {object} The template.
 */
export function seriesSection(title, series, resources) {
  if (!series) return html`<section class="block"><h2>${title}</h2><p class="soft">Loading.</p></section>`;
  if (!series.length) return html`<section class="block"><h2>${title}</h2><p class="soft">None on record that the service can read.</p></section>`;
  const [drawn, plain] = parted(series);
  return html`<section class="block"><h2>${title} <span class="count">${series.length}</span></h2>
    ${drawn.length ? html`<div class="tiles">${repeat(drawn, (item) => item.analyte, tile)}</div>` : nothing}
    ${plain.length ? html`<ul class="singles">${repeat(plain, (item) => item.analyte, single)}</ul>` : nothing}</section>`;
}

/** A trend needs two results; a single one is drawn where it stands outside its range. */
function parted(series) {
  const isDrawn = (item) => item.points.length > 1 || ["low", "high"].includes(standing(newestOf(item)));
  return [series.filter(isDrawn), series.filter((item) => !isDrawn(item))];
}

function tile(series) {
  const newest = newestOf(series);
  const references = series.points.map((point) => point.source).join(" ");
  const isCited = series.points.some((point) => point.source === state.highlight);
  return html`<article class=${isCited ? "tile is-cited" : "tile"} data-ref=${references}>
    <header><h3>${series.title}</h3>${value(series, newest)}</header>
    <lab-plot .series=${series} .highlight=${state.highlight} .asOf=${state.record.asOf}></lab-plot>
    <footer><span>${newest ? day(newest.date) : ""}${rangeWords(newest)}</span>${valuesButton(series)}</footer>
    ${isOpen(series) ? table(series) : nothing}
  </article>`;
}

function single(series) {
  const newest = newestOf(series);
  const isCited = series.points.some((point) => point.source === state.highlight);
  return html`<li class=${isCited ? "single is-cited" : "single"} data-ref=${series.points.map((point) => point.source).join(" ")}>
    <span class="title">${series.title}</span>${value(series, newest)}
    <span class="when">${newest ? day(newest.date) : ""}${rangeWords(newest)}</span>${valuesButton(series)}
    ${isOpen(series) ? table(series) : nothing}</li>`;
}

function value(series, newest) {
  if (!newest) return html`<span class="value soft">later only</span>`;
  const where = standing(newest);
  return html`<span class="value"><strong>${newest.value}</strong> ${series.unit}${where === "low" || where === "high"
    ? html` <span class="flag">${where}</span>`
    : nothing}</span>`;
}

function rangeWords(point) {
  const { low, high } = point?.range ?? {};
  if (low && high) return `, range ${low} to ${high}`;
  if (low) return `, range from ${low}`;
  return high ? `, range up to ${high}` : "";
}

function valuesButton(series) {
  const open = isOpen(series);
  return html`<button type="button" class="plain small" aria-expanded=${open ? "true" : "false"} @click=${() => toggle(series)}
    aria-label="${open ? "Hide" : "Show"} values of ${series.title}">${open ? "Hide values" : "Show values"}</button>`;
}

function table(series) {
  const isConverted = series.points.some((item) => item.reported !== `${item.value} ${series.unit}`);
  return html`<div class="values"><table><caption class="unseen">${series.title}, ${counted(series.points.length, "value")}</caption>
      <thead><tr><th scope="col">Date</th><th scope="col">Value</th>${isConverted ? html`<th scope="col">As reported</th>` : nothing}<th scope="col">Range</th></tr></thead>
      <tbody>${[...series.points].reverse().map((item) => html`<tr class=${item.source === state.highlight ? "is-cited" : nothing}>
        <td>${dayAndTime(item.date)}${item.after ? html` <span class="status">later</span>` : nothing}</td>
        <td>${item.value} ${series.unit}</td>${isConverted ? html`<td>${item.reported}</td>` : nothing}<td>${rangeWords(item).replace(", range ", "")}</td></tr>`)}</tbody></table>
    ${series.thresholds.length ? thresholds(series) : nothing}</div>`;
}

function thresholds(series) {
  return html`<h4>Thresholds of the rules</h4><ul class="thresholds">${series.thresholds.map((item) => html`<li>
    <a href="../rules/${item.ruleId}" target="_blank" rel="noopener">${item.title}${icon("out")}</a> ${item.text}</li>`)}</ul>`;
}

function isOpen(series) {
  return Boolean(state.open[`values:${series.analyte}`]);
}

function toggle(series) {
  const key = `values:${series.analyte}`;
  update(() => {
    state.open[key] = !state.open[key];
  });
}
