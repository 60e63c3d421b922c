/** Light or dark: as the system has it, or as the person chose; the choice stays in this browser. */

import { state, update } from "./state.js";

const KEY = "twitch-cds.sandbox.theme";
const ORDER = ["auto", "light", "dark"];

/** What each choice is called. */
export const THEME_WORDS = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

/** Take up the choice made before. */
export function restoreTheme() {
  const kept = read();
  set(ORDER.includes(kept) ? kept : "auto");
}

/** Go on to the next choice. */
export function nextTheme() {
  set(ORDER[(ORDER.indexOf(state.theme) + 1) % ORDER.length]);
}

function set(theme) {
  update(() => {
    state.theme = theme;
  });
  const root = document.documentElement;
  if (theme === "auto") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
  document.dispatchEvent(new CustomEvent("themechange"));
  write(theme);
}

function read() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null; // storage is switched off: the choice holds for this page
  }
}

function write(theme) {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // see read()
  }
}
