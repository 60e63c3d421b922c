/** Starts the page of the feedback: which cards were accepted, dismissed or left alone. */

import { html, render } from "./html.js";
import { restoreTheme } from "./theme.js";

const root = document.getElementById("app");
root.replaceChildren();
restoreTheme();
render(
  html`<header class="topbar"><a class="brand" href="./"><img src="static/icon.svg" alt="" width="22" height="22">twitch-cds <span>feedback</span></a></header>
    <main class="welcome"><h1>Feedback</h1><p class="soft">Not built yet.</p></main>`,
  root,
);
