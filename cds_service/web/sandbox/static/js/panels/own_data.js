/** Slot of records of one's own: dropped on the page or chosen as a file; they stay in this browser and process. */

import { nothing } from "../html.js";

/**
 * @returns {object} The template below the list of patients.
 */
export function ownDataControl() {
  return nothing;
}

/**
 * @returns {object} What makes an element one on which files can be dropped; placed inside its opening tag.
 */
export function dropTarget() {
  return nothing;
}
