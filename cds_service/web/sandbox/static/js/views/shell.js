/** The whole page: bar, patients, chart and panel, as the window has room for them. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { state, update } from "../state.js";
import { ownDataNotice } from "../panels/own_data.js";
import { chart, chartHead } from "./chart.js";
import { panel } from "./panel.js";
import { patientList } from "./patients.js";
import { topBar } from "./top_bar.js";
import { welcome } from "./welcome.js";

/**
 * @returns {object} The template of the page.
 */
export function shell() {
  const hasRecord = state.record !== null;
  return html`
    <a class="skip" href="#content" @click=${skip}>Skip to the ${hasRecord ? "cards" : "page"}</a>
    ${bar()}
    <div class="columns" data-room=${state.room} data-open=${hasRecord ? "yes" : "no"}>
      ${state.room === "wide" ? html`<nav class="patients" aria-label="Patients">${patientList()}</nav>` : nothing}
      ${hasRecord ? opened() : html`<main class="middle" id="content" tabindex="-1">${welcome()}</main>`}
    </div>
    ${state.room === "wide" ? nothing : drawer()}
    ${ownDataNotice()}
  `;
}

function opened() {
  if (state.room === "narrow") {
    return html`<main class="middle" aria-label="Patient">${chartHead()}
      <div class="panel" id="content" tabindex="-1">${panel()}</div></main>`;
  }
  return html`
    <main class="middle" aria-label="Chart"><a class="skip" href="#content" @click=${skip}>Skip to the cards</a>${chartHead()}${chart()}</main>
    <aside class="panel" id="content" tabindex="-1" aria-label="Decision support">${panel()}</aside>
  `;
}

function bar() {
  const patients = html`<button type="button" class="plain" aria-haspopup="dialog" @click=${openDrawer}>${icon("people")}Patients</button>`;
  return topBar("sandbox", state.room === "wide" ? nothing : patients);
}

/** The list of patients over the page: the browser keeps the focus inside, and Escape closes it. */
function drawer() {
  return html`<dialog class="drawer" aria-label="Patients" @close=${closed} @click=${closeOutside}>
    <div class="patients">
      <div class="drawer-head"><strong>Patients</strong>
        <button type="button" class="plain square" aria-label="Close" @click=${closeDrawer}>${icon("no")}</button></div>
      ${state.drawer ? patientList() : nothing}
    </div>
  </dialog>`;
}

/** Have the dialog as the state says: a dialog is opened by a call, not by an attribute. */
export function settleDrawer() {
  const dialog = document.querySelector("dialog.drawer");
  if (!dialog || dialog.open === state.drawer) return;
  if (state.drawer) dialog.showModal();
  else dialog.close();
}

function openDrawer() {
  update(() => {
    state.drawer = true;
  });
}

function closeDrawer() {
  update(() => {
    state.drawer = false;
  });
}

function closed() {
  if (state.drawer) closeDrawer();
}

function closeOutside(event) {
  if (event.target === event.currentTarget) closeDrawer();
}

function skip(event) {
  event.preventDefault();
  document.getElementById("content")?.focus();
}
