/** The chart of the record that is open: who it is, and everything that is on record, under headings. */

import { html, nothing, repeat } from "../html.js";
import { age, counted, day, instant, isLater } from "../format.js";
import { personName, referenceOf, text } from "../fhir/words.js";
import { nameOf, sectionsOf } from "../fhir/sections.js";
import { state, update } from "../state.js";
import { actionBar, drugAction } from "../panels/hooks.js";
import { orderPad } from "../panels/orders.js";
import { otherPatientWarning, ownDataWords } from "../panels/own_data.js";
import { readersButton } from "../panels/why.js";
import { asOfControl } from "./as_of.js";
import { seriesSection } from "./labs.js";
import { problemBox } from "./problem.js";

/**
 * @returns {object} The template of the head: name, age, the day the patient is judged at, and what can be done.
 */
export function chartHead() {
  const record = state.record;
  const patient = (record.resources ?? []).find((item) => item.resourceType === "Patient" && item.id === record.patientId);
  const name = patient ? personName(patient) : (record.story?.name ?? `Patient ${record.patientId}`);
  const birthDate = text(patient?.birthDate ?? record.story?.birthDate);
  const facts = [
    age(birthDate, record.asOf),
    sexWords(text(patient?.gender ?? record.story?.sex)),
    birthDate ? `born ${birthDate}` : "birth date not on record",
    `id ${record.patientId}`,
  ];
  return html`<header class="banner" data-ref=${patient ? referenceOf(patient) : nothing}>
      <div class="person"><h1>${name}</h1><p>${facts.filter(Boolean).map((fact) => html`<span>${fact}</span>`)}${diedWords(patient)}</p></div>
      ${asOfControl(record)}
    </header>
    <div class="under-banner">
      ${otherPatientWarning()}
      ${record.story ? html`<p class="story">${record.story.sentence}</p>` : nothing}
      ${ownDataWords()}
      ${actionBar()}
    </div>`;
}

function sexWords(sex) {
  return ["male", "female"].includes(sex) ? sex : `sex ${sex || "not on record"}`;
}

/** A card helps nobody who has died, and the service gives none: that must be seen at once. */
function diedWords(patient) {
  const date = text(patient?.deceasedDateTime);
  if (!date && patient?.deceasedBoolean !== true) return nothing;
  return html`<span class="status">${date ? `died ${day(date)}` : "deceased"}</span>`;
}

/**
 * @returns {object} The template of the chart below its head.
 */
export function chart() {
  const record = state.record;
  const series = record.chart?.labs ?? [];
  const isRead = record.chart?.asOf === record.asOf; // else the day was moved, and its series are on their way
  const ofKind = (kind) => (isRead ? series.filter((item) => item.kind === kind) : null);
  const sources = new Set(series.flatMap((item) => item.points.map((point) => point.source)));
  const sections = sectionsOf(record.resources ?? [], sources);
  return html`<div class="chart">
    ${problemBox(record.problem)}
    ${problemBox(record.chart?.problem)}
    ${orderPad()}
    <div class="pair">
      <div class="stack">
        ${list("Problems", sections.problems, "No problem on record.")}
        ${list("Symptoms and findings", sections.findings, "None on record.")}
      </div>
      <div class="stack">
        ${list("Drugs", sections.drugs, "No drug on record.", drugAction)}
        ${list("Allergies", sections.allergies, "None on record.")}
      </div>
    </div>
    ${isRead && record.chart.problem ? nothing : html`${seriesSection("Laboratory", ofKind("lab"))}${seriesSection("Vital signs", ofKind("vital"))}`}
    ${ofKind("survey")?.length ? seriesSection("Scores", ofKind("survey")) : nothing}
    ${sections.results.length && record.chart ? list("Other results", sections.results, "") : nothing}
    ${list("Visits and everything else", sections.others, "Nothing else on record.")}
    ${setAside(record.chart)}
  </div>`;
}

function list(title, rows, none, action = () => nothing) {
  if (state.record.resources === null) return html`<section class="block"><h2>${title}</h2><p class="soft">Loading.</p></section>`;
  return html`<section class="block"><h2>${title} <span class="count">${rows.length || nothing}</span></h2>
    ${rows.length
      ? html`<ul class="rows">${repeat(rows, (row) => row.reference, (row) => line(row, action))}</ul>`
      : html`<p class="soft">${state.record.isPartial ? "Not read." : none}</p>`}</section>`;
}

function line(row, action) {
  const isAhead = Boolean(row.date) && isLater(row.date, state.record.asOf);
  const isCited = state.highlight === row.reference;
  const classes = ["row", row.isOver && "is-over", row.isVoid && "is-void", isAhead && "is-ahead", isCited && "is-cited"];
  return html`<li class=${classes.filter(Boolean).join(" ")} data-ref=${row.reference}>
    <span class="what"><span class="title">${row.title}</span>${row.note ? html`<span class="note">${row.note}</span>` : nothing}
      ${row.remarks ? html`<span class="note remarks">${row.remarks}</span>` : nothing}${unusedNote(row)}</span>
    <span class="when">${row.status ? html`<span class="status">${row.status}</span>` : nothing}
      ${isAhead ? html`<span class="status">after ${day(state.record.asOf)}</span>` : nothing}
      <span>${row.date ? day(row.date) : "no date"}</span>
      ${readersButton([row.reference])}</span>
    ${isAhead || asideOf(row.reference) ? nothing : action(row)}
  </li>`;
}

/** Why the service does not use an entry, where that is so. */
function unusedNote(row) {
  const aside = asideOf(row.reference);
  const why = aside ? `it ${aside.message}` : twinWords(row);
  return why && !row.isVoid ? html`<span class="note unused">Not used: ${why}</span>` : nothing; // struck out says it
}

function asideOf(reference) {
  return (state.record.chart?.setAside ?? []).find((item) => item.source === reference);
}

/** The same number of the same moment stands in a series already: it was sent twice. */
function twinWords({ resource, note, date }) {
  if (resource.resourceType !== "Observation" || !date || !note) return "";
  const isSame = (point) => point.reported === note && instant(point.date) === instant(date);
  const twin = (state.record.chart?.labs ?? []).flatMap((series) => series.points).find(isSame);
  return twin ? `the same result was sent twice; ${twin.source} counts.` : "";
}

function setAside(found) {
  const rows = found?.setAside ?? [];
  if (!rows.length) return nothing;
  return html`<section class="block"><h2>Not used by the service <span class="count">${counted(rows.length, "entry", "entries")}</span></h2>
    <ul class="rows">${rows.map(unusedRow)}</ul></section>`;
}

function unusedRow(row) {
  const all = state.record.resources ?? [];
  const resource = all.find((item) => referenceOf(item) === row.source);
  const name = resource && resource.resourceType !== "Patient" ? nameOf(resource, all) : row.source || "An entry without id";
  return html`<li class="row"><span class="what"><button type="button" class="reference" title="Show ${row.source} in the chart" @click=${() => point(row.source)}>${name}</button>
    <span class="note">${row.message}</span></span><span class="when"><span>${row.source === name ? "" : row.source}</span> <code>${row.code}</code></span></li>`;
}

/**
 * Point at a resource in the chart: it is marked, and scrolled to. For the sources of cards and reasons.
 *
 * @param {string|null} reference  "Observation/1"; null takes the mark away.
 */
export function point(reference) {
  update(() => {
    state.highlight = reference;
  });
  if (reference) window.setTimeout(() => scrollTo(reference), 0);
}

function scrollTo(reference) {
  const place = document.querySelector(`[data-ref~="${CSS.escape(reference)}"]`);
  const isCalm = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
  place?.scrollIntoView({ block: "center", behavior: isCalm ? "auto" : "smooth" });
}
