"""Check content documents against their JSON Schemas and say in plain sentences what is wrong.

Schemas stand in ``cards/schema/<name>.schema.json`` (draft 2020-12). A check costs milliseconds, so
``Passed`` remembers, by content hash and never by file name, which documents passed before.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from cds_service.content import Document, Pointer
from cds_service.errors import ContentError, Issue

_KINDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
}
#: What a value must look like, by the name of the schema part that asks for it.
_FORMS = {
    "slug": "a name in lower-case words joined by hyphens",
    "duration": "a duration such as '30 days' (minutes, hours, days or years)",
    "limit": "a number, a space and a unit, such as '3.5 mmol/L' or '4 x range-high'",
    "amount": "a number, a space and a unit, such as '10 mmol/L' or '30 %'",
    "ages": "an age such as '18 years' or '28 days'",
    "targets": "rule ids, a folder such as 'red-flag/', or 'rule#branch'",
    "text": "text without markup in which {slots} and [optional pieces] are complete",
    "date": "a date such as '2025-06-01'",
}
_COUNTS = {
    "minItems": "has too few entries",
    "maxItems": "has too many entries",
    "minLength": "is too short",
    "maxLength": "is too long",
    "minProperties": "says too little",
    "minimum": "is too small",
    "maximum": "is too large",
    "uniqueItems": "says the same thing twice",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``Did you mean 'x'?`` for the known word most like ``word``, or an empty text."""
    close = difflib.get_close_matches(word, sorted(known), n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}?" if close else ""


class Schemas:
    """The JSON Schemas of one content root, read when first asked for."""

    def __init__(self, folder: Path) -> None:
        """Read all schema files of a folder, ``cards/schema``. Raises ContentError for an unreadable one."""
        self._schemas = {
            path.name.removesuffix(".schema.json"): _read_schema(path)
            for path in sorted(folder.glob("*.schema.json"))
        }
        contents = [schema for schema, _ in self._schemas.values()]
        self._registry: Registry[Any] = Registry().with_contents(
            ((schema["$id"], schema) for schema in contents if "$id" in schema),
            default_specification=DRAFT202012,
        )
        self._parts = {
            id(part): name for schema in contents for name, part in schema.get("$defs", {}).items()
        }

    def __contains__(self, name: str) -> bool:
        return name in self._schemas

    def issues(self, document: Document, name: str) -> list[Issue]:
        """Return every fault of form of a document; ``name`` is that of the schema, such as ``rule``."""
        validator = Draft202012Validator(self[name], registry=self._registry)
        plain = _Plain(document, self._parts)
        return sorted(
            {issue for error in validator.iter_errors(document.data) for issue in plain.tell(error)}
        )

    def __getitem__(self, name: str) -> dict[str, Any]:
        """Return a schema; its ``properties`` stand in the order keys are written in. Raises ContentError."""
        return self._find(name)[0]

    def fingerprint(self, name: str) -> bytes:
        """Return a hash that changes when any schema changes, for they refer to one another."""
        self._find(name)
        return (
            hashlib.sha256(b"".join(digest for _, digest in self._schemas.values())).digest() + name.encode()
        )

    def _find(self, name: str) -> tuple[dict[str, Any], bytes]:
        try:
            return self._schemas[name]
        except KeyError:
            raise ContentError(
                Issue(f"cards/schema/{name}.schema.json", "V100", "is missing.", "Restore the file.")
            ) from None


def _read_schema(path: Path) -> tuple[dict[str, Any], bytes]:
    try:
        raw = path.read_bytes()
        return json.loads(raw), hashlib.sha256(raw).digest()
    except (OSError, ValueError) as error:
        raise ContentError(
            Issue(
                f"cards/schema/{path.name}",
                "V100",
                f"is not a readable schema ({type(error).__name__}).",
                "Restore the file.",
            )
        ) from None


class _Plain:
    """Turns the errors of one document into sentences, going down to the part that was meant."""

    def __init__(self, document: Document, parts: Mapping[int, str]) -> None:
        self.document = document
        self.parts = parts

    def tell(self, error: ValidationError, at: Pointer = ()) -> Iterator[Issue]:
        """Yield the faults behind one error; ``at`` is the pointer of the enclosing value."""
        here = (*at, *error.relative_path)
        method = getattr(self, f"_{str(error.validator).lower()}", None)
        if "propertyNames" in error.relative_schema_path:
            yield self._issue(
                here,
                "V107",
                f"says {_given(error)!r}, which does not belong to this kind of entry.",
                self._allowed(str(_given(error)), _asked(error)),
            )
        elif method is not None:
            yield from method(error, here)
        elif error.validator in _COUNTS:
            yield self._issue(
                here,
                "V106",
                f"{_last(here)} {_COUNTS[str(error.validator)]} "
                f"(the schema asks for {error.validator} {_short(_asked(error))}).",
            )
        else:
            yield self._issue(
                here, "V105", f"{_last(here)} is not written as the schema asks ({error.validator})."
            )

    def _allowed(self, word: str, pattern: Any) -> str:
        words = str(pattern).removeprefix("^(").removesuffix(")$").split("|")
        return nearest(word, words) or f"It may say: {', '.join(words)}."

    def _additionalproperties(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        known = _schema(error).get("properties", {})
        for word in sorted(set(_given(error)) - set(known)):
            yield self._issue(
                (*here, word),
                "V101",
                f"does not know the word {word!r}.",
                nearest(word, known) or f"Known here: {', '.join(known)}.",
            )

    def _required(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        for word in _asked(error):
            if word not in _given(error):
                yield self._issue(here, "V102", f"{_last(here)} lacks {word!r}.", "Add it.")

    def _dependentrequired(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        for word, needed in _asked(error).items():
            for other in needed:
                if word in _given(error) and other not in _given(error):
                    yield self._issue(here, "V102", f"says {word!r} without {other!r}.", f"Add {other!r}.")

    def _type(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        asked = _asked(error)
        wanted: list[str] = asked if isinstance(asked, list) else [asked]
        form = _FORMS.get(self.parts.get(id(error.schema), "")) if wanted == ["string"] else None
        kinds = form or " or ".join(_KINDS.get(word, word) for word in wanted)
        yield self._issue(here, "V103", f"{_last(here)} should be {kinds}.")

    def _enum(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        yield self._choice(_given(error), _asked(error), here)

    def _const(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        yield self._choice(_given(error), [_asked(error)], here)

    def _pattern(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        form = _FORMS.get(self.parts.get(id(error.schema), ""))
        if form is None and "years" in str(_asked(error)):
            form = _FORMS["ages"]
        if form is None and r"\d{4}-" in str(_asked(error)):
            form = _FORMS["date"]
        if form is None:
            form = _schema(error).get("description") or f"text of the form {_asked(error)}"
        yield self._issue(here, "V105", f"{_last(here)} is {_short(_given(error))}; it should be {form}.")

    def _not(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        yield self._issue(
            here,
            "V107",
            f"{_last(here)} says words that exclude each other.",
            "Compare with docs/rule-language.md.",
        )

    def _oneof(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        yield from self._alternatives(error, here)

    def _anyof(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        yield from self._alternatives(error, here)

    def _alternatives(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        options = _asked(error)
        consts = [value for option in options for value in _constants(option)]
        if consts and not isinstance(_given(error), dict | list):
            forms = [_FORMS[name] for name in map(_referred, options) if name in _FORMS]
            yield self._choice(_given(error), consts, here, forms)
        elif all(set(option) <= {"required"} for option in options):
            if isinstance(_given(error), dict):  # else its kind is at fault, which is told elsewhere
                words = [word for option in options for word in option["required"]]
                yield self._one_of_words(error, here, words)
        else:
            yield from self._closest(error, here)

    def _one_of_words(self, error: ValidationError, here: Pointer, words: list[str]) -> Issue:
        present = [word for word in words if word in _given(error)]
        if present:
            return self._issue(
                here,
                "V107",
                f"{_last(here)} says {' and '.join(map(repr, present))} together.",
                "Keep one; join two entries with 'all' or 'any'.",
            )
        unknown = [nearest(word, words) for word in _given(error) if nearest(word, words)]
        return self._issue(
            here, "V102", f"{_last(here)} lacks one of: {', '.join(words)}.", " ".join(unknown[:1])
        )

    def _closest(self, error: ValidationError, here: Pointer) -> Iterator[Issue]:
        """Go down into the alternative the writer most probably meant: right kind, fewest faults."""
        groups: dict[int, list[ValidationError]] = {}
        for inner in error.context:
            number = int(inner.schema_path[0])
            if not (_constants(_asked(error)[number]) and isinstance(_given(error), dict | list)):
                groups.setdefault(number, []).append(inner)
        if not groups:
            yield self._issue(here, "V107", f"{_last(here)} can be read in two ways.", "Say one of them.")
            return
        best = min(groups.values(), key=_distance)
        for inner in best:
            yield from self.tell(inner, here)

    def _choice(self, value: Any, allowed: list[Any], here: Pointer, forms: Sequence[str] = ()) -> Issue:
        words = [str(word) for word in allowed]
        hint = nearest(str(value), words) or f"Allowed: {', '.join([*words, *forms])}."
        return self._issue(
            here, "V104", f"{_last(here)} is {_short(value)}, which is not allowed here.", hint
        )

    def _issue(self, at: Pointer, code: str, what: str, remedy: str = "") -> Issue:
        return Issue(self.document.where(at), code, what, remedy)


def _asked(error: ValidationError) -> Any:
    """Return what the failing word of the schema asks for."""
    return error.validator_value


def _given(error: ValidationError) -> Any:
    """Return the value that failed."""
    return error.instance


def _schema(error: ValidationError) -> Mapping[str, Any]:
    """Return the part of the schema that failed."""
    return error.schema if isinstance(error.schema, dict) else {}


def _referred(option: Mapping[str, Any]) -> str:
    return str(option.get("$ref", "")).rpartition("/")[2]


def _constants(option: Mapping[str, Any]) -> list[Any]:
    if "const" in option:
        return [option["const"]]
    if "enum" in option:
        return list(option["enum"])
    if "oneOf" in option and all("const" in inner for inner in option["oneOf"]):
        return [inner["const"] for inner in option["oneOf"]]
    return []


def _distance(errors: list[ValidationError]) -> tuple[bool, int, int]:
    """Rank alternatives: the wrong kind of value last, then the deepest progress, then the fewest faults."""
    wrong_kind = any(error.validator == "type" and not error.relative_path for error in errors)
    return wrong_kind, -max(len(error.relative_path) for error in errors), len(errors)


def _last(pointer: Pointer) -> str:
    words = [str(step) for step in pointer if isinstance(step, str)]
    return repr(words[-1]) if words else "the document"


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


class Passed:
    """Which documents passed their schema before, by hash, kept in the user's cache folder.

    Only hashes are kept, as text: a damaged, foreign or unwritable file costs time, never
    correctness.
    """

    _LIMIT = 20_000

    def __init__(self, folder: Path | None) -> None:
        """Take the folder, or None to remember nothing beyond this process."""
        self._path = folder / "checked-content.txt" if folder else None
        self._known: set[str] = set()
        self._new: set[str] = set()
        if self._path is not None:
            with suppress(OSError, UnicodeError):
                self._known = set(self._path.read_text("ascii").split()[: self._LIMIT])

    @classmethod
    def of_user(cls) -> Passed:
        """Return the cache of the current user (XDG base directories); without a home there is none."""
        chosen = os.environ.get("XDG_CACHE_HOME", "")
        base = Path(chosen if os.path.isabs(chosen) else os.path.expanduser("~/.cache"))
        return cls(base / "twitch-cds" if base.is_absolute() else None)

    def holds(self, key: str) -> bool:
        """Return whether the document with this key passed before."""
        return key in self._known or key in self._new

    def add(self, key: str) -> None:
        """Remember that the document with this key passed."""
        self._new.add(key)

    def save(self) -> None:
        """Write the file at once or not at all; failing to write is no fault."""
        if self._path is None or not self._new - self._known:
            return
        lines = sorted(self._new | self._known)[: self._LIMIT]
        with suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", encoding="ascii", dir=self._path.parent, delete=False
            ) as file:
                file.write("\n".join(lines))
            os.replace(file.name, self._path)
