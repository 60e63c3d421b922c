"""Check what cards and rule texts say against ``cards/wording.yaml``: forbidden, required and odd words.

Knows no words itself. Source of the list: content specification section 12. Text that came from
a patient's record is not ours to judge: hand it in as ``record`` and it is left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from re import Pattern
from typing import Any

from cds_service.content import content_root, read_document
from cds_service.errors import ContentError, Issue

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_HEADING = re.compile(r"^(#+) ", re.MULTILINE)
_MARKUP = re.compile(r"\*\*|__|`|^#|\]\(|^- ", re.MULTILINE)
_CONTROL = re.compile("[\x00-\x09\x0b-\x1f\x7f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
#: Kinds of text whose words a clinician reads on a card.
KINDS = ("summary", "title", "detail", "safety", "advice", "why", "note", "description")


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A wording that is not allowed, and where it still is."""

    form: Pattern[str]
    why: str
    fine: Pattern[str] | None = None
    near: str = ""
    rules: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Companion:
    """Words that call for other words in the same text, and the line that supplies them."""

    said: Pattern[str]
    also: Pattern[str]
    add: str
    why: str


@dataclass(frozen=True, slots=True)
class Wording:
    """The wording rules in a form that can be run."""

    summary_below: int
    detail_at_most: int
    heading_at_most: int
    urgent: str
    quoted: tuple[str, ...]
    hedge: Pattern[str]
    forbidden: tuple[Forbidden, ...]
    bare_number: Pattern[str]
    companions: tuple[Companion, ...]
    medication: Companion
    abbreviations: Mapping[str, str]
    abbreviation: Pattern[str]
    spelling: Mapping[str, str]
    misspelt: Pattern[str]

    def lacking(self, text: str, *, medication: bool) -> list[Companion]:
        """Return the companions ``text`` needs and does not have; ``medication``: a drug is cited."""
        rows = [row for row in self.companions if row.said.search(text) and not row.also.search(text)]
        if medication and not self.medication.also.search(text):
            rows.append(self.medication)
        return rows

    def unexpanded(self, text: str) -> list[str]:
        """Return the abbreviations ``text`` uses without saying once what they stand for, sorted."""
        used = sorted(set(self.abbreviation.findall(text)))
        lower = text.casefold()
        return [short for short in used if self.abbreviations[short].casefold() not in lower]


def read_wording(data: Mapping[str, Any]) -> Wording:
    """Read the content of ``cards/wording.yaml``. Raises ContentError for a part that lacks or is broken."""
    try:
        return _wording(data)
    except (KeyError, TypeError, ValueError, AttributeError, re.error) as error:
        raise ContentError(
            Issue(
                "cards/wording.yaml",
                "P004",
                f"lacks or misspells a part ({error}).",
                "Compare with cards/schema/wording.schema.json.",
            )
        ) from None


def _wording(data: Mapping[str, Any]) -> Wording:
    units = "|".join(re.escape(unit) for unit in sorted(data["units"], key=len, reverse=True))
    medication = data["medication"]
    return Wording(
        summary_below=data["summary_below"],
        detail_at_most=data["detail_at_most"],
        heading_at_most=data["heading_at_most"],
        urgent=data["urgent"],
        quoted=tuple(data["quoted"]),
        hedge=_starts(data["hedges"]),
        forbidden=tuple(_forbidden(row) for row in data["forbidden"])
        + tuple(
            Forbidden(re.compile(row["form"], re.IGNORECASE | re.MULTILINE), row["why"])
            for row in data["patterns"]
        ),
        bare_number=re.compile(
            rf"\b({'|'.join(data['needs_unit'])}) (is |was |at |of )?[<>]?=?\d+([.,]\d+)?"
            rf"(?![\d.,]|-\d|\s?({units})(?![A-Za-z])|\s?(-|to|and|or|/)\s?\d)",
            re.IGNORECASE,
        ),
        companions=tuple(
            Companion(_words(row["said"]), _starts(row["also"]), row["add"], row["why"])
            for row in data["companions"]
        ),
        medication=Companion(
            re.compile(r""), _starts(medication["also"]), medication["add"], medication["why"]
        ),
        abbreviations=dict(data["abbreviations"]),
        abbreviation=re.compile(rf"(?<![\w-])({'|'.join(map(re.escape, data['abbreviations']))})s?(?![\w-])"),
        spelling=dict(data["spelling"]),
        misspelt=_words(data["spelling"]),
    )


def _forbidden(row: Mapping[str, Any]) -> Forbidden:
    fine = _words(row["except"]) if row.get("except") else None
    return Forbidden(
        _words([row["phrase"]]), row["why"], fine, row.get("near", ""), frozenset(row.get("rules", ()))
    )


def _words(phrases: Iterable[str]) -> Pattern[str]:
    """Return a pattern that finds any of the phrases as whole words."""
    ordered = sorted(map(str, phrases), key=len, reverse=True)
    return re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, ordered)) + r")(?![\w-])", re.IGNORECASE)


def _starts(phrases: Iterable[str]) -> Pattern[str]:
    """Return a pattern that finds any of the phrases at the beginning of a word."""
    ordered = sorted(map(str, phrases), key=len, reverse=True)
    return re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, ordered)) + r")", re.IGNORECASE)


@lru_cache(maxsize=1)
def own_wording() -> Wording:
    """Return the wording rules of this installation's content. Raises ContentError."""
    root = content_root()
    return read_wording(read_document(root / "cards" / "wording.yaml", root).data)


def lint_text(
    text: str, kind: str, wording: Wording | None = None, rule_ids: Collection[str] = ()
) -> list[str]:
    """Return the faults of one text of a rule; ``kind`` is one of ``KINDS``.

    ``rule_ids`` are the rules that say it: a few may use words that others may not.
    """
    rules = wording or own_wording()
    found = _said(text, rules, rule_ids)
    if kind == "summary" and not rules.hedge.search(text):
        found.append("the summary lacks a word of caution or action (assess, check, possible, may ...)")
    if kind != "detail":
        found += [f"{kind} holds markup" for _ in _MARKUP.findall(text)[:1]]
    return found


def _said(text: str, wording: Wording, rule_ids: Collection[str]) -> list[str]:
    found: list[str] = []
    for sentence in _SENTENCE_END.split(text):
        for row in wording.forbidden:
            words = _breaks(sentence, row, rule_ids)
            if words:
                found.append(f"says {words!r}: {row.why}")
        found += [f"says {match[0]!r} without a unit" for match in wording.bare_number.finditer(sentence)]
    for match in wording.misspelt.finditer(text):
        found.append(f"says {match[0]!r}; American spelling is {wording.spelling[match[0].lower()]!r}")
    return list(dict.fromkeys(found))


def _breaks(sentence: str, row: Forbidden, rule_ids: Collection[str]) -> str:
    """Return the forbidden words of the sentence, or an empty text when it is fine."""
    match = row.form.search(row.fine.sub(" ", sentence) if row.fine is not None else sentence)
    if match is None:
        return ""
    allowed = row.near and row.near.casefold() in sentence.casefold() and row.rules & set(rule_ids)
    return "" if allowed else match[0].strip()


def lint_card(
    card: Mapping[str, Any],
    rule_ids: Collection[str] = (),
    wording: Wording | None = None,
    record: Iterable[str] = (),
) -> list[str]:
    """Return the faults of one CDS Hooks card; an empty list is a clean card.

    ``rule_ids`` default to those the card names in its extension. ``record`` are pieces of record
    text (as they stand on the card) that are left out of judgment.
    """
    rules = wording or own_wording()
    ids = rule_ids or card.get("extension", {}).get("org.twitch-cds.card", {}).get("ruleIds", ())
    hide = _hider(record)
    summary, detail = hide(card["summary"]), hide(card.get("detail", ""))
    found = [f"summary: {fault}" for fault in lint_text(summary, "summary", rules, ids)]
    own = "\n".join(line for line in detail.splitlines() if not line.startswith(rules.quoted))
    found += [f"detail: {fault}" for fault in _said(own, rules, ids)]
    found += _form_of_summary(card["summary"], rules) + _form_of_detail(card, rules)
    both = f"{summary}\n{detail}"
    found += [row.why for row in rules.lacking(both, medication=False)]
    found += [f"detail uses {short} without expanding it" for short in rules.unexpanded(detail)]
    labels = [s.get("label", "") for s in (*card.get("suggestions", ()), *card.get("links", ()))]
    found += [f"label {label!r} holds a line break" for label in labels if "\n" in label]
    return list(dict.fromkeys(found))


def _hider(record: Iterable[str]) -> Callable[[str], str]:
    pieces = sorted({piece for piece in record if len(piece) > 1}, key=len, reverse=True)

    def hide(text: str) -> str:
        for piece in pieces:
            text = text.replace(piece, "\u2058")
        return text

    return hide


def _form_of_summary(summary: str, wording: Wording) -> list[str]:
    found = []
    if not 1 <= len(summary) < wording.summary_below:
        found.append(f"summary has {len(summary)} characters")
    if "\n" in summary or _CONTROL.search(summary):
        found.append("summary holds a line break or control character")
    if _MARKUP.search(summary):
        found.append("summary holds markup")
    return found


def _form_of_detail(card: Mapping[str, Any], wording: Wording) -> list[str]:
    detail = card.get("detail", "")
    found = []
    if len(detail) > wording.detail_at_most:
        found.append(f"detail has {len(detail)} characters")
    if _CONTROL.search(detail):
        found.append("detail holds a control character")
    if any(len(match) > wording.heading_at_most for match in _HEADING.findall(detail)):
        found.append("detail holds a heading below the allowed level")
    if card.get("indicator") == "critical" and not detail.startswith(wording.urgent):
        found.append(f"detail of a critical card does not begin with {wording.urgent!r}")
    return found


def assert_clean(cards: Iterable[Mapping[str, Any]], record: Iterable[str] = ()) -> None:
    """Raise AssertionError that lists every fault of every card; made for tests."""
    faults = [f"{card['summary']!r}: {fault}" for card in cards for fault in lint_card(card, record=record)]
    if faults:
        raise AssertionError("\n".join(faults))
