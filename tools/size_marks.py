"""Check the size marks of the house: short functions, small modules, every public name explained.

A function's length is counted in lines from ``def`` to its end, its docstring left out, so that
nobody saves on explanations.
"""

from __future__ import annotations

import ast
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MODULE_LINES = 400
MEDIAN_LINES = 12
P90_LINES = 40
MOST_LINES = 80

_Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True)
class Measure:
    """One function: where it stands, how many lines it has, what is missing from its signature."""

    where: str
    name: str
    lines: int
    faults: tuple[str, ...]


def check(root: Path) -> list[str]:
    """Return every broken mark of the Python files below ``root``, one sentence each, sorted."""
    faults: list[str] = []
    measures: list[Measure] = []
    for path in sorted(root.rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        shown = path.relative_to(root.parent).as_posix()
        count = len(text.splitlines())
        if count > MODULE_LINES:
            faults.append(f"{shown}: has {count} lines; a module has at most {MODULE_LINES}. Split its duty.")
        measures.extend(measure(ast.parse(text), shown))
    faults.extend(f"{item.where}: {item.name} {fault}" for item in measures for fault in item.faults)
    return sorted(faults) + _distribution(measures)


def measure(tree: ast.Module, shown: str) -> Iterator[Measure]:
    """Yield a measure for every function of a module, methods and inner functions included."""
    for node, is_public in _functions(tree, is_public=True):
        faults = _signature_faults(node) if is_public else []
        lines = _length(node)
        if lines > MOST_LINES:
            faults.append(f"has {lines} lines; a function has at most {MOST_LINES}.")
        yield Measure(f"{shown}:{node.lineno}", node.name, lines, tuple(faults))


def _functions(node: ast.AST, *, is_public: bool) -> Iterator[tuple[_Function, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Function):
            yield child, is_public and not child.name.startswith("_")
            yield from _functions(child, is_public=False)
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, is_public=is_public and not child.name.startswith("_"))
        else:
            yield from _functions(child, is_public=is_public)


def _length(node: _Function) -> int:
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node, clean=False) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def _signature_faults(node: _Function) -> list[str]:
    faults = []
    if ast.get_docstring(node) is None:
        faults.append("is public and has no docstring.")
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    bare = [item.arg for item in arguments if item.annotation is None and item.arg not in ("self", "cls")]
    if bare or node.returns is None:
        faults.append(
            f"is public and not annotated: {', '.join([*bare, 'return'] if not node.returns else bare)}."
        )
    return faults


def _distribution(measures: list[Measure]) -> list[str]:
    lengths = sorted(item.lines for item in measures)
    if not lengths:
        return []
    median, ninety = statistics.median(lengths), lengths[int(len(lengths) * 0.9)]
    faults = []
    if median > MEDIAN_LINES:
        faults.append(f"the median function has {median} lines; the mark is {MEDIAN_LINES}.")
    if ninety > P90_LINES:
        faults.append(f"one function in ten has {ninety} lines or more; the mark is {P90_LINES}.")
    return faults


def main(arguments: list[str]) -> int:
    """Print every broken mark of the given folders; return 1 when there is one."""
    faults = [fault for argument in arguments for fault in check(Path(argument).resolve())]
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
