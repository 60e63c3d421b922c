"""The words of recognition as typed, immutable objects, read from ``terminology/narrative.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

from cds_service.content import Document, Pointer, read_document
from cds_service.errors import ContentError, Issue
from cds_service.narrative.tokens import words_of

PLACE = Path("terminology") / "narrative.yaml"
REASONS = ("family", "negated", "hypothetical", "historic", "resolved")
COMMAS = ("list", "symptoms", "stop")

_CHOICE = re.compile(r"\(([^()]*\|[^()]*)\)")
_MOST_FORMS = 4000
_BRACKETS = frozenset("()")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a movement word means when one of ``sites`` (None: anywhere) or a muscle word is near it."""

    level: int
    sites: frozenset[str] | None = None
    muscle: bool = False
    symptom: str | None = None


@dataclass(frozen=True, slots=True)
class Movement:
    """A kind of movement: its readings, first that applies; ``sites`` the words imply by themselves."""

    name: str
    readings: tuple[Reading, ...]
    sites: frozenset[str] = frozenset()
    reach: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """One reason why a movement near a cue does not count, and how far its cues reach."""

    reason: str
    reach: int
    commas: str
    asserts: bool
    plain_path: bool
    final: bool
    ends: frozenset[str]
    voided_by: frozenset[str]
    voided_after: frozenset[str]
    informants: frozenset[str]


@dataclass(frozen=True, slots=True)
class Mark:
    """A known phrase in a text: tokens ``first`` to ``last``, its kind and what it stands for."""

    kind: str
    value: Any
    first: int
    last: int


class PhraseIndex:
    """Finds known phrases in a sequence of words: at each place the longest, without overlap."""

    def __init__(self) -> None:
        """Start empty; phrases are kept by their first two words, for many begin with the same one."""
        self._by_head: dict[tuple[str, ...], list[tuple[tuple[str, ...], str, Any]]] = {}

    def add(self, words: tuple[str, ...], kind: str, value: Any) -> bool:
        """Add a phrase; False when it is known already (then nothing changes)."""
        entries = self._by_head.setdefault(words[:2], [])
        if any(known == words for known, _, _ in entries):
            return False
        entries.append((words, kind, value))
        entries.sort(key=lambda entry: -len(entry[0]))
        return True

    def value(self, words: tuple[str, ...]) -> Any:
        """Return what a phrase stands for, or None."""
        return next((value for known, _, value in self._by_head.get(words[:2], ()) if known == words), None)

    def marks(self, words: Sequence[str]) -> list[Mark | None]:
        """Return for each token the mark that covers it, or None."""
        found: list[Mark | None] = [None] * len(words)
        place = 0
        while place < len(words):
            mark = self._mark(words, place)
            if mark is not None:
                found[place : mark.last + 1] = [mark] * (mark.last + 1 - place)
            place = mark.last + 1 if mark else place + 1
        return found

    def _mark(self, words: Sequence[str], place: int) -> Mark | None:
        """Return the mark of the longest phrase that begins at a word, None when none does."""
        for head in (tuple(words[place : place + 2]), (words[place],)):
            for known, kind, value in self._by_head.get(head, ()):
                end = place + len(known)
                if len(known) <= 2 or tuple(words[place:end]) == known:
                    return Mark(kind, value, place, end - 1)
        return None

    def phrases(self, kind: str) -> Iterator[tuple[str, ...]]:
        """Yield the phrases of a kind."""
        for entries in self._by_head.values():
            yield from (words for words, known, _ in entries if known == kind)


@dataclass(frozen=True, slots=True)
class DurationWords:
    """Words that make a number and a unit a duration; lengths in days."""

    units: Mapping[str, int]
    slashes: Mapping[str, int]
    numbers: Mapping[str, int]
    vague: Mapping[str, int]
    bare_plurals: frozenset[str]
    never_bare: frozenset[str]
    ranges: frozenset[str]
    before: frozenset[str]
    leads: frozenset[str]
    after: frozenset[str]
    forward: frozenset[str]
    at_least: frozenset[tuple[str, ...]]
    at_most: frozenset[tuple[str, ...]]
    never_after: frozenset[str]
    never_before: frozenset[str]


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All words of recognition. ``details`` marks movements, places and facets; ``cues`` what speaks against.

    ``friend_sentences`` pairs movement phrases with an index of words that make them false friends.
    """

    details: PhraseIndex
    cues: PhraseIndex
    friend_sentences: tuple[tuple[frozenset[tuple[str, ...]], PhraseIndex], ...]
    contexts: tuple[Context, ...]
    courses: tuple[str, ...]
    durations: DurationWords
    site_reach: int
    sets: Mapping[str, frozenset[str]] = field(default_factory=dict)


def expand(phrase: str) -> Iterator[tuple[str, ...]]:
    """Yield the token sequences of a phrase with choices: ``(a|b) c`` and ``(|a) c`` (a or nothing)."""
    parts = _CHOICE.split(phrase)
    choices = [part.split("|") if place % 2 else [part] for place, part in enumerate(parts)]
    for form in product(*choices):
        words = words_of(" ".join(form))
        if words:
            yield words


def load_lexicon(root: Path) -> Lexicon:
    """Read ``terminology/narrative.yaml`` below ``root``. Raises ContentError with every fault."""
    document = read_document(root / PLACE, root)
    reader = _Builder(document)
    lexicon = reader.build()
    if reader.issues:
        raise ContentError(*reader.issues)
    return lexicon


_SETS = (
    "turning_words", "small_words", "place_words", "links", "site_search_ends", "symptom_words",
    "asserting_words", "questions", "abbreviations", "open_line_ends",
)  # fmt: skip


class _Builder:
    """Turns the document into a Lexicon and collects every fault instead of stopping at the first."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.issues: list[Issue] = []
        self.details = PhraseIndex()
        self.cues = PhraseIndex()
        self.areas: dict[str, frozenset[str]] = {}
        self.site_names: frozenset[str] = frozenset()

    def build(self) -> Lexicon:
        self.site_names = frozenset(name for key in self._map("sites") for name in key.split())
        self.areas = {name: self._sites(("areas", name)) for name in self._map("areas")}
        self._movements()
        self._facets()
        contexts = tuple(self._context(number) for number in range(len(self._list("contexts"))))
        self._answers()
        reach = self._whole(("site_reach",), 1, 20)
        sets = {name: self._words((name,)) for name in _SETS}
        courses = tuple(self._map("courses"))
        return Lexicon(
            self.details, self.cues, self._friends(), contexts, courses, self._durations(), reach, sets
        )

    # Reading parts of the document, each checked for its shape

    def _get(self, *pointer: str | int) -> Any:
        value = self.document.data
        for step in pointer:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _map(self, *pointer: str | int) -> Mapping[str, Any]:
        value = self._get(*pointer)
        if isinstance(value, dict):
            return value
        self._fault(pointer, "N001", f"has no mapping {_shown(pointer)!r}.", "Write it as in the schema.")
        return {}

    def _list(self, *pointer: str | int) -> list[Any]:
        value = self._get(*pointer)
        if isinstance(value, list):
            return value
        self._fault(pointer, "N002", f"has no list {_shown(pointer)!r}.", "Write it as in the schema.")
        return []

    def _optional(self, *pointer: str | int) -> list[Any]:
        return self._list(*pointer) if self._get(*pointer) is not None else []

    def _whole(self, pointer: Pointer, least: int, most: int) -> int:
        text = str(self._get(*pointer))
        if text.isdecimal() and least <= int(text) <= most:
            return int(text)
        problem = f"needs a whole number from {least} to {most} as {_shown(pointer)!r}."
        self._fault(pointer, "N003", problem, "Write the number.")
        return least

    def _phrases(self, pointer: Pointer) -> Iterator[tuple[Pointer, tuple[str, ...]]]:
        for number, phrase in enumerate(self._optional(*pointer)):
            place = (*pointer, number)
            forms = sorted(set(expand(str(phrase)))) if str(phrase).count("|") < 400 else []
            if not forms or len(forms) > _MOST_FORMS or any(_BRACKETS & set(form) for form in forms):
                what = "has a phrase of no words, of too many forms or with a bracket that is no choice."
                self._fault(place, "N004", what, "Write choices as (a|b), or split the phrase.")
                continue
            for form in forms:
                yield place, form

    def _words(self, pointer: Pointer) -> frozenset[str]:
        words: set[str] = set()
        for number, word in enumerate(self._optional(*pointer)):
            if str(word).startswith("@"):
                words |= self._named((*pointer, number), str(word)[1:])
                continue
            forms = list(expand(str(word)))
            if any(len(form) != 1 for form in forms) or not forms:
                what = f"has {str(word)!r} where single words stand."
                self._fault((*pointer, number), "N010", what, "Write one word, or several entries.")
            words.update(form[0] for form in forms)
        return frozenset(words)

    def _named(self, pointer: Pointer, name: str) -> frozenset[str]:
        if name and name not in (self._get("word_lists") or {}):
            self._fault(pointer, "N005", f"names the unknown word list {name!r}.", "Define it in word_lists.")
            return frozenset()
        return self._words(("word_lists", name)) if name else frozenset()

    def _sites(self, pointer: Pointer) -> frozenset[str]:
        names = frozenset(str(name) for name in self._optional(*pointer))
        for name in sorted(names - self.site_names):
            self._fault(pointer, "N006", f"names the unknown site {name!r}.", "Use a name of sites.")
        return names

    def _fault(self, pointer: Pointer, code: str, what: str, remedy: str) -> None:
        self.issues.append(Issue(self.document.where(pointer), code, what, remedy))

    # Parts of the lexicon

    def _add(self, pointer: Pointer, kind: str, value: Any) -> None:
        for place, words in self._phrases(pointer):
            if not self.details.add(words, kind, value) and self.details.value(words) != value:
                what = f"gives {' '.join(words)!r} a second meaning."
                self._fault(place, "N007", what, "Keep the phrase in one place.")

    def _movements(self) -> None:
        self._add(("false_friends", "phrases"), "friend", None)
        for number, entry in enumerate(self._list("movements")):
            pointer: Pointer = ("movements", number)
            readings = tuple(
                self._reading((*pointer, "readings", place))
                for place in range(len(self._list(*pointer, "readings")))
            )
            reach = self._whole((*pointer, "reach"), 1, 20) if "reach" in entry else None
            sites = self._sites((*pointer, "sites"))
            self._add((*pointer, "words"), "movement", Movement(str(entry.get("id")), readings, sites, reach))

    def _reading(self, pointer: Pointer) -> Reading:
        area = self._get(*pointer, "area")
        if area is not None and area not in self.areas and area not in self.site_names:
            self._fault(pointer, "N008", f"names the unknown area {area!r}.", "Define it in areas.")
        sites = None if area is None else self.areas.get(area, frozenset({area}))
        muscle = str(self._get(*pointer, "muscle")).lower() == "true"
        return Reading(self._whole((*pointer, "level"), 1, 2), sites, muscle, self._get(*pointer, "symptom"))

    def _facets(self) -> None:
        for key in self._map("sites"):
            self._add(("sites", key), "site", frozenset(key.split()))
        self._add(("muscles",), "muscle", None)
        for kind, key in (("side", "sides"), ("course", "courses")):
            for name in self._map(key):
                self._add((key, name), kind, name)
        for name in self._map("traits"):
            self._add(("traits", name, "present"), "trait", (name, True))
            self._add(("traits", name, "absent"), "trait", (name, False))
        for number in range(len(self._list("durations", "since"))):
            pointer: Pointer = ("durations", "since", number)
            self._add((*pointer, "phrases"), "since", self._whole((*pointer, "days"), 0, 36_500))
        self._add(("not_sites",), "other", None)
        self._add(("not_sides",), "other", None)

    def _context(self, number: int) -> Context:
        pointer: Pointer = ("contexts", number)
        entry = self._get(*pointer)
        for key, allowed in (("reason", REASONS), ("commas", COMMAS)):
            if entry.get(key) not in allowed:
                what = f"has the {key} {entry.get(key)!r}, which is none of {', '.join(allowed)}."
                self._fault((*pointer, key), "N009", what, "Use one of them.")
        context = Context(
            reason=str(entry.get("reason")),
            reach=self._whole((*pointer, "reach"), 1, 40),
            commas=str(entry.get("commas")),
            asserts=str(entry.get("asserts", True)).lower() == "true",
            plain_path=str(entry.get("plain_path", False)).lower() == "true",
            final=str(entry.get("final", False)).lower() == "true",
            ends=self._words((*pointer, "ends")) if "ends" in entry else self._words(("scope_ends",)),
            voided_by=self._words((*pointer, "voided_by")),
            voided_after=self._words((*pointer, "voided_after")),
            informants=self._words((*pointer, "informants")),
        )
        for role in ("before", "after", "reversed_by"):
            for _, words in self._phrases((*pointer, role)):
                self._cue(words, role, context)
        return context

    def _cue(self, words: tuple[str, ...], role: str, value: object) -> None:
        roles = self.cues.value(words)
        if roles is None:
            roles = []
            self.cues.add(words, "cue", roles)
        roles.append((role, value))

    def _answers(self) -> None:
        for _, words in self._phrases(("not_cues",)):
            self.cues.add(words, "cue", [])
        for answer in self._map("answers"):
            for _, words in self._phrases(("answers", answer)):
                self._cue(words, "answer", answer)

    def _friends(self) -> tuple[tuple[frozenset[tuple[str, ...]], PhraseIndex], ...]:
        pairs = []
        for number in range(len(self._list("false_friends", "sentences"))):
            pointer: Pointer = ("false_friends", "sentences", number)
            index = PhraseIndex()
            for _, words in self._phrases((*pointer, "with")):
                index.add(words, "friend", None)
            pairs.append((frozenset(words for _, words in self._phrases((*pointer, "words"))), index))
        return tuple(pairs)

    def _durations(self) -> DurationWords:
        top: Pointer = ("durations",)
        units = {
            word: self._whole((*top, "units", number, "days"), 0, 400)
            for number in range(len(self._list(*top, "units")))
            for word in sorted(self._words((*top, "units", number, "words")))
        }

        def table(name: str) -> Mapping[str, int]:
            return {str(key): self._whole((*top, name, key), 1, 400) for key in self._map(*top, name)}

        def words(name: str) -> frozenset[str]:
            return self._words((*top, name))

        def forms(name: str) -> frozenset[tuple[str, ...]]:
            return frozenset(form for _, form in self._phrases((*top, name)))

        return DurationWords(
            units=units, slashes=table("slashes"), numbers=table("numbers"), vague=table("vague"),
            bare_plurals=words("bare_plurals"), never_bare=words("never_bare"), ranges=words("ranges"),
            before=words("before"), leads=words("leads"), after=words("after"), forward=words("forward"),
            at_least=forms("at_least"), at_most=forms("at_most"),
            never_after=words("never_after"), never_before=words("never_before"),
        )  # fmt: skip


def _shown(pointer: Pointer) -> str:
    return ".".join(str(step) for step in pointer)
