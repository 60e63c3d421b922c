/** Results over time, as the product reads them: one tile for each analyte, its values also as a table. */

import { html, nothing, repeat } from "../html.js";
import { counted, day, dayAndTime } from "../format.js";
import { state, update } from "../state.js";
import { citedSources, firedRules } from "../calls.js";
import { correctionOf } from "../fhir/status.js";
import { referenceOf } from "../fhir/words.js";
import { amountOf, doubtsOf, flagOf, heightOf, isDrawn, isSure, limitOf, newestOf, rangeWords, unitOf, usualWords, valueOf } from "../lab_values.js";
import { readersButton } from "../panels/why.js";
import "./lab_plot.js";

/**
 * @param {string} title
 * @param {import("../state.js").Series[]|null} series  null while they are on their way.
 * @returns {object} The template.
 */
export function seriesSection(title, series) {
  if (!series) return html`<section class="block"><h2>${title}</h2><p class="soft">Loading.</p></section>`;
  if (!series.length) return html`<section class="block"><h2>${title}</h2><p class="soft">None on record that the service can read.</p></section>`;
  const [drawn, plain] = parted(tellingFirst(series));
  return html`<section class="block"><h2>${title} <span class="count">${series.length}</span></h2>
    ${drawn.length ? html`<div class="tiles">${repeat(drawn, (item) => item.analyte, tile)}</div>` : nothing}
    ${plain.length ? html`<ul class="singles">${repeat(plain, (item) => item.analyte, single)}</ul>` : nothing}</section>`;
}

/** What a finding rests on stands first, then what is out of range; the others stay in order. */
function tellingFirst(series) {
  const cited = citedSources();
  const weight = (item) => (item.points.some((point) => cited.has(point.source)) ? 0 : flagOf(newestOf(item)) ? 1 : 2);
  return [...series].sort((one, other) => weight(one) - weight(other));
}

/** A trend needs two results; a single one is drawn where it stands outside its range. */
function parted(series) {
  const isTold = (item) => numbers(item) > 1 || (numbers(item) === 1 && Boolean(flagOf(newestOf(item))));
  return [series.filter(isTold), series.filter((item) => !isTold(item))];
}

function numbers(series) {
  return series.points.filter(isDrawn).length;
}

function tile(series) {
  const newest = newestOf(series);
  const references = series.points.map((point) => point.source).join(" ");
  const isCited = series.points.some((point) => point.source === state.highlight);
  return html`<article class=${isCited ? "tile is-cited" : "tile"} data-ref=${references}>
    <header><h3>${series.title}</h3>${value(series, newest)}</header>
    <lab-plot .series=${series} .highlight=${state.highlight} .fired=${[...firedRules()].join(" ")}></lab-plot>
    ${series.points.every(isSure) ? nothing : html`<p class="legend">Open circle: preliminary, doubtful, or only a limit (&lt;, &gt;).</p>`}
    <footer><span>${foot(series, newest)}</span>${readersButton(sourcesOf(series))}${valuesButton(series)}</footer>
    ${isOpen(series) ? table(series) : nothing}
  </article>`;
}

function single(series) {
  const newest = newestOf(series);
  const isCited = series.points.some((point) => point.source === state.highlight);
  return html`<li class=${isCited ? "single is-cited" : "single"} data-ref=${series.points.map((point) => point.source).join(" ")}>
    <span class="title">${series.title}</span>${value(series, newest)}
    <span class="when">${foot(series, newest)} ${readersButton(sourcesOf(series))}</span>${valuesButton(series)}
    ${isOpen(series) ? table(series) : nothing}</li>`;
}

function sourcesOf(series) {
  return series.points.map((point) => point.source);
}

function value(series, newest) {
  if (!newest) return html`<span class="value soft">only after ${day(state.record.asOf)}</span>`;
  const isNumber = heightOf(newest) !== null;
  return html`<span class="value">${isNumber ? html`<strong>${amountOf(newest)}</strong> ${unitOf(series)}` : wordsOf(newest)}${flagMark(newest)}${marks(newest)}</span>`;
}

function flagMark(point) {
  const flag = flagOf(point);
  return flag ? html` <span class="flag">${flag}</span>` : nothing;
}

/** A result that is a word says no more than its flag. */
function wordsOf(newest) {
  return flagOf(newest) ? html`<span class="soft">no number</span>` : html`<strong>${newest.reported}</strong>`;
}

function foot(series, newest) {
  const [range, usual] = [rangeWords(newest), usualWords(series)];
  const words = range ? `range ${range}` : newest && usual ? `no range sent; usual ${usual}` : "";
  return [newest ? day(newest.date) : "", words].filter(Boolean).join(", ");
}

function valuesButton(series) {
  const open = isOpen(series);
  return html`<button type="button" class="plain small" aria-expanded=${open ? "true" : "false"} @click=${() => toggle(series)}
    aria-label="${open ? "Hide" : "Show"} values of ${series.title}">${open ? "Hide values" : "Show values"}</button>`;
}

function table(series) {
  const isConverted = series.points.some((item) => item.reported !== valueOf(series, item));
  const label = `${series.title}, ${counted(series.points.length, "value")}`;
  return html`<div class="values"><div class="values-table" role="region" aria-label=${label} tabindex="0"><table><caption class="unseen">${label}</caption>
      <thead><tr><th scope="col">Date</th><th scope="col">Value</th>${isConverted ? html`<th scope="col">As reported</th>` : nothing}<th scope="col">Range</th></tr></thead>
      <tbody>${[...series.points].reverse().map((item) => html`<tr class=${item.source === state.highlight ? "is-cited" : nothing}>
        <td>${dayAndTime(item.date)}${marks(item)}</td>
        <td>${heightOf(item) === null && flagOf(item) ? "no number" : valueOf(series, item)}${flagMark(item)}</td>
        ${isConverted ? html`<td>${reported(item)}</td>` : nothing}<td>${rangeWords(item)}</td></tr>`)}</tbody></table></div>
    ${series.thresholds.length ? thresholds(series) : nothing}</div>`;
}

function reported(point) {
  return point.rangeReported ? `${point.reported} (${point.rangeReported})` : point.reported;
}

/** What a result is less, or other, than a final one of before the day that is looked at. */
function marks(point) {
  const words = [point.after ? `after ${day(state.record.asOf)}` : "", corrected(point), ...doubtsOf(point)].filter(Boolean);
  return words.map((word) => html` <span class="status">${word}</span>`);
}

function corrected(point) {
  return correctionOf((state.record.resources ?? []).find((item) => referenceOf(item) === point.source));
}

/** Rules that share a limit stand in one line. */
function thresholds(series) {
  return html`<h4>Limits the rules use</h4><ul class="thresholds">${[...byText(series)].map(
    ([text, items]) => html`<li><details><summary>${text}: ${counted(items.length, "rule")}</summary>
      <ul>${items.map((item) => html`<li><a href="../rules/${item.ruleId}" target="_blank" rel="noopener">${item.title}</a></li>`)}</ul></details></li>`,
  )}</ul>`;
}

function byText(series) {
  const found = new Map();
  for (const item of series.thresholds) {
    const { text } = limitOf(item);
    found.set(text, [...(found.get(text) ?? []), item]);
  }
  return found;
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
