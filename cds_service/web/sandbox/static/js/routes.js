/** The address of a view: `#/story/tab`, so that every view can be linked and Back works. */

export const TABS = ["chart", "cards", "why", "developer"];

/**
 * @param {string} hash  `location.hash`.
 * @returns {{key: string|null, tab: string}}  The record (null: none) and the tab; an unknown tab is "cards".
 */
export function readRoute(hash) {
  const [key, tab] = hash.startsWith("#/") ? hash.slice(2).split("/").map(decoded) : [];
  return { key: key || null, tab: TABS.includes(tab) ? tab : "cards" };
}

/**
 * @param {string|null} key
 * @param {string} [tab]
 * @returns {string} The address of a view, for links.
 */
export function addressOf(key, tab = "cards") {
  return key === null ? "#/" : `#/${encodeURIComponent(key)}/${tab}`;
}

/**
 * Go to a view.
 *
 * @param {string|null} key
 * @param {string} [tab]
 */
export function go(key, tab = "cards") {
  window.location.hash = addressOf(key, tab);
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
