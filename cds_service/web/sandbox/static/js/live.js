/** Says aloud what changed, for those who do not see it. */

/**
 * @param {string} words
 */
export function say(words) {
  const place = document.getElementById("live");
  if (!place) return;
  place.textContent = "";
  window.setTimeout(() => {
    place.textContent = words;
  }, 50);
}
