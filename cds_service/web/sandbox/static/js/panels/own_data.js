/** Records of one's own: dropped on the page or chosen as a file; they stay in this browser and process. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { counted, day } from "../format.js";
import { conceptWords, dateOf, drugWords } from "../fhir/words.js";
import { readOwnFile } from "../own_file.js";
import { moveTo, openOwn } from "../record.js";
import { go } from "../routes.js";
import { state, update } from "../state.js";
import { problemBox } from "../views/problem.js";

/** The key of a record of one's own in the address of the page. */
export const OWN = "own";
/** How many times a file was chosen: only the last one is opened. */
let reading = 0;

/**
 * @returns {object} The template below the list of patients.
 */
export function ownDataControl() {
  return html`<section class="own-data" aria-label="A record of your own">
    <label class="own-choose">${icon("add")}<span>Open a record of your own</span>
      <input class="unseen" type="file" accept=".json,application/json,application/fhir+json" @change=${choose}></label>
    <p class="soft">Or drop a file on the page: a FHIR Bundle of one patient, or a CDS Hooks request. It goes to the process
      this page came from and nowhere else, and is not kept.</p>
    ${state.drawer ? refusal() : nothing}
  </section>`;
}

/**
 * @returns {object} The template over the page: where a file may be dropped, and why one was not opened.
 */
export function ownDataNotice() {
  return html`${state.ownData.isOver ? html`<div class="drop-sheet"><p>${icon("add")}Drop a Bundle or a CDS Hooks request</p></div>` : nothing}
    ${state.drawer ? nothing : refusal()}`;
}

/** Why a file was not opened; inside the drawer while that is open, because it covers everything else. */
function refusal() {
  const { problem } = state.ownData;
  if (!problem) return nothing;
  return html`<div class="own-problem">${problemBox(problem)}
    <button type="button" class="plain square" aria-label="Close the message" @click=${() => set({ problem: null })}>${icon("no")}</button></div>`;
}

/**
 * @returns {object} The template in the head of the chart: which file this is, and how old its newest entry.
 */
export function ownDataWords() {
  const record = state.record;
  if (record.key !== OWN) return nothing;
  const last = newest(record.resources ?? [], record.storyAsOf);
  const isOld = last && day(last) < day(record.storyAsOf) && day(record.asOf) !== day(last);
  return html`<p class="own-words"><span>${state.ownData.last.name}${record.given ? `, a request of ${record.given.hook}` : ""}.</span>
    ${strangerWords(state.ownData.last.strangers)}
    ${isOld ? html` <span>The newest entry is from ${day(last)}.</span>
      <button type="button" class="plain small" @click=${() => moveTo(endOfDay(last))}>Look at it as of that day</button>` : nothing}</p>`;
}

/** What is not the patient's: of a Bundle it is not sent; a request is sent as it is. */
function strangerWords({ ofAnother, ofNobody, empty, sources }) {
  const count = ofAnother + ofNobody;
  const whose = state.record.given
    ? `${counted(count, "entry is", "entries are")} of another patient: sent as in the file, not shown in this chart`
    : `${counted(count, "entry names", "entries name")} another patient or none: not sent to the service`;
  return html`${count ? html`<strong>${whose} (${sources.join(", ")}${count > sources.length ? ", ..." : ""}).</strong>` : nothing}
    ${empty ? html`<strong>${counted(empty, "entry holds", "entries hold")} no resource.</strong>` : nothing}`;
}

/**
 * @returns {object} Where a request brings another Patient than the one it asks about; nothing else.
 */
export function otherPatientWarning() {
  const { given, patientId, key } = state.record;
  const others = key === OWN && given ? state.ownData.last.strangers.patients : [];
  if (!others.length) return nothing;
  const title = `This request asks about the patient ${patientId}, but brings the Patient ${others.join(", ")}.`;
  return problemBox({ title, text: `Chart and cards are those of ${patientId} (context.patientId). Whose data the request really holds, only its sender knows.` });
}

/** Let files be dropped anywhere on the page; else the browser would leave the page to show them. */
export function watchDrops() {
  const isFile = (event) => event.dataTransfer?.types.includes("Files");
  window.addEventListener("dragover", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    if (!state.ownData.isOver) set({ isOver: true });
  });
  window.addEventListener("dragleave", (event) => {
    if (event.relatedTarget === null) set({ isOver: false });
  });
  window.addEventListener("drop", (event) => {
    if (!isFile(event)) return;
    event.preventDefault();
    set({ isOver: false });
    read([...event.dataTransfer.files]);
  });
}

/**
 * Open the record of one's own again that was opened last: for the address, when one comes back to it.
 *
 * @returns {boolean} Whether there was one.
 */
export function reopenOwn() {
  if (!state.ownData.last) return false;
  show(state.ownData.last);
  return true;
}

function choose(event) {
  read([...event.target.files]);
  event.target.value = ""; // the same file can be chosen again, after it was changed
}

/** Read a file and open it, unless another was chosen or another patient opened in the meantime. */
async function read(files) {
  if (!files.length) return;
  const [turn, open] = [(reading += 1), state.record];
  if (files.length > 1) {
    return set({ problem: { title: `These are ${files.length} files.`, text: "Open one at a time: a record is one patient's." } });
  }
  const { own, problem } = await readOwnFile(files[0], Object.keys(state.services ?? {}), state.patients.maxBodyMib);
  if (turn !== reading || state.record !== open) return;
  set({ problem });
  if (!own) return;
  set({ last: own });
  show(own);
  go(OWN, "cards");
}

function show(own) {
  const { name: _name, strangers: _strangers, drafts, ...record } = own;
  openOwn(record);
  update(() => {
    state.drafts = drafts.map((resource) => ({ resource, label: labelOf(resource), from: "from the request" }));
  });
}

function labelOf(resource) {
  return resource.resourceType === "MedicationRequest" ? drugWords(resource, []) : conceptWords(resource.code) || resource.resourceType;
}

/** Return the end of the day of a moment, in the zone the record tells it in. */
function endOfDay(moment) {
  return `${day(moment)}T23:59:59${/(Z|[+-]\d\d:\d\d)$/.exec(moment.slice(10))?.[0] ?? "Z"}`;
}

function newest(resources, asOf) {
  const dates = resources.filter((item) => item.resourceType !== "Patient").map(dateOf).filter((date) => date.length >= 10 && day(date) <= day(asOf)); // a year is no day
  return dates.sort().at(-1) ?? "";
}

function set(change) {
  update(() => {
    state.ownData = { ...state.ownData, ...change };
  });
}
