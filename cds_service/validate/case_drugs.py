"""Read the drugs of a case: taken, given, ordered now and about to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cds_service.facts import Dose, DrugUse, Source
from cds_service.schema import nearest
from cds_service.validate import case_words as words
from cds_service.validate.case_desk import Desk, Placed, items_of


def read_drugs(
    desk: Desk, patient: Mapping[str, Any], not_sent: frozenset[str]
) -> dict[str, tuple[DrugUse, ...]]:
    """Return the uses of each ingredient; ``not_sent`` leaves out what the record would have told."""
    found: dict[str, list[DrugUse]] = {}
    for section in ("drugs", "administered", "draft", "stopping"):
        if "drug" in not_sent and section in ("drugs", "administered"):
            continue
        for number, item in enumerate(items_of(patient.get(section)), start=1):
            read = desk.read(
                item, words.read_drug, str(item.value), desk.as_of, desk.terminology.routes.words
            )
            if read is None:
                continue
            _check_reasons(desk, read, section, item)
            if _is_drug(desk, read.name, section, item):
                uses = found.setdefault(read.name, [])
                uses.extend(_uses(desk, section, read, f"{section}-{number}", bool(uses)))
    return {name: tuple(found[name]) for name in sorted(found)}


def _check_reasons(desk: Desk, read: words.DrugWords, section: str, item: Placed) -> None:
    if section != "stopping" and read.reasons != ():
        desk.fault(item, "gives the reason to end a drug that no draft ends", "Write it under stopping.")
    known = desk.terminology.value_sets.get("reason", {})
    for name in read.reasons or ():
        if name not in known:
            desk.fault(item, f"names the reason {name!r}, which does not exist", nearest(name, known))


def _is_drug(desk: Desk, name: str, section: str, item: Placed) -> bool:
    terminology = desk.terminology
    if name in terminology.ingredients or (section in ("draft", "stopping") and name in terminology.orders):
        return True
    if name in terminology.drug_sets:
        members = ", ".join(sorted(terminology.drug_sets[name].members)[:6])
        desk.fault(
            item,
            f"names the drug set {name!r}, but a patient takes ingredients",
            f"Write one of: {members} ...",
        )
    else:
        desk.fault(
            item, f"names the drug {name!r}, which does not exist", nearest(name, terminology.ingredients)
        )
    return False


def _uses(desk: Desk, section: str, read: words.DrugWords, number: str, known: bool) -> list[DrugUse]:
    ingredient = desk.terminology.ingredients.get(read.name)
    dose = None if read.dose is None else Dose(read.dose)
    title = ingredient.title if ingredient else desk.terminology.orders[read.name].title
    single = read.single or section == "administered"
    common: dict[str, Any] = {
        "ingredient": read.name,
        "display": title,
        "dose": dose,
        "supplies": read.supplies,
        "route": read.route or (ingredient.usual_route if ingredient else None),
        "by_text": "by text" in read.flags,
        "selected": "not selected" not in read.flags,
        "planned_days": read.days,
    }
    use = DrugUse(
        source=Source(f"MedicationRequest/{number}"),
        active=read.end is None and not single,
        start=read.start,
        end=read.end,
        administered=single,
        **common,
    )
    if section == "draft":
        return [DrugUse(source=use.source, active=True, start=None, draft=True, **common)]
    if section == "stopping":
        ending = DrugUse(
            source=use.source,
            active=False,
            start=read.start,
            draft=True,
            stopping=True,
            reasons=read.reasons,
            **common,
        )
        taken = DrugUse(
            source=Source(f"MedicationRequest/{number}-taken"), active=True, start=read.start, **common
        )
        return [ending] if known else [taken, ending]
    return [use]
