"""Find the knowledge folders and read their YAML files strictly, keeping the line of every node.

Strict means: a duplicate key, an alias, a tag, a second document or a word YAML would silently
turn into something else (``no``, ``on``, ``2024-01-01``, ``0o17``, ``.5``) is refused or stays
text. Only ``true``, ``false``, whole numbers and plain decimals (as ``Decimal``) are read as
other than text. Nothing here knows what the files mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from cds_service.errors import ContentError, Issue

try:  # the C reader is five times faster; both give the same nodes
    from yaml import CSafeLoader as _Loader
except ImportError:  # pragma: no cover - depends on how PyYAML was built
    from yaml import SafeLoader as _Loader  # type: ignore[assignment]

Pointer = tuple[str | int, ...]

_WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9]\d{0,17})\.\d{1,18}")
_AMBIGUOUS = frozenset(["y", "n", "yes", "no", "on", "off", "null", "~", "nil"])
_PLAIN_TAGS = frozenset(
    f"tag:yaml.org,2002:{name}"
    for name in ("str", "int", "float", "bool", "null", "timestamp", "merge", "value")
)
_COLLECTION_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})
_MAX_BYTES = 4_000_000
_MAX_DEPTH = 40
_MAY_BE_DEEP = re.compile(r"^ {80}|(- ){10}|(\? ){10}", re.MULTILINE)


def content_root() -> Path:
    """Return the folder that holds ``cards/`` and ``terminology/``.

    In a wheel both are packed under ``cds_service/_content``; in a checkout or an editable
    install they stand beside the package.
    """
    packed = Path(str(files("cds_service"))) / "_content"
    return packed if packed.is_dir() else Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Document:
    """One YAML file: its data (dicts, lists, text, int, Decimal, bool) and where each part stands.

    ``path`` is shown to people, relative to the content root where possible. ``marks`` gives the
    line (from 1) of every value, keyed by its pointer from the top of the document.
    """

    path: str
    data: Any
    marks: Mapping[Pointer, int]

    def line(self, pointer: Pointer = ()) -> int:
        """Return the line of the node at ``pointer``, or of its nearest known parent."""
        while pointer and pointer not in self.marks:
            pointer = pointer[:-1]
        return self.marks.get(pointer, 1)

    def where(self, pointer: Pointer = ()) -> str:
        """Return ``path:line`` of the node at ``pointer``."""
        return f"{self.path}:{self.line(pointer)}"

    @cached_property
    def stem(self) -> str:
        """File name without its ending; equal to the ``id`` inside by house rule."""
        return Path(self.path).stem


def read_document(path: Path, root: Path | None = None) -> Document:
    """Read one YAML file strictly.

    Raises:
        ContentError: with ``file:line`` for every fault the reader can see at once.
    """
    shown = _shown(path, root)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise ContentError(
            Issue(shown, "C001", f"cannot be read ({error.strerror}).", "Check name and rights.")
        ) from None
    if len(text) > _MAX_BYTES:
        raise ContentError(Issue(shown, "C002", "is larger than 4 MB.", "Split it."))
    return parse_document(text, shown)


def parse_document(text: bytes | str, shown: str) -> Document:
    """Read YAML text strictly; ``shown`` names it in messages. Raises ContentError."""
    loader = _Loader(text)
    try:
        _refuse_deep_nesting(text, shown)
        node = loader.get_single_node()
    except (yaml.YAMLError, UnicodeError) as error:
        raise ContentError(_syntax_issue(error, shown)) from None
    finally:
        loader.dispose()
    if node is None:
        raise ContentError(Issue(f"{shown}:1", "C003", "is empty.", "Write the document or remove it."))
    reader = _Reader(shown)
    data = reader.read(node, ())
    if reader.issues:
        raise ContentError(*reader.issues)
    return Document(shown, data, reader.marks)


def iter_documents(folder: Path, root: Path | None = None) -> Iterator[Document]:
    """Yield every ``*.yaml`` below ``folder``, sorted by path so that order never depends on the disk.

    Raises:
        ContentError: after reading all files, with the issues of every file that is at fault.
    """
    issues: list[Issue] = []
    documents: list[Document] = []
    for path in sorted(folder.rglob("*.yaml")):
        try:
            documents.append(read_document(path, root))
        except ContentError as error:
            issues.extend(error.issues)
    if issues:
        raise ContentError(*issues)
    yield from documents


def _refuse_deep_nesting(text: bytes | str, shown: str) -> None:
    """Raise before the C reader, which recurses without a limit, meets a deep document.

    A cheap look decides whether it could be deep; only then is it read event by event.
    """
    plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
    if not _MAY_BE_DEEP.search(plain) and plain.count("[") + plain.count("{") <= _MAX_DEPTH:
        return
    depth = 0
    for event in yaml.parse(plain, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            mark = event.start_mark
            where = f"{shown}:{mark.line + 1 if mark else 1}"
            raise ContentError(
                Issue(where, "C005", "is nested too deeply.", "Give the inner part a name of its own.")
            )


def _shown(path: Path, root: Path | None) -> str:
    base = root or content_root()
    try:
        return path.resolve().relative_to(base.resolve()).as_posix()
    except ValueError:
        return path.name


def _syntax_issue(error: Exception, shown: str) -> Issue:
    mark = getattr(error, "problem_mark", None)
    line = mark.line + 1 if mark else 1
    problem = getattr(error, "problem", None) or str(error).splitlines()[0]
    return Issue(
        f"{shown}:{line}", "C004", f"is not YAML: {problem}.", "Check indentation, quotes and colons here."
    )


class _Reader:
    """Turns YAML nodes into data and collects every fault instead of stopping at the first."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.issues: list[Issue] = []
        self.marks: dict[Pointer, int] = {}
        self._seen: set[int] = set()

    def read(self, node: yaml.Node, pointer: Pointer) -> Any:
        line = node.start_mark.line + 1
        self.marks[pointer] = line
        if id(node) in self._seen:
            self._fault(
                line, "C006", "uses a YAML alias.", "Write the value out, or name it as a definition."
            )
            return None
        self._seen.add(id(node))
        if isinstance(node, yaml.CollectionNode) and node.tag not in _COLLECTION_TAGS:
            self._fault(line, "C009", "uses a YAML tag or anchor.", "Write plain text.")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, pointer)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(child, (*pointer, index)) for index, child in enumerate(node.value)]
        return self._scalar(node, line)

    def _mapping(self, node: yaml.MappingNode, pointer: Pointer) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                self._fault(line, "C007", "has a key that is not a word.", "Use a plain word as key.")
                continue
            key = key_node.value
            if key in result:
                self._fault(line, "C008", f"says {key!r} twice.", "Keep one of the two.")
            result[key] = self.read(value_node, (*pointer, key))
            self.marks[(*pointer, key)] = line
        return result

    def _scalar(self, node: yaml.Node, line: int) -> Any:
        value: str = node.value
        if node.tag not in _PLAIN_TAGS or getattr(node, "anchor", None):
            self._fault(line, "C009", "uses a YAML tag or anchor.", "Write plain text.")
        if getattr(node, "style", None):  # quoted or block text stays text; the C reader says "" for plain
            return value
        if value.lower() in _AMBIGUOUS or value == "":
            self._fault(
                line,
                "C010",
                f"has the bare word {value!r}, which YAML may read as something else.",
                "Put it in quotes, or write true or false.",
            )
            return None
        if value in ("true", "false"):
            return value == "true"
        if _WHOLE.fullmatch(value):
            return int(value)
        if _DECIMAL.fullmatch(value):
            return Decimal(value)
        return value

    def _fault(self, line: int, code: str, what: str, remedy: str) -> None:
        self.issues.append(Issue(f"{self.shown}:{line}", code, what, remedy))
