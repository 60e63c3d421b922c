/** A call as a command for a shell: it works as it is pasted, whatever signs the request holds. */

/**
 * Write a call as a curl command.
 *
 * The request goes in as a here-document with its end quoted, so that the shell reads it letter by letter and
 * its length does not matter. An exclamation mark, which some shells expand even there, is written as JSON may
 * write it.
 *
 * @param {string} address  The whole address.
 * @param {string} body     The request as it is sent.
 * @returns {string}
 */
export function curlCommand(address, body) {
  const text = isJson(body) ? body.replaceAll("!", "\\u0021") : body;
  const end = endOf(text);
  return `curl -sS ${quoted(address)} -H 'Content-Type: application/json' --data-binary @- <<'${end}'\n${text}\n${end}\n`;
}

/** A line that does not stand in the text. */
function endOf(text) {
  const lines = new Set(text.split("\n"));
  let end = "REQUEST";
  while (lines.has(end)) end += "_";
  return end;
}

function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function isJson(text) {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
