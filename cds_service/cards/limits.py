"""Bring finished cards into what one EHR can show; what has to go is told in words on the card.

The last step before cards leave: composing, ranking and memory know nothing of it, and neither do the
explanation and the review in the extension of the answer.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from cds_service.cards.writing import EXTENSION
from cds_service.frames import Frames
from cds_service.text.plain import plain_text

Card = dict[str, Any]


@dataclass(frozen=True, slots=True)
class CardLimits:
    """What an EHR can show of cards; the defaults limit nothing.

    ``plain``: the detail is plain text instead of Markdown. ``hosts`` are the hosts links may lead to,
    None: any. ``actions``, ``cards``, ``summary`` and ``detail`` are the most actions of a suggestion,
    cards of an answer, and characters of a summary and a detail; 0: as composed. ``suggestions``,
    ``override_reasons`` and ``extensions`` say whether these members are understood at all.
    """

    plain: bool = False
    hosts: frozenset[str] | None = None
    actions: int = 0
    suggestions: bool = True
    override_reasons: bool = True
    extensions: bool = True
    cards: int = 0
    summary: int = 0
    detail: int = 0


NO_LIMITS = CardLimits()


def limited(cards: Sequence[Card], limits: CardLimits, frames: Frames) -> tuple[Card, ...]:
    """Return the cards as far as an EHR of these limits can show them, most urgent first as they came.

    ``frames`` are the sentences that tell what was left out. Extensions stay for our own use until
    ``without_extensions`` takes them off the answer.
    """
    if limits == NO_LIMITS:
        return tuple(cards)
    most = limits.cards or len(cards)
    rest = [card["summary"] for card in cards[most:]]
    more = [frames.say("more_cards", count=len(rest), texts="; ".join(rest))] if rest else []
    shown = cards[:most]
    return tuple(
        _limited(card, limits, frames, more if place == len(shown) else [])
        for place, card in enumerate(shown, start=1)
    )


def without_extensions(answer: dict[str, Any]) -> dict[str, Any]:
    """Return an answer without its own extension and those of its cards."""
    cards = [{name: value for name, value in card.items() if name != "extension"} for card in answer["cards"]]
    return {name: value for name, value in answer.items() if name != "extension"} | {"cards": cards}


def _limited(card: Card, limits: CardLimits, frames: Frames, more: Sequence[str]) -> Card:
    """Return one card within the limits; ``more`` are paragraphs that must stand on it."""
    done, told = dict(card), list(more)
    if "suggestions" in done and not limits.suggestions:
        titles = [_title(action) for item in done.pop("suggestions") for action in item["actions"]]
        del done["selectionBehavior"]
        told.append(frames.say("steps", items="; ".join(titles)))
    if "suggestions" in done and limits.actions:
        done["suggestions"] = [part for item in done["suggestions"] for part in _split(item, limits.actions)]
    if not limits.override_reasons:
        done.pop("overrideReasons", None)
    if limits.hosts is not None:
        done = _linked(done, limits.hosts)
    if limits.summary and len(card["summary"]) > limits.summary:
        done["summary"] = _cut(card["summary"], limits.summary)
        told.insert(0, card["summary"])
    detail, is_whole = _detail(card["detail"], told, limits, frames)
    return done | {"detail": detail, "extension": _about(card["extension"], is_whole)}


def _about(extension: Mapping[str, Any], is_whole: bool) -> dict[str, Any]:
    """Return the extension of a card; an answer to one that was cut is about what its summary says."""
    own = extension[EXTENSION]
    kept = own if is_whole or "answers" not in own else own | {"answers": own["answers"][:1]}
    return {**extension, EXTENSION: kept}


def _title(action: Mapping[str, Any]) -> str:
    """Return the name of a drafted order."""
    title: str = action.get("resource", {}).get("code", {}).get("text") or action["description"]
    return title


def _split(suggestion: dict[str, Any], most: int) -> list[dict[str, Any]]:
    """Return a suggestion as several of so many actions each; the first keeps its id and label."""
    actions = suggestion["actions"]
    first = suggestion | {"actions": actions[:most]}
    rest = [actions[start : start + most] for start in range(most, len(actions), most)]
    own = uuid.UUID(suggestion["uuid"])
    return [
        first,
        *(
            suggestion
            | {"uuid": str(uuid.uuid5(own, str(place))), "actions": part}
            | {"label": "; ".join(action["description"] for action in part)}
            for place, part in enumerate(rest, start=2)
        ),
    ]


def _linked(card: Card, hosts: frozenset[str]) -> Card:
    """Return the card with links to these hosts only; its detail names the works the others lead to."""
    links = [link for link in card.get("links", ()) if _host(link["url"]) in hosts]
    kept = {name: value for name, value in card.items() if name != "links"}
    if _host(card["source"].get("url", "")) not in hosts:
        kept["source"] = {name: value for name, value in card["source"].items() if name != "url"}
    return kept | ({"links": links} if links else {})


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


def _cut(text: str, most: int) -> str:
    """Return the first words of a text in at most ``most`` characters, the cut shown."""
    head = text[: most - 1]
    words = head if text[most - 1].isspace() else head.rpartition(" ")[0] or head
    return words.rstrip(" ,;:(-") + "\u2026"


def _detail(detail: str, told: Sequence[str], limits: CardLimits, frames: Frames) -> tuple[str, bool]:
    """Return the detail with what must be told before its foot, as it can be shown, and whether it is whole.

    Where it is too long whole paragraphs go, the last first, and their lines are counted.
    """
    *body, foot = detail.split("\n\n")
    last = [*told, foot]
    if limits.plain:
        body, last = list(map(plain_text, body)), list(map(plain_text, last))
    text = "\n\n".join([*body, *last])
    most = limits.detail or len(text)
    dropped = 0
    while len(text) > most and len(body) > 1:
        dropped += body.pop().count("\n") + 1
        text = "\n\n".join([*body, frames.say("shortened", count=dropped), *last])
    if len(text) <= most:
        return text, not dropped
    note = "\n\n" + frames.say("shortened", count=dropped + 1)
    return _cut("\n\n".join([*body, *last]), most - len(note)) + note, False
