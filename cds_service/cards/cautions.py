"""The safety words of a card: cautions of its rules, and drugs whose sudden end is dangerous."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from cds_service.cards.blocks import CAUTIONS, Block
from cds_service.cards.voice import Voice
from cds_service.frames import Cessation
from cds_service.triage import Entry
from cds_service.triage.folding import unique_lines

#: Label exceptions that hold for one patient, each with the drugs it covers.
Exceptions = tuple[tuple[Cessation, frozenset[str]], ...]


def safety(
    entries: Sequence[Entry], voice: Voice, exceptions: Exceptions = (), said: str = ""
) -> list[Block]:
    """Return the safety sentences: what leads and every sudden end stays, those of other findings go last.

    A finding is never cut for the caution of another one (specification 7.2: one line each).
    ``exceptions`` are those of ``cards/cessation.yaml`` that hold for this patient; ``said`` is what stands
    above on the card.
    """
    first = _cautions(entries[:1], voice)
    first += cessation_lines(entries, voice, exceptions, " ".join(first), said)
    others = [line for line in _cautions(entries[1:], voice) if line not in first]
    lead, rest = (" ".join(map(_closed, dict.fromkeys(part))) for part in (first, others))
    if not lead:
        return [Block(voice.say("safety", items=rest), CAUTIONS)] if rest else []
    blocks = [Block(voice.say("safety", items=lead))]
    return [*blocks, Block(rest, CAUTIONS, continues=True)] if rest else blocks


def _cautions(entries: Sequence[Entry], voice: Voice) -> list[str]:
    return voice.texts(unique_lines(line for entry in entries for f in entry.findings for line in f.safety))


def _closed(sentence: str) -> str:
    return sentence if sentence.endswith((".", "!", "?")) else sentence + "."


def cited_drugs(entries: Iterable[Entry]) -> list[str]:
    """Return the ingredients the entries cite, each once."""
    found: dict[str, None] = {}
    for entry in entries:
        for finding in entry.findings:
            found.update(dict.fromkeys(finding.drugs))
            found.update(dict.fromkeys(e.name for e in finding.evidence if e.kind == "drug"))
    return list(found)


def exceptions(shown: Iterable[Entry], voice: Voice) -> Exceptions:
    """Return the label exceptions of the rules that are shown, each with the drugs it covers (I2).

    A rule covers the drugs it cites itself, on every card: no other card says the contrary.
    """
    cited: dict[str, set[str]] = {}
    for entry in shown:
        for finding in entry.findings:
            for rule_id in (finding.rule_id, *finding.merged_rules):
                cited.setdefault(rule_id, set()).update(cited_drugs([Entry(finding)]))
    found = []
    for row in voice.knowledge.cessation.exceptions:
        drugs = _members(row.drugs, voice) & set[str]().union(*(cited.get(rule, ()) for rule in row.rules))
        found += [(row, frozenset(drugs))] if drugs else []
    return tuple(found)


def cessation_lines(
    entries: Iterable[Entry], voice: Voice, exceptions: Exceptions = (), told: str = "", said: str = ""
) -> list[str]:
    """Return the sudden-stop sentence of every drug set the entries cite a member of (section 12).

    For a drug of a label exception that sentence gives way to the one of the exception; ``told`` is safety
    text that stays on the card and may say it already, where the drugs are named in it or in ``said``.
    """
    drugs = cited_drugs(entries)
    excepted: dict[Cessation, list[str]] = {}
    lines: list[str] = []
    for warning in voice.knowledge.cessation.warnings:
        named: list[str] = []
        for drug in (drug for drug in drugs if drug in _members(warning.drugs, voice)):
            row = next((row for row, covered in exceptions if drug in covered), None)
            (named if row is None else excepted.setdefault(row, [])).append(drug)
        if named and not _is_told(warning, named, told, said, voice):
            lines.append(_of_drugs(warning, named, voice))
    return lines + [_of_drugs(row, list(dict.fromkeys(named)), voice) for row, named in excepted.items()]


def _is_told(warning: Cessation, drugs: Iterable[str], told: str, said: str, voice: Voice) -> bool:
    """Whether the card warns in the words of a rule and names every drug it means."""
    lower = f"{said} {told}".casefold()
    is_said = any(words.casefold() in told.casefold() for words in warning.said_by)
    return is_said and all(voice.title("drug", drug).casefold() in lower for drug in drugs)


def _members(names: Iterable[str], voice: Voice) -> set[str]:
    sets = voice.knowledge.terminology.drug_sets
    return {member for name in names if name in sets for member in sets[name].members}


def _of_drugs(row: Cessation, drugs: Iterable[str], voice: Voice) -> str:
    said = row.say.format(drugs=", ".join(voice.title("drug", drug) for drug in drugs))
    return said[:1].upper() + said[1:]
