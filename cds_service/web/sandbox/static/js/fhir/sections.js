/** The resources of a record under the headings of a chart, each as one line; nothing is left out. */

import { standingOf } from "./status.js";
import { conceptCode, conceptWords, dateOf, dosageWords, drugStart, drugWords, listed, referenceOf, text, valueWords } from "./words.js";

/**
 * @typedef {object} Row  One line of the chart.
 * @property {string} reference  "Type/id".
 * @property {string} title
 * @property {string} note    Dose, value, reason: empty where there is none.
 * @property {string} remarks What somebody wrote beside it: the service reads it, too.
 * @property {string} date    FHIR text; empty where the record has none.
 * @property {string} status  Only where it says more than "as usual".
 * @property {boolean} isOver Stopped, resolved, entered in error: shown after the others, and softer.
 * @property {boolean} isVoid Entered in error, refuted, not done: struck out.
 * @property {object} resource
 */

/**
 * @typedef {object} Sections
 * @property {Row[]} problems
 * @property {Row[]} drugs
 * @property {Row[]} findings   Symptoms, examinations, questionnaires.
 * @property {Row[]} allergies
 * @property {Row[]} results    Laboratory results and vital signs that stand in no series.
 * @property {Row[]} others     Encounters, procedures, reports and everything else.
 */

const DRUGS = ["MedicationRequest", "MedicationStatement", "MedicationAdministration", "MedicationDispense"];

/** Letters of what was written beside an entry: more stands in the record itself. */
const MOST_REMARKS = 400;

/**
 * @param {object} resource
 * @param {object[]} all  The record.
 * @returns {string} What the entry is called in the chart.
 */
export function nameOf(resource, all) {
  return readRow(resource, all).title;
}

/**
 * Sort a record under headings.
 *
 * @param {object[]} resources
 * @param {Set<string>} inSeries  References that stand in a series already.
 * @returns {Sections}
 */
export function sectionsOf(resources, inSeries) {
  const found = { problems: [], drugs: [], findings: [], allergies: [], results: [], others: [] };
  for (const resource of resources) {
    const section = sectionOf(resource);
    if (section && !inSeries.has(referenceOf(resource))) found[section].push(readRow(resource, resources));
  }
  for (const rows of Object.values(found)) rows.sort(byWeightAndDate);
  return found;
}

function sectionOf(resource) {
  if (resource.resourceType === "Patient" || resource.resourceType === "Medication") return null;
  if (resource.resourceType === "Condition") return "problems";
  if (DRUGS.includes(resource.resourceType)) return "drugs";
  if (resource.resourceType === "AllergyIntolerance") return "allergies";
  if (resource.resourceType === "QuestionnaireResponse") return "findings";
  if (resource.resourceType !== "Observation") return "others";
  const categories = listed(resource.category).map(conceptCode);
  return categories.includes("laboratory") || categories.includes("vital-signs") ? "results" : "findings";
}

/** What has a form no FHIR has stays in the chart by its name: one such resource must not hide the others. */
function readRow(resource, all) {
  try {
    return rowOf(resource, all);
  } catch {
    const reference = referenceOf(resource);
    return { reference, title: reference, note: "not valid FHIR: this page cannot read it", remarks: "", date: "", status: "unreadable", isOver: false, isVoid: false, resource };
  }
}

function rowOf(resource, all) {
  const isDrug = DRUGS.includes(resource.resourceType);
  const { words, isOver, isVoid } = standingOf(resource);
  const title = isDrug ? drugWords(resource, all) : titleOf(resource);
  return {
    reference: referenceOf(resource),
    title,
    note: withoutTitle(isDrug ? dosageWords(resource) : noteOf(resource), title),
    remarks: remarksOf(resource),
    date: isDrug ? drugStart(resource) : dateOf(resource),
    status: words,
    isOver,
    isVoid,
    resource,
  };
}

/** A dosage often begins with the name of the drug: once is enough. */
function withoutTitle(note, title) {
  return note.startsWith(title) ? note.slice(title.length).replace(/^[\s,:;]+/, "") : note;
}

const UNNAMED = { Condition: "Problem not named", AllergyIntolerance: "Allergy not named", Observation: "Result not named" };

function titleOf(resource) {
  if (resource.resourceType === "FamilyMemberHistory") return relativeWords(resource);
  const named = conceptWords(resource.code) || conceptWords(resource.vaccineCode);
  if (named) return named;
  if (resource.resourceType === "Encounter") return encounterTitle(resource);
  if (resource.resourceType === "DocumentReference") return conceptWords(resource.type) || "Document";
  return UNNAMED[resource.resourceType] ?? spaced(resource.resourceType);
}

function relativeWords(history) {
  return `Family history: ${conceptWords(history.relationship) || text(history.name) || "relative not named"}`;
}

function encounterTitle(encounter) {
  const reasons = listed(encounter.reasonCode).map(conceptWords).filter(Boolean);
  return reasons.join(", ") || "Encounter";
}

function noteOf(resource) {
  if (resource.resourceType === "Observation") return valueWords(resource);
  if (resource.resourceType === "Condition") return listed(resource.bodySite).map(conceptWords).filter(Boolean).join(", ");
  if (resource.resourceType === "QuestionnaireResponse") return questionnaireWords(resource);
  if (resource.resourceType === "Encounter") return encounterClass(resource);
  if (resource.resourceType === "AllergyIntolerance") return reactionWords(resource);
  if (resource.resourceType === "FamilyMemberHistory") return listed(resource.condition).map((item) => conceptWords(item?.code)).filter(Boolean).join(", ");
  return text(resource.conclusion) || (titleOf(resource) === spaced(resource.resourceType) ? "" : spaced(resource.resourceType));
}

function remarksOf(resource) {
  const written = listed(resource.note).map((item) => text(item?.text).trim()).filter(Boolean).join("; ");
  return written.length > MOST_REMARKS ? `${written.slice(0, MOST_REMARKS)} ...` : written;
}

function reactionWords(allergy) {
  const shown = listed(allergy.reaction).flatMap((reaction) => listed(reaction?.manifestation).map(conceptWords));
  return shown.filter(Boolean).join(", ");
}

function encounterClass(encounter) {
  const words = { AMB: "outpatient visit", IMP: "hospital stay", ACUTE: "hospital stay", EMER: "emergency", HH: "home visit", VR: "virtual visit" };
  const code = text(encounter.class?.code);
  return Object.hasOwn(words, code) ? words[code] : "encounter";
}

function questionnaireWords(response) {
  const answers = [];
  const collect = (items) => {
    for (const item of items ?? []) {
      for (const answer of item.answer ?? []) {
        answers.push(`${item.text ?? item.linkId}: ${answerWords(answer)}`);
        collect(answer.item);
      }
      collect(item.item);
    }
  };
  collect(response.item);
  return answers.join("; ");
}

function answerWords(answer) {
  return answer.valueCoding ? conceptWords({ coding: [answer.valueCoding] }) : valueWords(answer);
}

function spaced(type) {
  return String(type).replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase().replace(/^./, (letter) => letter.toUpperCase());
}

function byWeightAndDate(one, other) {
  const weight = (row) => Number(row.isOver) + Number(row.isVoid);
  return weight(one) - weight(other) || other.date.localeCompare(one.date) || one.title.localeCompare(other.title);
}
