"""Medication resources to drug uses: which drug, from when to when, how much, by which route.

When a use counts as active is specification 3.3, last paragraph.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any, Final

from msgspec import Struct

from cds_service.facts import DAY, Dose, DrugUse, Moment
from cds_service.fhir import vocabulary as words
from cds_service.fhir.datatypes import Dosage
from cds_service.fhir.dosage import (
    bounds_of,
    daily_dose,
    dosages_of,
    planned_seconds,
    route_hint,
    route_of,
    seconds_of,
)
from cds_service.fhir.history import concept_of
from cds_service.fhir.identify import Identified, identify
from cds_service.fhir.reading import Reading
from cds_service.fhir.records import Located, draft_names, source_of
from cds_service.fhir.resources import (
    MedicationAdministration,
    MedicationDispense,
    MedicationOrder,
    MedicationRequest,
    MedicationStatement,
    MedicationUsage,
    ProcedureRequest,
    ServiceRequest,
)

_TAKING: Final = frozenset(("active", "intended", "recorded", "completed"))


class _Use(Struct, frozen=True, gc=False):
    """When and how a drug was used, as one resource says it; becomes one DrugUse for each ingredient."""

    active: bool
    start: Moment | None = None
    end: Moment | None = None
    draft: bool = False
    stopping: bool = False
    selected: bool = True
    planned_days: int | None = None
    administered: bool = False
    reasons: tuple[str, ...] | None = ()


def read_medications(reading: Reading) -> None:
    """Read all medication resources of the record, then the draft orders."""
    for located in reading.usable(MedicationRequest, MedicationOrder):
        _take(reading, located, _of_request(reading, located), dosages_of(located[3].dosageInstruction))
    for located in reading.usable(MedicationStatement, MedicationUsage):
        _take(reading, located, _of_statement(reading, located), dosages_of(located[3].dosage))
    for located in reading.usable(MedicationAdministration):
        _take(reading, located, _of_administration(reading, located), dosages_of(located[3].dosage))
    for located in reading.usable(MedicationDispense):
        _take(reading, located, _of_dispense(reading, located), dosages_of(located[3].dosageInstruction))
    for located in reading.usable_drafts(MedicationRequest, MedicationOrder):
        _take(reading, located, _of_draft(reading, located), dosages_of(located[3].dosageInstruction))
        _end_prior(reading, located)
    for located in reading.usable_drafts(ServiceRequest, ProcedureRequest):
        _take_test(reading, located)


def _take(reading: Reading, located: Located, use: _Use | str, dosages: list[Dosage]) -> None:
    """File one use under each ingredient, or the reason why it is none (a fault code)."""
    drug = identify(reading, located)
    if isinstance(use, str):
        unclear = use in ("F018", "F031")
        names: list[str | None] = [product.ingredient for product in drug.products] if unclear else []
        for name in names or [None]:
            reading.refuse(use, located, kind="drug", name=name, shown=drug.display)
        return
    if drug.fault:
        if not _is_nothing(drug):
            _count_unread(reading, drug)
            reading.refuse(drug.fault, located, kind="drug", shown=drug.display, moment=use.end or use.start)
            if use.active:
                reading.doubtful_types.add(type(located[3]).__name__)
        return
    if not drug.products:
        _count_unread(reading, drug)
        if use.draft and not any(sense.codes for sense in drug.senses):
            reading.refuse("F043", located, kind="drug", shown=drug.display)
    _file(reading, located, use, drug, dosages)


def _count_unread(reading: Reading, drug: Identified) -> None:
    """Count the codes of a drug of which none says an ingredient; a conflict (F044) was read."""
    for sense in drug.senses if drug.fault != "F044" else ():
        reading.count_unread("drug", sense)


def _is_nothing(drug: Identified) -> bool:
    """Whether the entry only says that no drug is taken (IPS absent-unknown codes)."""
    return any(system == words.ABSENT_UNKNOWN for sense in drug.senses for system, _ in sense.codes)


def _file(reading: Reading, located: Located, use: _Use, drug: Identified, dosages: list[Dosage]) -> None:
    source = source_of(located)
    stated = route_of(reading, dosages, drug.form)
    for product in drug.products:
        ingredient = reading.lexicon.terminology.ingredients[product.ingredient]
        route = _route(reading, stated, product.route, ingredient.usual_route)
        route = route or route_hint(reading, dosages, drug.form)
        dose: Dose | None = daily_dose(
            dosages, product.strength, single_ingredient=len(drug.products) == 1 and not drug.is_combination
        )
        reading.drugs.setdefault(product.ingredient, []).append(
            DrugUse(
                product.ingredient,
                source,
                drug.display or ingredient.title,
                use.active,
                use.start,
                use.end,
                route,
                dose,
                use.draft,
                use.stopping,
                use.selected,
                use.planned_days,
                use.administered,
                by_text=drug.by_text,
                reasons=use.reasons,
            )
        )


def _route(reading: Reading, stated: str | None, of_product: str | None, usual: str | None) -> str | None:
    """Return the route the record states; the product's where it is the finer word for the same."""
    if stated is None or stated == of_product:
        return stated or of_product or usual
    finer = reading.lexicon.terminology.routes.groups.get(stated, frozenset())
    return next((route for route in (of_product, usual) if route in finer), stated)


def _past(reading: Reading, moment: Moment | None) -> bool:
    return moment is not None and moment.latest < reading.times.now


def _earliest(*moments: Moment | None) -> Moment | None:
    known = [moment for moment in moments if moment is not None]
    return min(known, key=attrgetter("earliest"), default=None)


# ----------------------------------------------------------------------------- requests


def _of_request(reading: Reading, located: Located) -> _Use | str:
    resource: Any = located[3]
    status = (resource.status or "").strip()
    if status not in words.REQUEST_KNOWN or status == "unknown":
        return "F018"
    if getattr(resource, "doNotPerform", None):
        return "F042"
    if status in words.REQUEST_IGNORED or status == "cancelled":
        return "F019"
    if (getattr(resource, "intent", None) or "order") not in words.INTENT_TAKEN:
        return "F019"
    start, end = _span(reading, resource)
    if start is not None and start.earliest > reading.times.now:
        return "F032"
    if status == "active" and not _past(reading, end):
        return _Use(True, start, None)
    return _Use(False, start, _ended(reading, resource, end))


def _span(reading: Reading, resource: Any) -> tuple[Moment | None, Moment | None]:
    """Return the earliest stated start of an order and its latest stated end."""
    bound_start, bound_end = bounds_of(reading, dosages_of(resource.dosageInstruction))
    validity = resource.dispenseRequest.validityPeriod if resource.dispenseRequest else None
    written = reading.times.first(
        getattr(resource, "authoredOn", None), getattr(resource, "dateWritten", None)
    )
    start = _earliest(bound_start, reading.period_start(validity), written)
    return start, bound_end or reading.period_end(validity)


def _ended(reading: Reading, resource: Any, planned: Moment | None) -> Moment | None:
    """Return when an order ended: the date of the status change, else its planned end if that is past."""
    changed = reading.times.first(
        getattr(resource, "statusChanged", None), getattr(resource, "dateEnded", None)
    )
    if changed is not None and changed.earliest <= reading.times.now:
        return changed
    return planned if _past(reading, planned) else None


def _of_draft(reading: Reading, located: Located) -> _Use | str:
    """Read a draft order: a new drug, or the end of one when its status says so."""
    resource: Any = located[3]
    status = (resource.status or "draft").strip()
    if status == "entered-in-error" or getattr(resource, "doNotPerform", None):
        return "F042" if status != "entered-in-error" else "F019"
    selected = _is_selected(reading, located)
    start, _ = _span(reading, resource)
    if status in words.REQUEST_STOPPED:
        reasons = _stop_reasons(reading, resource)
        return _Use(False, start, draft=True, stopping=True, selected=selected, reasons=reasons)
    return _Use(True, start, draft=True, selected=selected, planned_days=_planned_days(reading, resource))


def _stop_reasons(reading: Reading, resource: Any) -> tuple[str, ...] | None:
    """Return why a drug is ended, as value sets; None where a reason is recorded that none of them holds."""
    concept = getattr(resource, "statusReason", None) or getattr(resource, "reasonEnded", None)
    sense = reading.sense(concept)
    if sense.is_empty:
        return ()
    names, _ = sense.names("reason")
    if not names:
        reading.count_unread("reason", sense)
    return names or None


def _planned_days(reading: Reading, resource: Any) -> int | None:
    """Return the ordered length of a draft in days: duration, bounds, or expected supply."""
    dosages = dosages_of(resource.dosageInstruction)
    seconds = planned_seconds(dosages)
    if seconds is None:
        start, end = bounds_of(reading, dosages)
        seconds = end.latest - start.earliest if start is not None and end is not None else None
    if seconds is None and resource.dispenseRequest is not None:
        seconds = seconds_of(resource.dispenseRequest.expectedSupplyDuration)
    return None if seconds is None or seconds < 0 else round(seconds / DAY)


def _take_test(reading: Reading, located: Located) -> None:
    """File a drafted test, procedure or referral under its name in ``terminology/orders``."""
    resource: ServiceRequest = located[3]
    status = (resource.status or "draft").strip()
    if resource.doNotPerform or status in words.ORDER_WITHDRAWN:
        reading.refuse("F042" if resource.doNotPerform else "F019", located)
        return
    sense = reading.sense(concept_of(resource.code) if resource.code else None)
    names = reading.lexicon.orders(sense)
    if not names:
        reading.count_unread("order", sense)
    for name in names:
        shown = sense.display or reading.lexicon.terminology.orders[name].title
        chosen = _is_selected(reading, located)
        use = DrugUse(name, source_of(located), shown, active=True, draft=True, selected=chosen)
        reading.drugs.setdefault(name, []).append(use)


def _is_selected(reading: Reading, located: Located) -> bool:
    """Whether a draft is among those being chosen; where the hook has no selection all are."""
    chosen = reading.record.selections
    return chosen is None or any(name in chosen for name in draft_names(located))


def _end_prior(reading: Reading, located: Located) -> None:
    """Note that a draft replaces an earlier order of another drug: that drug is being stopped."""
    prior = getattr(located[3], "priorPrescription", None)
    target = reading.references.find(prior.reference, located) if prior is not None else None
    if target is None or not isinstance(target[3], MedicationRequest):
        return
    own = {product.ingredient for product in identify(reading, located).products}
    before = identify(reading, target)
    gone = tuple(product for product in before.products if product.ingredient not in own)
    if gone:
        use = _Use(False, draft=True, stopping=True, selected=_is_selected(reading, located))
        _file(reading, located, use, Identified(gone, before.display, by_text=before.by_text), [])


# ----------------------------------------------------------------------------- statements and doses


def _of_statement(reading: Reading, located: Located) -> _Use | str:
    resource: MedicationStatement = located[3]
    status = (resource.status or "").strip()
    adherence = words.word_of(resource.adherence.code) if resource.adherence else None
    if status == "entered-in-error":
        return "F019"
    if status == "not-taken" or resource.taken == "n" or resource.wasNotTaken or adherence == "not-taking":
        return "F042"
    if status not in _TAKING | {"stopped", "on-hold"} or resource.taken == "unk":
        return "F018"
    period = resource.effectivePeriod
    start = _earliest(reading.period_start(period), reading.times.read(resource.effectiveDateTime))
    end = reading.period_end(period)
    if start is not None and start.earliest > reading.times.now:
        return "F032"
    held = status in ("stopped", "on-hold") or adherence in ("stopped", "on-hold")
    if status == "completed":
        return _completed(reading, start, end or reading.times.read(resource.effectiveDateTime))
    if held or _past(reading, end):
        return _Use(False, start, end if _past(reading, end) else None)
    return _Use(True, start, None)


def _completed(reading: Reading, start: Moment | None, end: Moment | None) -> _Use:
    """A completed statement counts as active for a while after its end."""
    recent = end is not None and reading.times.now - end.latest <= reading.recency.statement_ended
    return _Use(recent, start, end)


def _of_administration(reading: Reading, located: Located) -> _Use | str:
    resource: MedicationAdministration = located[3]
    if (resource.status or "") in words.NOT_DONE or resource.notGiven or resource.wasNotGiven:
        return "F042"
    if not resource.status:
        return "F018"
    period = resource.effectivePeriod or resource.occurencePeriod or resource.occurrencePeriod
    start = reading.times.first(
        resource.effectiveDateTime,
        resource.occurenceDateTime,
        resource.occurrenceDateTime,
        period.start if period else None,
    )
    if start is None:
        return "F031"
    if start.earliest > reading.times.now:
        return "F032"
    end = reading.period_end(period) or start
    recent = reading.times.now - end.latest <= reading.recency.administration
    return _Use(recent, start, end, administered=True)


def _of_dispense(reading: Reading, located: Located) -> _Use | str:
    resource: MedicationDispense = located[3]
    if (resource.status or "") in words.NOT_DONE:
        return "F019"
    if not resource.status:
        return "F018"
    start = reading.times.first(resource.whenHandedOver, resource.whenPrepared)
    if start is None:
        return "F031"
    if start.earliest > reading.times.now:
        return "F032"
    supply = seconds_of(resource.daysSupply) or 0
    end = reading.times.shifted(start, supply)
    covered = reading.times.now - end.latest <= reading.recency.supply_grace
    return _Use(covered, start, None if covered or not supply else end)
