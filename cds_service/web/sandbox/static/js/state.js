/** The state of the page: one object, changed through `update` alone and drawn once per turn. */

/**
 * @typedef {object} Problem  A fault told to the person at the page.
 * @property {string} title  What went wrong, in a few words.
 * @property {string} text   What it means and what to do; empty where nothing is known.
 * @property {string} [code] The stable code of the service, for example "H010".
 */

/**
 * @typedef {object} Story  One bundled patient (`patients.json`).
 * @property {string} story
 * @property {string} patientId
 * @property {string} name
 * @property {string} sex
 * @property {string} birthDate
 * @property {number|null} age  In years on the day of the story.
 * @property {string} sentence
 * @property {string} asOf
 * @property {string} group
 * @property {{ruleId: string, title: string, indicator: string}[]} causes  What must come out, by rank.
 */

/**
 * @typedef {object} OpenRecord  The record that is open.
 * @property {string} key        Its place in the address: the story's id, or "own".
 * @property {string} patientId
 * @property {Story|null} story  null for a record of one's own.
 * @property {object|null} bundle  The Bundle of one's own; null for a bundled patient.
 * @property {object|null} given  A CDS Hooks request of one's own, sent as it is; else null.
 * @property {string} asOf       The instant the patient is judged at.
 * @property {string} storyAsOf  The instant the record was written for.
 * @property {boolean} isPartial  Whether some of `resources` could not be read.
 * @property {object[]|null} resources  All resources of the record; null while they are on their way.
 * @property {Chart|null} chart  Series as the product reads them; null while they are on their way.
 * @property {Problem|null} problem
 */

/**
 * @typedef {object} Chart
 * @property {Series[]} labs  Laboratory results, vital signs and scores: see `kind`.
 * @property {string} asOf  The instant the series were read at.
 * @property {Problem|null} problem  Why they could not be read.
 * @property {{source: string, code: string, message: string}[]} setAside  What the product could not use.
 */

/**
 * @typedef {object} Series
 * @property {string} analyte
 * @property {"lab"|"vital"|"survey"} kind
 * @property {string} title
 * @property {string} unit  Of the product; `shownUnit` is that of the record.
 * @property {string} [shownUnit]
 * @property {Range|null} usual       The usual range of adults; null for others.
 * @property {Range|null} usualShown  The same in the unit of the record.
 * @property {Point[]} points  By date.
 * @property {Threshold[]} thresholds
 */

/**
 * @typedef {object} Threshold
 * @property {string} value
 * @property {"above"|"below"} direction
 * @property {string} ruleId
 * @property {string} title  Of the rule.
 * @property {string} text   "at least 1.5 mmol/L"
 * @property {string} [shown]      The value in the unit of the record.
 * @property {string} [shownText]
 */

/** @typedef {{low: string|null, high: string|null}} Range */

/**
 * @typedef {object} Point
 * @property {string} date
 * @property {string|null} value  A decimal in the unit of the series, exactly; null where the result is a word.
 * @property {{value: string|null, low: string|null, high: string|null}} [shown]  The same in the unit of the record.
 * @property {string} comparator  "<" and the like, mostly empty.
 * @property {"low"|"normal"|"high"|null} direction  As the laboratory said, else by its own range, else by the usual one.
 * @property {boolean} critical       Whether the laboratory marked it as a critical value.
 * @property {boolean} preliminary
 * @property {"unit"|"sample"|"unusable"|null} doubt
 * @property {string} reported  As the record has it, with its unit.
 * @property {string} source    "Observation/..."
 * @property {Range|null} range
 * @property {string} rangeReported  As the record has it.
 * @property {boolean} after    After the instant the patient is judged at.
 */

/**
 * @typedef {object} Call  One call of a service.
 * @property {number} id
 * @property {string} record   The `key` of the record it is about.
 * @property {string} hook
 * @property {string} asOf     The instant the patient was judged at.
 * @property {string} service
 * @property {string} address  Relative to the page.
 * @property {object} request
 * @property {Object<string, string>} queries  What an EHR would have asked for, by prefetch key.
 * @property {import("./api.js").Answer|null} answer  null while it is on its way.
 */

export const state = {
  /** Where the address of the page points: a record and a tab of the panel. */
  route: { key: null, tab: "cards" },
  /** What the window has room for: "wide" (three columns), "middle" (two), "narrow" (one). */
  room: "wide",
  /** Whether the list of patients is shown over the page, where it has no column of its own. */
  drawer: false,
  theme: "auto",
  /** Services by hook, as discovery names them; null until it answered. */
  services: null,
  /** @type {Problem|null} Why discovery did not answer. */ discovery: null,
  patients: {
    /** @type {Story[]|null} */ list: null,
    filter: "",
    /** @type {Problem|null} */ problem: null,
    /** Where the service itself can fetch from, as `fhirServer` of a request names it. */
    fhirServer: "",
    /** The same with a fault, by the fault's name. */
    faults: {},
    /** Whether the services can be told to forget what was shown and answered. */
    canForget: false,
    /** The largest request the service takes, in MiB; null until it said so. */
    /** @type {number|null} */ maxBodyMib: null,
  },
  /** @type {OpenRecord|null} */ record: null,
  /** @type {Call[]} The latest last. */ calls: [],
  /** The `id` of the call whose answer is shown; null: none yet. */
  shown: null,
  /** What became of cards, by uuid: see `answers.js`. */
  outcomes: {},
  /** The card whose reasons for dismissing are asked for, by uuid. */
  dismissing: null,
  /** What is unfolded, by a key of its own ("detail:uuid", "values:potassium"). */
  open: {},
  /** The resource pointed at in the chart ("Observation/1"); null: none. */
  highlight: null,
  /** Draft orders that are not signed: {resource, label, from}. */
  drafts: [],
  /** Choices of the developer panel that change what is sent: see `requests.js`. */
  sending: { omitted: [], fault: null },
  /** For the panels, each under its own name. */
  why: {},
  developer: {},
  orders: {},
  ownData: {},
  /** The page of the feedback: what it asks for, and what it was told (`feedback.json`; null until it came). */
  feedback: { days: 90, rule: null, reason: null, report: null, /** @type {Problem|null} */ problem: null },
};

let draw = () => {};
let isDue = false;

/**
 * Change the state and have it drawn before the browser turns to anything else.
 *
 * @param {(state: typeof import("./state.js").state) => void} change  Changes the state in place.
 */
export function update(change) {
  change(state);
  if (isDue) return;
  isDue = true;
  queueMicrotask(() => {
    isDue = false;
    draw();
  });
}

/**
 * Name the function that draws the whole page.
 *
 * @param {() => void} render
 */
export function drawWith(render) {
  draw = render;
}

/**
 * @returns {Call|null} The call whose answer is shown, if it is about the record that is open.
 */
export function shownCall() {
  const call = state.calls.find((item) => item.id === state.shown);
  return call && state.record && call.record === state.record.key ? call : null;
}
