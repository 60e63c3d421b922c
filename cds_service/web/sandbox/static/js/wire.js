/** Sizes and texts of what goes over the wire. */

const texts = new WeakMap();

/**
 * @param {object|string|null} body
 * @returns {string}  As JSON with two spaces; a text as it is.
 */
export function formatted(body) {
  if (typeof body === "string") return body;
  if (body === null) return "";
  if (!texts.has(body)) texts.set(body, JSON.stringify(body, null, 2));
  return texts.get(body);
}

/**
 * @param {object|string} body
 * @returns {string}  As `api.js` sends it.
 */
export function bodyText(body) {
  return typeof body === "string" ? body : JSON.stringify(body);
}

/**
 * @param {string} text
 * @returns {number}  In UTF-8.
 */
export function bytesOf(text) {
  return new TextEncoder().encode(text).length;
}

/**
 * @param {number} bytes
 * @returns {string} "34.6 kB"
 */
export function sizeWords(bytes) {
  if (bytes < 1000) return `${bytes} bytes`;
  return bytes < 1e6 ? `${(bytes / 1000).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
