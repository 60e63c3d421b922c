"""Write ``docs/errors.md``: every stable code of the product with its meaning and its remedy.

The codes are read from the source: a call or a table entry that holds a code, followed by what is
wrong and what to do. So the list cannot forget a code, and a code cannot go without words.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_CODE = re.compile(r"[A-Z]\d{3}")

_FAMILIES = {
    "C": "Content: YAML files cannot be read",
    "F": "FHIR: a patient's data cannot be used",
    "H": "A CDS Hooks call is wrong",
    "K": "Command line",
    "N": "Recognition words (`terminology/narrative.yaml`)",
    "P": "Presentation: frames, order and wording of cards (`cards/`)",
    "R": "Rules and definitions",
    "S": "Settings",
    "T": "Terminology",
    "U": "Units",
    "V": "Validation of the knowledge",
    "W": "HTTP",
    "X": "Cases of the rules",
}

_HEAD = """# Error codes

Every fault has a place, a stable code, what is wrong and what to do. `make docs` writes this list;
`…` stands for a name or place of the case at hand. What to do when in doubt: no card is not "all clear".
"""

Entry = tuple[str, str, str]
_UNSAID = "Said in the message itself."


def entries(root: Path) -> Iterator[Entry]:
    """Yield code, meaning and remedy of every place in the source that has a code with words."""
    for path in sorted(root.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield from _of_parts(node.args)
            elif isinstance(node, ast.Tuple):
                yield from _of_parts(node.elts)
            elif isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if key is not None:
                        yield from _of_parts(
                            [key, *(value.elts if isinstance(value, ast.Tuple) else [value])]
                        )


def _of_parts(parts: list[ast.expr]) -> Iterator[Entry]:
    words = [_text(part) for part in parts]
    for place, word in enumerate(words):
        if _CODE.fullmatch(word) and words[place + 1 :]:
            following = [text for text in words[place + 1 :] if " " in text]
            meaning, remedy = [*following, "", ""][:2]
            yield word, meaning or _UNSAID, remedy


def _text(node: ast.expr) -> str:
    """Return the words of a text; a part that is filled in at run time is an ellipsis."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return ""


def page(root: Path) -> str:
    """Return the whole document."""
    found: dict[str, dict[Entry, None]] = {}
    for entry in sorted(set(entries(root))):
        found.setdefault(entry[0], {})[entry] = None
    lines = [_HEAD]
    for letter, title in sorted(_FAMILIES.items()):
        codes = [code for code in sorted(found) if code.startswith(letter)]
        if codes:
            lines += [f"## {letter}: {title}\n", "| code | meaning | what to do |", "|---|---|---|"]
            lines += [_row(code, list(found[code])) for code in codes]
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _row(code: str, found: list[Entry]) -> str:
    spoken = [entry for entry in found if entry[1] != _UNSAID] or found
    said = [entry for entry in spoken if entry[1].endswith(".")] or spoken
    meanings = " / ".join(dict.fromkeys(_cell(meaning) for _code, meaning, _remedy in said))
    remedies = " / ".join(dict.fromkeys(_cell(remedy) for _code, _meaning, remedy in found if remedy))
    return f"| `{code}` | {meanings} | {remedies} |"


def _cell(text: str) -> str:
    return text.strip().replace("|", "\\|").replace("\n", " ")


def main() -> int:
    """Write the document."""
    (ROOT / "docs" / "errors.md").write_text(page(ROOT / "cds_service"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
