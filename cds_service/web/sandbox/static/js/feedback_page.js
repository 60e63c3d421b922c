/** Starts the page of the feedback: follows its address, asks for the figures, draws. */

import { ADDRESSES, get } from "./api.js";
import { feedbackView, PERIODS } from "./feedback/view.js";
import { counted } from "./format.js";
import { render } from "./html.js";
import { drawWith, state, update } from "./state.js";
import { restoreTheme } from "./theme.js";

const root = document.getElementById("app");
const live = document.getElementById("live");
let asked = 0;

drawWith(() => render(feedbackView(new Date().toISOString().slice(0, 10), load), root));

/** Ask for the figures; an answer that was overtaken by a later question is not shown. */
async function load() {
  const turn = (asked += 1);
  const answer = await get(`${ADDRESSES.feedbackReport}?days=${state.feedback.days}`);
  if (turn !== asked) return;
  update(() => {
    state.feedback.report = answer.problem ? null : answer.json;
    state.feedback.problem = answer.problem;
  });
  live.textContent = answer.problem ? answer.problem.title : counted(answer.json.rules.length, "rule with cards", "rules with cards");
}

/** Take up what the address names: `#/90/lithium-toxicity`. */
function follow() {
  const [, days = "", rule = ""] = window.location.hash.split("/");
  const wanted = PERIODS.includes(Number(days)) ? Number(days) : 90;
  const isOther = wanted !== state.feedback.days || state.feedback.report === null;
  update(() => {
    state.feedback.days = wanted;
    state.feedback.rule = rule ? decoded(rule) : null;
  });
  if (isOther) load();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null; // no address of this page: all rules
  }
}

root.replaceChildren();
restoreTheme();
window.addEventListener("hashchange", follow);
follow();
