"""Find rules by words, and count them by group and status."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

from cds_service.catalogue.dossier import names_of
from cds_service.knowledge import Knowledge
from cds_service.rules import Rule

#: Longer questions are cut: nobody types them, and each word is looked for in every rule.
_MAX_WORDS = 12


def find_rules(query: str, knowledge: Knowledge) -> list[Rule]:
    """Return the rules that hold every word of the query, by group and id; an empty query finds all.

    Looked at: id, title, description, cause, category, summary, references, and the titles and codes of
    every test, drug and value set the rule rests on. Letter case does not matter.
    """
    words = query.casefold().split()[:_MAX_WORDS]
    texts = _texts(knowledge)
    found = (rule for rule in knowledge.rules.values() if all(word in texts[rule.id] for word in words))
    return sorted(found, key=lambda rule: (rule.group, rule.id))


def count_rules(rules: list[Rule]) -> dict[str, dict[str, int]]:
    """Return for each group, sorted, how many rules have which status."""
    groups: dict[str, Counter[str]] = {}
    for rule in rules:
        groups.setdefault(rule.group, Counter())[rule.status] += 1
    return {group: dict(sorted(groups[group].items())) for group in sorted(groups)}


@lru_cache(maxsize=4)
def _texts(knowledge: Knowledge) -> dict[str, str]:
    return {rule.id: _text(rule, knowledge) for rule in knowledge.rules.values()}


def _text(rule: Rule, knowledge: Knowledge) -> str:
    parts = [rule.id, rule.title, rule.description, rule.cause, rule.group, *rule.category]
    parts += [rule.summary.source, *(reference.key for reference in rule.references)]
    for named in names_of(rule, knowledge):
        parts += [named.name, named.title]
        parts += [coding.code for system in named.systems for coding in system.codes]
    return "\n".join(parts).casefold()
