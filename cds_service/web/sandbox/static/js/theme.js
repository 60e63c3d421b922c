/** The theme as part of the state: the pages of the rules and this one share the choice. */

import { chooseTheme, keptTheme, themeAfter } from "../../../rules/static/theme.js";
import { state, update } from "./state.js";

export { THEME_WORDS } from "../../../rules/static/theme.js";

/** Take up the choice made before. */
export function restoreTheme() {
  take(keptTheme());
}

/** Go on to the next choice. */
export function nextTheme() {
  take(themeAfter(state.theme));
}

function take(theme) {
  update(() => {
    state.theme = theme;
  });
  chooseTheme(theme);
}
