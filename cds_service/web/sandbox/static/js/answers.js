/** What becomes of cards: accepted, dismissed, and told to the feedback endpoint. */

import { ADDRESSES, post } from "./api.js";
import { say } from "./live.js";
import { state, update } from "./state.js";

/**
 * @typedef {object} Outcome
 * @property {"accepted"|"overridden"} outcome
 * @property {string[]} suggestions  The uuids that were accepted.
 * @property {string} words  Why it was dismissed, for the page.
 * @property {import("./state.js").Problem|null} problem  Where the feedback was not kept.
 */

/**
 * Accept a suggestion: its drafts go on the pad, and the service is told.
 *
 * @param {import("./state.js").Call} call
 * @param {object} card
 * @param {object} suggestion
 * @returns {Promise<void>}
 */
export async function accept(call, card, suggestion) {
  const before = state.outcomes[card.uuid]?.suggestions ?? [];
  const suggestions = [...before, suggestion.uuid];
  update(() => {
    state.drafts = [...state.drafts, ...draftsOf(card, suggestion)];
    state.outcomes[card.uuid] = { outcome: "accepted", suggestions, words: "", problem: null };
  });
  say(`On the order pad: ${suggestion.label}`);
  const acceptedSuggestions = suggestions.map((id) => ({ id }));
  await tell(call, { card: card.uuid, outcome: "accepted", acceptedSuggestions });
}

/**
 * Dismiss a card for a reason.
 *
 * @param {import("./state.js").Call} call
 * @param {object} card
 * @param {{code: string, system: string, display: string}|null} reason  null: none of those offered.
 * @param {string} comment  In the person's own words; may be empty.
 * @returns {Promise<void>}
 */
export async function dismiss(call, card, reason, comment) {
  const words = [reason?.display, comment].filter(Boolean).join(": ");
  update(() => {
    state.outcomes[card.uuid] = { outcome: "overridden", suggestions: [], words, problem: null };
    state.dismissing = null;
  });
  say("Card dismissed");
  const overrideReason = {};
  if (reason) overrideReason.reason = { code: reason.code, system: reason.system };
  if (comment) overrideReason.userComment = comment;
  const item = { card: card.uuid, outcome: "overridden" };
  await tell(call, Object.keys(overrideReason).length ? { ...item, overrideReason } : item);
}

async function tell(call, item) {
  const outcomeTimestamp = new Date().toISOString();
  const answer = await post(ADDRESSES.feedback(call.service), { feedback: [{ ...item, outcomeTimestamp }] });
  if (answer.ok) return;
  update(() => {
    const outcome = state.outcomes[item.card];
    if (outcome) outcome.problem = answer.problem; // else another patient was opened in the meantime
  });
}

/** Return the draft orders a suggestion creates; other actions an EHR would carry out in its own record. */
function draftsOf(card, suggestion) {
  const created = (suggestion.actions ?? []).filter((action) => action.type === "create" && action.resource);
  return created.map((action, index) => ({
    resource: { id: `draft-${index}-${suggestion.uuid}`, ...action.resource },
    label: action.resource.code?.text ?? suggestion.label,
    from: card.source?.label ?? card.summary,
  }));
}
