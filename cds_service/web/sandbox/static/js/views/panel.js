/** The panel beside the chart: tabs, and what stands under the one that is chosen. */

import { html, nothing } from "../html.js";
import { go } from "../routes.js";
import { shownCall, state } from "../state.js";
import { developerPanel, sendingNotice } from "../panels/developer.js";
import { whyPanel } from "../panels/why.js";
import { cardList } from "./cards.js";
import { chart } from "./chart.js";

const TITLES = { chart: "Chart", cards: "Cards", why: "Why", developer: "Developer" };
const CONTENTS = { chart, cards: cardList, why: whyPanel, developer: developerPanel };

/**
 * @returns {string} The tab that is shown: the chart is one only where it has no column of its own.
 */
export function currentTab() {
  return state.route.tab === "chart" && state.room !== "narrow" ? "cards" : state.route.tab;
}

/**
 * @returns {object} The template.
 */
export function panel() {
  const tabs = Object.keys(TITLES).filter((tab) => tab !== "chart" || state.room === "narrow");
  const current = currentTab();
  return html`
    <div class="tabs" role="tablist" aria-label="Decision support" @keydown=${(event) => move(event, tabs, current)}>
      ${tabs.map((tab) => html`<button type="button" role="tab" id="tab-${tab}" aria-controls="tab-panel"
        aria-selected=${tab === current ? "true" : "false"} tabindex=${tab === current ? "0" : "-1"}
        @click=${() => go(state.record.key, tab)}>${TITLES[tab]}${tab === "cards" ? cardCount() : nothing}</button>`)}
    </div>
    <div class="tab-panel" id="tab-panel" role="tabpanel" tabindex="0" aria-labelledby="tab-${current}">${current === "chart" ? nothing : sendingNotice()}${CONTENTS[current]()}</div>
  `;
}

function cardCount() {
  const cards = shownCall()?.answer?.json?.cards;
  return cards ? html` <span class="count">${cards.length}</span>` : nothing;
}

/** One stop of the Tab key for all tabs; arrows, Home and End go between them (WAI-ARIA, "Tabs"). */
function move(event, tabs, current) {
  const at = tabs.indexOf(current);
  const target = { ArrowRight: at + 1, ArrowLeft: at - 1 + tabs.length, Home: 0, End: tabs.length - 1 }[event.key];
  if (target === undefined) return;
  event.preventDefault();
  const tab = tabs[target % tabs.length];
  go(state.record.key, tab);
  document.getElementById(`tab-${tab}`)?.focus();
}
