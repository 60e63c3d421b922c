/** Starts the page of the feedback: follows its address, asks for the figures, draws. */

import { ADDRESSES, get } from "./api.js";
import { placeIn } from "./feedback/places.js";
import { feedbackView } from "./feedback/view.js";
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

/** Take up what the address names. */
function follow() {
  const wanted = placeIn(window.location.hash);
  const isOther = wanted.days !== state.feedback.days || state.feedback.report === null;
  update(() => {
    Object.assign(state.feedback, wanted);
  });
  if (isOther) load();
}

root.replaceChildren();
restoreTheme();
window.addEventListener("hashchange", follow);
follow();
