/** Light or dark: as the system has it, or as the person chose; the choice stays in this browser, for all pages. */

const KEY = "twitch-cds.theme";

/** The choices, in the order the button goes through them, and what each is called. */
export const THEMES = ["auto", "light", "dark"];
export const THEME_WORDS = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

/**
 * @returns {"auto"|"light"|"dark"} The choice made before; "auto" where there is none.
 */
export function keptTheme() {
  const kept = read();
  return THEMES.includes(kept) ? kept : "auto";
}

/**
 * @param {string} theme
 * @returns {"auto"|"light"|"dark"} The choice after this one.
 */
export function themeAfter(theme) {
  return THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length];
}

/**
 * Have the page in a theme, and every page from now on.
 *
 * @param {"auto"|"light"|"dark"} theme
 */
export function chooseTheme(theme) {
  show(theme);
  write(theme);
  document.dispatchEvent(new CustomEvent("themechange"));
}

function show(theme) {
  const root = document.documentElement;
  if (theme === "auto") root.removeAttribute("data-theme");
  else root.setAttribute("data-theme", theme);
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

show(keptTheme()); // at once: pages name this module with blocking="render", so that none flashes in the other theme
