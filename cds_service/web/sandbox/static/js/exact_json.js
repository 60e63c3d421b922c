/** JSON without loss: numbers keep the digits they are written with (1.80 stays 1.80), on their way in and out. */

/** Whether this browser tells how a number is written and can write it so (ECMAScript "JSON.parse source text access"). */
export const KEEPS_DIGITS = typeof JSON.rawJSON === "function";

/** A number that JavaScript would write with other digits; as text, and in JSON, it is what was written. */
export class WrittenNumber {
  #digits;

  /**
   * @param {string} digits  A number as JSON has it.
   */
  constructor(digits) {
    this.#digits = digits;
  }

  toString() {
    return this.#digits;
  }

  toJSON() {
    return JSON.rawJSON(this.#digits);
  }
}

/**
 * @param {string} text
 * @returns {any}  The value; a number whose digits would change is a `WrittenNumber`. Without `KEEPS_DIGITS` none is.
 * @throws {SyntaxError} Where it is not JSON.
 */
export function parseExactly(text) {
  return KEEPS_DIGITS ? JSON.parse(text, asWritten) : JSON.parse(text);
}

function asWritten(_name, value, { source }) {
  return typeof value === "number" && String(value) !== source ? new WrittenNumber(source) : value;
}
