"""Write ``docs/errors.md``: every stable code of the product with its meaning and its remedy.

The codes are read from the source: a call or a table entry that holds a code, followed by what is
wrong and what to do. So the list cannot forget a code, and a code cannot go without words.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_CODE = re.compile(r"[A-Z]\d{3}")

#: What each letter is about, and where such a fault is told: the catalogue covers more than HTTP.
_FAMILIES = {
    "B": ("Batch", "`quarantine.ndjson`, `batch`"),
    "C": ("Content: YAML files cannot be read", "at the start, `validate`"),
    "E": (
        "Sandbox: its FHIR endpoint and the data of its page",
        "status 400, 404, 406 and 415 under `/sandbox/`",
    ),
    "F": (
        "FHIR: a patient's data cannot be used",
        '`setAside` of an answer, "not assessed" on cards, status 412, `review`',
    ),
    "H": ("A CDS Hooks call is wrong", "status 400"),
    "K": ("Command line", "`twitch-cds`"),
    "N": ("Recognition words (`terminology/narrative.yaml`)", "at the start, `validate`"),
    "P": ("Presentation: frames, order and wording of cards (`cards/`)", "at the start, `validate`"),
    "R": ("Rules and definitions", "at the start, `validate`"),
    "S": ("Settings and site file", "at the start, `config check`, `site`"),
    "T": ("Terminology", "at the start, `validate`, `terminology`"),
    "U": ("Units", "`setAside` of an answer, `validate`"),
    "V": ("Validation of the knowledge", "`validate`"),
    "W": ("HTTP", "the status of the same number; W507 and W508 are status 503"),
    "X": ("Cases of the rules", "`validate`"),
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
        yield from _of_node(ast.parse(path.read_text(encoding="utf-8")), {})


def _of_node(node: ast.AST, said: Mapping[str, str]) -> Iterator[Entry]:
    """Yield what stands below a node; ``said`` are the texts that names of the function stand for."""
    if isinstance(node, ast.FunctionDef):
        said = _assigned(node)
    if isinstance(node, ast.Call):
        yield from _of_parts(node.args, said)
    elif isinstance(node, ast.Tuple):
        yield from _of_parts(node.elts, said)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if key is not None:
                yield from _of_parts([key, *(value.elts if isinstance(value, ast.Tuple) else [value])], said)
    for child in ast.iter_child_nodes(node):
        yield from _of_node(child, said)


def _assigned(function: ast.FunctionDef) -> dict[str, str]:
    """Return the names that are given one text and no other in a function."""
    texts: dict[str, set[str]] = {}
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts.setdefault(node.targets[0].id, set()).add(_text(node.value))
    return {name: min(found) for name, found in texts.items() if len(found) == 1}


def _of_parts(parts: list[ast.expr], said: Mapping[str, str]) -> Iterator[Entry]:
    words = [said.get(part.id, "") if isinstance(part, ast.Name) else _text(part) for part in parts]
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
    for letter, (title, told) in sorted(_FAMILIES.items()):
        codes = [code for code in sorted(found) if code.startswith(letter)]
        if codes:
            lines += [
                f"## {letter}: {title}\n",
                f"Told: {told}.\n",
                "| code | meaning | what to do |",
                "|---|---|---|",
            ]
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
