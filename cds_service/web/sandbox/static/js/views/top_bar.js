/** The bar on top: which page this is, the other places, the theme. The pages of the rules have the same. */

import { html, nothing } from "../html.js";
import { icon } from "../icons.js";
import { state } from "../state.js";
import { nextTheme, THEME_WORDS } from "../theme.js";

const THEME_ICONS = { auto: "half", light: "sun", dark: "moon" };
const PLACES = [
  ["sandbox", "./#/", "Sandbox"],
  ["rules", "../rules", "Rules"],
  ["feedback", "feedback", "Feedback"],
];

/**
 * @param {"sandbox"|"feedback"} here  The page it stands on.
 * @param {object} [more]  What else it holds, right of the name.
 * @returns {object} A template.
 */
export function topBar(here, more = nothing) {
  const home = here === "sandbox" ? "#/" : "./#/";
  const theme = THEME_WORDS[state.theme];
  return html`<header class="topbar">
    <a class="brand" href=${home} aria-label=${`twitch-cds ${here}: start`}><img src="../rules/static/icon.svg" alt="" width="22" height="22"><b>twitch-cds</b> <span>${here}</span></a>
    ${more}
    <span class="remark">Synthetic patients. For evaluation; not a medical device.</span>
    <nav class="places" aria-label="Other pages">${PLACES.map((place) => link(place, here))}</nav>
    <button type="button" class="plain square" title=${theme} aria-label=${theme} @click=${nextTheme}>${icon(THEME_ICONS[state.theme])}</button>
  </header>`;
}

function link([name, address, words], here) {
  return name === here
    ? html`<a href=${name === "sandbox" ? "#/" : address} aria-current="page">${words}</a>`
    : html`<a href=${address}>${words}</a>`;
}
