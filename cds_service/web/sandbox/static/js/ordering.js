/** What a clinician does in an EHR, as calls of hooks: order, sign, start and end an encounter, add a problem, refill. */

import { callHook } from "./calls.js";
import { identified, orderBundle, problemBundle, refillOf } from "./drafts.js";
import { MADE_UP, openEncounter } from "./encounters.js";
import { conceptWords, referenceOf } from "./fhir/words.js";
import { day } from "./format.js";
import { go } from "./routes.js";
import { newId } from "./requests.js";
import { state, update } from "./state.js";

/**
 * Put an order on the pad and ask order-select about it; the other drafts go along.
 *
 * @param {import("./views/combo_box.js").Match} match
 * @returns {Promise<void>}
 */
export async function choose(match) {
  const resource = identified(match.resource, `draft-${newId()}`);
  update(() => {
    state.drafts = [...state.drafts, { resource, label: match.title, from: match.note }];
    state.orders.signed = null;
  });
  const draftOrders = orderBundle(state.drafts.map((draft) => draft.resource), state.record);
  await callHook("order-select", { ...current(), selections: [referenceOf(resource)], draftOrders });
}

/**
 * Sign what is on the pad: order-sign is asked, and the pad is emptied unless no answer came.
 *
 * @returns {Promise<void>}
 */
export async function sign() {
  const [record, drafts] = [state.record, state.drafts];
  if (!drafts.length || state.orders.isSigning) return;
  update(() => {
    state.orders.isSigning = true;
  });
  const draftOrders = orderBundle(drafts.map((draft) => draft.resource), record);
  const call = await callHook("order-sign", { ...current(), draftOrders });
  if (state.record !== record) return;
  update(() => {
    state.orders.isSigning = false;
    state.orders.signed = call?.answer.ok ? drafts.map((draft) => draft.label) : null;
    if (call?.answer.ok) state.drafts = state.drafts.filter((draft) => !drafts.includes(draft));
  });
}

/**
 * Take a draft off the pad.
 *
 * @param {{resource: object}} draft
 */
export function remove(draft) {
  update(() => {
    state.drafts = state.drafts.filter((item) => item !== draft);
  });
}

/**
 * Start or end the encounter of the record.
 *
 * @param {"encounter-start"|"encounter-discharge"} hook
 * @returns {Promise<void>}
 */
export async function visit(hook) {
  const { resources, asOf } = state.record;
  const encounter = openEncounter(resources ?? [], asOf);
  const done = hook === "encounter-start" ? "Started" : "Discharged from";
  note(encounter ? `${done} ${encounterWords(encounter)}.` : `No encounter is open on record: a made-up one (${MADE_UP}) was sent.`);
  await ask(hook, { encounterId: encounter?.id ?? MADE_UP });
}

/**
 * Add a problem to the problem list.
 *
 * @param {import("./views/combo_box.js").Match} match
 * @returns {Promise<void>}
 */
export async function addProblem(match) {
  note(`Added: ${match.title}. The sandbox keeps nothing; the record stays as it was.`);
  const problem = identified(match.resource, `problem-${newId()}`);
  await ask("problem-list-item-create", { ...current(), conditions: problemBundle([problem], state.record) });
}

/**
 * Ask for a refill of a prescription of the record.
 *
 * @param {import("./fhir/sections.js").Row} row
 * @returns {Promise<void>}
 */
export async function refill(row) {
  note(`Refill requested: ${row.title}.`);
  const draft = refillOf(row.resource, state.record.resources, `refill-${newId()}`);
  await ask("medication-refill", { ...current(), medications: orderBundle([draft], state.record) });
}

/** Call a hook; where the chart stands under a tab of its own, go to the answer. */
async function ask(hook, context) {
  if (state.room === "narrow" && state.route.tab === "chart") go(state.record.key, "cards");
  await callHook(hook, context);
}

/** Return the current encounter for a context that may go without one. */
function current() {
  const encounter = openEncounter(state.record.resources ?? [], state.record.asOf);
  return encounter ? { encounterId: encounter.id } : {};
}

function encounterWords(encounter) {
  const reasons = (encounter.reasonCode ?? []).map(conceptWords).filter(Boolean).join(", ");
  const since = encounter.period?.start ? ` of ${day(encounter.period.start)}` : "";
  return `the encounter${since}${reasons ? `: ${reasons}` : ""}`;
}

function note(words) {
  update(() => {
    state.orders.note = words;
  });
}
