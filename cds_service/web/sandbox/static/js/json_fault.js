/** Where a text stops being JSON, or says a name twice, with line and column: browsers tell it differently, or not at all. */

/**
 * @typedef {object} Fault
 * @property {number} offset  In the text, from 0.
 * @property {number} line    From 1.
 * @property {number} column  From 1.
 * @property {string} message
 */

const SPACE = /[ \t\n\r]*/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w.+-])/y;
const WORD = /(?:true|false|null)(?!\w)/y;
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\]:]/g;
const ENDS = { "{": "}", "[": "]" };

/**
 * @param {string} text
 * @returns {Fault|null}  null where the text is JSON.
 */
export function faultOf(text) {
  try {
    JSON.parse(text);
    return null;
  } catch {
    return placed(text, scan(text));
  }
}

/**
 * @param {string} text  JSON.
 * @returns {Fault|null}  Where an object says a name for the second time: a browser would pass over the first value.
 */
export function repeatedIn(text) {
  const open = [];
  let last = null;
  for (const { 0: token, index } of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") open.push(new Set());
    else if (token === "}" || token === "]") open.pop();
    else if (token !== ":") last = { token, index };
    else {
      const name = JSON.parse(last.token);
      if (open.at(-1).has(name)) return placed(text, { at: last.index, message: `"${name}" is said twice.` });
      open.at(-1).add(name);
    }
  }
  return null;
}

/** Read values, names and signs one after the other, until one is not what must stand there. */
function scan(text) {
  const open = [];
  let wanted = "value";
  let at = 0;
  for (;;) {
    at = past(SPACE, text, at);
    const sign = text[at];
    if (wanted === "end" && at === text.length) return { at: 0, message: "The browser cannot read this." };
    if (at === text.length) return { at, message: atTheEnd(open, wanted) };
    const step = STEPS[wanted](text, at, sign, open);
    if (step.message) return step;
    [at, wanted] = [step.at, step.wanted];
  }
}

const STEPS = {
  value: readValue,
  "value or ]": (text, at, sign, open) => (sign === "]" ? close(at, open) : readValue(text, at, sign, open)),
  name: readName,
  "name or }": (text, at, sign, open) => (sign === "}" ? close(at, open) : readName(text, at, sign)),
  colon: (text, at, sign) => (sign === ":" ? { at: at + 1, wanted: "value" } : { at, message: "A colon is missing here, between name and value." }),
  comma: readComma,
  end: (text, at) => ({ at, message: "Nothing may stand here: the value ended before." }),
};

function readValue(text, at, sign, open) {
  if (sign === "{" || sign === "[") {
    open.push(sign);
    return { at: at + 1, wanted: sign === "{" ? "name or }" : "value or ]" };
  }
  const after = [STRING, NUMBER, WORD].map((pattern) => past(pattern, text, at)).find((end) => end > at);
  if (after !== undefined) return { at: after, wanted: afterValue(open) };
  if (sign === '"') return badString(text, at);
  if ((sign === "]" || sign === "}") && open.length) return { at, message: `A value is missing before ${sign}; or there is a comma too many.` };
  return { at, message: "A value must stand here: a text in double quotes, a number, true, false, null, { or [." };
}

function readName(text, at, sign) {
  const after = past(STRING, text, at);
  if (after > at) return { at: after, wanted: "colon" };
  if (sign === '"') return badString(text, at);
  if (sign === "}") return { at, message: "There is a comma too many before }." };
  return { at, message: "A name in double quotes must stand here." };
}

function readComma(text, at, sign, open) {
  const last = open.at(-1);
  if (sign === ENDS[last]) return close(at, open);
  if (sign === ",") return { at: at + 1, wanted: last === "{" ? "name" : "value" };
  return { at, message: `A comma or ${ENDS[last]} is missing here.` };
}

/** Return where a text in quotes goes wrong: an escape there is none of, a line break, or no end. */
function badString(text, at) {
  const good = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*/y;
  const end = past(good, text, at);
  if (end >= text.length) return { at, message: "The text that begins here has no closing quote." };
  if (text[end] === "\\") return { at: end, message: "JSON knows no such escape: write \\\\ for a backslash." };
  return { at: end, message: "A line break or control character may not stand in a text: write \\n, or close the quote before." };
}

function close(at, open) {
  open.pop();
  return { at: at + 1, wanted: afterValue(open) };
}

function afterValue(open) {
  return open.length ? "comma" : "end";
}

function atTheEnd(open, wanted) {
  if (!open.length) return "There is nothing: a JSON object must stand here.";
  return wanted === "colon" ? "The text ends after a name." : `The text ends before ${ENDS[open.at(-1)]} closes what is open.`;
}

function past(pattern, text, at) {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : at;
}

function placed(text, { at, message }) {
  const before = text.slice(0, at);
  const line = before.split("\n").length;
  return { offset: at, line, column: at - before.lastIndexOf("\n"), message };
}
