/** The encounter a hook is about: one that is open on record, else a made-up one, which is said. */

import { instant } from "./format.js";

/** The id that stands in the context where the record has no open encounter: no record has it. */
export const MADE_UP = "sandbox-made-up-encounter";

const OPEN = ["arrived", "triaged", "in-progress", "onleave"];
const VOID = ["cancelled", "entered-in-error", "unknown"];

/**
 * @param {object[]} resources
 * @param {string} asOf
 * @returns {object|null} The latest Encounter that is open at that instant; null: none.
 */
export function openEncounter(resources, asOf) {
  const open = resources.filter((item) => item.resourceType === "Encounter" && isOpen(item, instant(asOf)));
  return open.sort((one, other) => startOf(other) - startOf(one))[0] ?? null;
}

/** An encounter with an end was open until then; without one its status says whether it still is. */
function isOpen(encounter, now) {
  if (VOID.includes(encounter.status) || startOf(encounter) > now) return false;
  const end = encounter.period?.end;
  return end ? instant(end) >= now : OPEN.includes(encounter.status);
}

/** An encounter without a start is older than any with one. */
function startOf(encounter) {
  const start = instant(encounter.period?.start ?? "");
  return Number.isNaN(start) ? -Infinity : start;
}
