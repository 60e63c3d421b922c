/** Dates, ages and times as a person reads them. */

/**
 * @param {string} moment  FHIR text, as exact as the record is.
 * @returns {string} The day, or the month or year where the record says no more.
 */
export function day(moment) {
  return moment.slice(0, 10);
}

/**
 * @param {string} moment
 * @returns {string} Day and time of day, in the zone of the record; without a time only the day.
 */
export function dayAndTime(moment) {
  return moment.length > 10 ? `${moment.slice(0, 10)} ${moment.slice(11, 16)}` : moment;
}

/**
 * @param {string} moment
 * @returns {number} Milliseconds since 1970; NaN where it is no date.
 */
export function instant(moment) {
  return Date.parse(moment);
}

/**
 * @param {string} moment
 * @param {string} asOf
 * @returns {boolean} Whether it lies after the instant the patient is judged at.
 */
export function isLater(moment, asOf) {
  if (moment.length === 10) return moment > asOf.slice(0, 10);
  return instant(moment) > instant(asOf);
}

/**
 * @param {string} birthDate  A day, a month or a year.
 * @param {string} asOf
 * @returns {string} The age in words: days and months in the first two years, both ends where the record leaves it open;
 *   empty where it is not known.
 */
export function age(birthDate, asOf) {
  const then = new Date(day(asOf));
  const ages = [...new Set(bornOf(birthDate).filter((born) => born <= then).map((born) => ageAt(born, then)))];
  if (ages.length === 2) return ages.map((item, at) => (at === 0 ? item.replace(/ years$/, "") : item)).join(" or ");
  return ages[0] ?? "";
}

/** The last and the first day somebody may have been born: the younger age comes first. */
function bornOf(birthDate) {
  const first = new Date(birthDate);
  if (!birthDate || Number.isNaN(first.getTime())) return [];
  if (birthDate.length === 4) return [new Date(`${birthDate}-12-31`), first];
  if (birthDate.length === 7) return [new Date(Date.UTC(first.getUTCFullYear(), first.getUTCMonth() + 1, 0)), first];
  return [first];
}

function ageAt(born, then) {
  const days = Math.floor((then - born) / 86400000);
  if (days < 60) return counted(days, "day");
  const months = monthsBetween(born, then);
  return months < 24 ? counted(months, "month") : `${Math.floor(months / 12)} years`;
}

/**
 * @param {number} ms
 * @returns {string}
 */
export function duration(ms) {
  return ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/**
 * @param {number} count
 * @param {string} one   "rule"
 * @param {string} [many] "rules"
 * @returns {string}
 */
export function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

function monthsBetween(born, then) {
  const months = (then.getUTCFullYear() - born.getUTCFullYear()) * 12 + then.getUTCMonth() - born.getUTCMonth();
  return then.getUTCDate() < born.getUTCDate() ? months - 1 : months;
}
