/** Slot of what a clinician does in an EHR beside ordering: encounters, problems, refills; each calls its hook. */

import { nothing } from "../html.js";

/**
 * @returns {object} The template below the name of the patient.
 */
export function actionBar() {
  return nothing;
}

/**
 * @param {import("../fhir/sections.js").Row} _row  A drug of the chart.
 * @returns {object} What can be done with it.
 */
export function drugAction(_row) {
  return nothing;
}
