"""Where a card comes from: its source and topic, its citations, its links."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

from cds_service.cards.voice import Voice
from cds_service.knowledge import Reference
from cds_service.rules import RuleReference

#: Code system of ``source.topic``: one static code a rule.
TOPIC_SYSTEM = "urn:twitch-cds:rule"
_LABEL_LIMIT = 60
_UNSEEN = {"memory": "source_memory", "secondary": "source_secondary"}
_AUTHOR = re.compile(r"[^\d,]{2,40} [A-Z]{1,4}")


def source_of(rule_id: str, voice: Voice) -> dict[str, Any]:
    """Return the card's source: the leading rule, its page and its topic code."""
    title = voice.rule_title(rule_id)
    topic = {"system": TOPIC_SYSTEM, "code": topic_code(rule_id), "display": title}
    return {"label": voice.say("source_label", title=title), "url": voice.rule_url(rule_id), "topic": topic}


def topic_code(rule_id: str) -> str:
    """Return the static alphanumeric code of a rule: "hypokalemia-drug" becomes "hypokalemiaDrug"."""
    first, *others = rule_id.split("-")
    return first + "".join(word[:1].upper() + word[1:] for word in others)


def citations_of(rule_ids: Iterable[str], voice: Voice) -> list[tuple[RuleReference, Reference]]:
    """Return what the rules cite, each work once, in the order of the rules."""
    found: dict[str, tuple[RuleReference, Reference]] = {}
    for rule_id in rule_ids:
        rule = voice.knowledge.rules.get(rule_id)
        for cited in rule.references if rule is not None else ():
            work = voice.knowledge.references.get(cited.key)
            if work is not None:
                found.setdefault(cited.key, (cited, work))
    return list(found.values())


def citation_words(cited: RuleReference, work: Reference, voice: Voice) -> str:
    """Return a work in a few words with its year; what was not read in the original says so."""
    label = short_label(work)
    frame = _UNSEEN.get(cited.read)
    return voice.say(frame, label=label) if frame is not None else label


@lru_cache(maxsize=1024)
def short_label(work: Reference) -> str:
    """Return "Veltri KT et al. 2015": first author or title, and the year where known."""
    head = re.split(r"\. | \(|; |, doi ", work.citation, maxsplit=1)[0].strip()
    people = head.split(", ")
    if head.endswith(" et al"):
        head += "."
    elif len(people) > 1 and all(_AUTHOR.fullmatch(person) for person in people):
        head = f"{people[0]} et al."
    if len(head) > _LABEL_LIMIT:
        head = head[:_LABEL_LIMIT].rsplit(" ", 1)[0] + "\u2026"
    return head if work.year is None or str(work.year) in head else f"{head} {work.year}"


def links_of(rule_ids: Sequence[str], voice: Voice) -> list[dict[str, Any]]:
    """Return links to the rule pages first, then to the cited works, capped by the content."""
    links = [
        {
            "label": voice.say("link_rule", title=voice.rule_title(rule_id)),
            "url": voice.rule_url(rule_id),
            "type": "absolute",
        }
        for rule_id in rule_ids
    ]
    for _, work in citations_of(rule_ids, voice):
        url = address_of(work)
        if url:
            links.append({"label": short_label(work), "url": url, "type": "absolute"})
    return links[: voice.knowledge.triage.links]


def address_of(work: Reference) -> str:
    """Return the address of a work: its DOI, else the page named, else PubMed, else an empty text."""
    if work.doi:
        return f"https://doi.org/{work.doi}"
    return work.url or (f"https://pubmed.ncbi.nlm.nih.gov/{work.pmid}/" if work.pmid else "")
