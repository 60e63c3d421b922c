/** The theme button of pages that have no other script: it is shown once it can do something. */

import { chooseTheme, keptTheme, themeAfter, THEME_WORDS } from "./theme.js";

const button = document.getElementById("theme");
let theme = keptTheme();

function name() {
  button.title = THEME_WORDS[theme];
  button.setAttribute("aria-label", THEME_WORDS[theme]);
}

button.addEventListener("click", () => {
  theme = themeAfter(theme);
  chooseTheme(theme);
  name();
});
name();
button.hidden = false;
