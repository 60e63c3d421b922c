/** Puts a text on the clipboard, and says so. */

import { say } from "./live.js";

/**
 * @param {string} text
 * @param {string} what  "Request", for what is said.
 * @returns {Promise<boolean>}  Whether it is there now.
 */
export async function copy(text, what) {
  const done = (await written(text)) || selected(text);
  say(done ? `${what} copied` : `${what} could not be copied: the browser does not allow it`);
  return done;
}

async function written(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return false; // not allowed, or the page was opened by a name that is not "secure"
  }
}

/** The way from before there was an interface for it. */
function selected(text) {
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  const focused = document.activeElement;
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}
