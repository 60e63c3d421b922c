/** Starts the page: learns the patients and the services, follows the address, draws. */

import { render } from "./html.js";
import { discover } from "./calls.js";
import { OWN, reopenOwn, watchDrops } from "./panels/own_data.js";
import { loadPatients, openStory } from "./record.js";
import { readRoute } from "./routes.js";
import { drawWith, state, update } from "./state.js";
import { restoreTheme } from "./theme.js";
import { brokenPage } from "./views/broken.js";
import { settleDrawer, shell } from "./views/shell.js";

let root = document.getElementById("app");
const ROOMS = [
  ["wide", window.matchMedia("(min-width: 1240px)")],
  ["middle", window.matchMedia("(min-width: 820px)")],
];

drawWith(() => {
  try {
    render(shell(), root);
    settleDrawer();
  } catch (fault) {
    startOver(fault);
  }
  document.title = titleOf(state.record);
});

/** A page drawn by half would show one patient's chart beside another's cards: all of it goes, and that is said. */
function startOver(fault) {
  const empty = root.cloneNode(false);
  root.replaceWith(empty);
  root = empty;
  render(brokenPage(fault), root);
}

function titleOf(record) {
  const name = record ? (record.story?.name ?? "Own record") : "Sandbox";
  return `${name} - twitch-cds`;
}

function measure() {
  const room = ROOMS.find(([, query]) => query.matches)?.[0] ?? "narrow";
  if (room === state.room) return;
  update(() => {
    state.room = room;
    state.drawer = false;
  });
}

/** Open what the address names; a record that is open already stays as it is. */
function follow() {
  const route = readRoute(window.location.hash);
  update(() => {
    state.route = route;
    if (route.key === null) state.record = null;
  });
  const story = state.patients.list?.find((item) => item.story === route.key);
  if (!route.key || state.record?.key === route.key) return;
  if (state.services === null || state.patients.list === null) return leave(); // `start` follows once both are there
  if (story) openStory(story);
  else if (route.key !== OWN || !reopenOwn()) leave();
}

/** The address names nothing that can be opened: another record must not stand under it. */
function leave() {
  update(() => {
    state.record = null;
  });
}

async function start() {
  root.replaceChildren();
  measure();
  restoreTheme();
  for (const [, query] of ROOMS) query.addEventListener("change", measure);
  watchDrops();
  window.addEventListener("hashchange", follow);
  follow();
  await Promise.all([loadPatients(), discover()]);
  follow();
}

start();
