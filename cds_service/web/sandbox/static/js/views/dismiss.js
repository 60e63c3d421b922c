/** The reasons for dismissing a card: one of those the service offers, or the person's own words. */

import { html, nothing } from "../html.js";
import { dismiss } from "../answers.js";
import { state, update } from "../state.js";

const LONGEST_COMMENT = 500;

/**
 * @param {import("../state.js").Call} call
 * @param {object} card
 * @returns {object} The template.
 */
export function dismissForm(call, card) {
  const reasons = card.overrideReasons ?? [];
  return html`<form class="dismiss" @submit=${(event) => finish(event, call, card, reasons)} @keydown=${(event) => leave(event, card)}>
    ${reasons.length ? choices(reasons) : nothing}
    <label for="comment-${card.uuid}">In your own words <span class="soft">(optional)</span></label>
    <textarea id="comment-${card.uuid}" name="comment" rows="2" maxlength=${LONGEST_COMMENT}></textarea>
    <div class="buttons"><button type="submit" class="main">Dismiss the card</button>
      <button type="button" @click=${() => close(card)}>Keep it</button></div>
  </form>`;
}

function choices(reasons) {
  return html`<fieldset><legend>Why is it dismissed?</legend>${reasons.map(
    (reason, index) => html`<label><input type="radio" name="reason" value=${index} required ?autofocus=${index === 0}>${reason.display}</label>`,
  )}</fieldset>`;
}

function finish(event, call, card, reasons) {
  event.preventDefault();
  const said = new FormData(event.target);
  const chosen = said.get("reason");
  dismiss(call, card, chosen === null ? null : reasons[Number(chosen)], String(said.get("comment") ?? "").trim());
  focusOn(`card-${card.uuid}`);
}

function leave(event, card) {
  if (event.key !== "Escape") return;
  event.stopPropagation();
  close(card);
}

function close(card) {
  update(() => {
    state.dismissing = null;
  });
  focusOn(`dismiss-${card.uuid}`);
}

/** Put the focus where the person was, once it is drawn. */
function focusOn(id) {
  window.setTimeout(() => document.getElementById(id)?.focus(), 0);
}
