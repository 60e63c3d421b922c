"""Make text that came from a record harmless wherever a card may be shown: Markdown, HTML, plain, terminal.

Clients differ: some render ``detail`` as Markdown, one public sandbox lets raw HTML through, others
show plain text. Escapes of one of them are noise or holes in another. So every character that could
begin a construct is replaced by a sign that looks like it and means nothing; the reader sees what
the record says, and no client can act on it.
"""

from __future__ import annotations

import re
import unicodedata

#: Signs that could begin Markdown or HTML, each with a harmless twin of the same look.
_TWINS = str.maketrans(
    {
        "[": "(",
        "]": ")",
        "`": "\u02cb",
        "*": "\u2217",
        "_": "\u02cd",
        "~": "\u223c",
        "|": "\u00a6",
        "\\": "\u2216",
        "&": "\uff06",
        "@": "\uff20",
        "$": "\uff04",
    }
)
_LESS = re.compile(r"<(?!=?[ ]?\.?\d)")
_MORE = re.compile(r">(?!=?[ ]?\.?\d)")
#: A dot inside a host name or file name: automatic linking needs the real one.
_NAME_DOT = re.compile(r"(?<=[^\W\d_])\.(?=[^\W\d_]{2})|(?<=[0-9-])\.(?=[^\W\d_]{2})")
#: An address in numbers: some clients make a link of it.
_NUMBERS = re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}\b", re.ASCII)
_SPACE = re.compile(r"\s+")
_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{2})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)
_LINE_START = re.compile(r"(?P<sign>[-+>=#:])|(?P<number>\d{1,9})(?P<after>[.)])(?=\s|$)")
#: Printable ASCII without the signs that begin tags and entities.
_PLAIN = re.compile(r"[ -%'-;=?-~]*")
_READ_AT_MOST = 4_000


def neutral(text: str, limit: int = 200) -> str:
    """Return record text in one line of at most ``limit`` characters that no client can act on.

    Control, bidirectional, zero-width, private and unassigned characters are left out; a cut is
    shown by an ellipsis. Comparators before a number ("<0.2") stay as they are.
    """
    clean = _harmless_letters(text[:_READ_AT_MOST])
    clean = _LESS.sub("\u2039", _MORE.sub("\u203a", clean.translate(_TWINS)))
    clean = clean.replace("://", ":\u2215\u2215").replace("#", "\uff03").replace("!(", "(")
    clean = _NAME_DOT.sub("\u2024", clean)
    clean = _NUMBERS.sub(lambda found: found[0].replace(".", "\u2024"), clean)
    clean = _SPACE.sub(" ", clean).strip()
    return clean if len(clean) <= limit else clean[: max(limit - 1, 0)].rstrip() + "\u2026"


def exact(text: str, limit: int = 200) -> str:
    """Return an id, a code or an address of a record as it stands where it is plainly one, else ``neutral``.

    Programs compare these and people copy them; a sign none of them needs makes it a text like any other.
    """
    return text if len(text) <= limit and _PLAIN.fullmatch(text) else neutral(text, limit)


def visible(text: str) -> str:
    """Return text without what a terminal obeys or nobody sees; line breaks become spaces."""
    return _harmless_letters(text)


def _harmless_letters(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    composed = unicodedata.normalize("NFC", text)
    return _MARKS.sub(r"\1", "".join(_letter(sign) for sign in composed))


def _letter(sign: str) -> str:
    """Return the sign itself, a space for what separates, nothing for what is invisible."""
    category = unicodedata.category(sign)
    if category in ("Cc", "Zl", "Zp", "Zs"):
        return " "
    return "" if category in ("Cf", "Cs", "Co", "Cn") else sign


def guarded(line: str) -> str:
    """Return a Markdown line whose first sign cannot begin a list, heading, quote or rule.

    Only for lines whose beginning came from a record; the writer's own bullets go before it.
    """
    match = _LINE_START.match(line)
    if match is None:
        return line
    if match["sign"]:
        return "\\" + line
    return f"{match['number']}\\{line[match.end('number') :]}"
