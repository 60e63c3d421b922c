"""What judging needs to know about a number: title, unit, default range, look-back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from cds_service.engine.context import Context
from cds_service.errors import UnitError
from cds_service.terminology import Analyte


@dataclass(frozen=True, slots=True)
class NumberSpec:
    """An analyte, or a derived number dressed like one.

    The adult default range comes from ``range_source``, None where only the laboratory's own counts.
    ``members`` are the analytes whose unreadable results make it unreadable. ``convert`` turns a
    limit of a rule into the canonical unit.
    """

    name: str
    kind: str
    title: str
    unit: str
    members: frozenset[str]
    analyte: Analyte
    convert: Callable[[Decimal, str], Decimal]
    range_source: Analyte | None = None
    doubtful_is_upper_bound: bool = False

    def adult_range(self, sex: str | None) -> tuple[Decimal | None, Decimal | None]:
        """Return the adult default range, by sex where the terminology knows a difference."""
        return (None, None) if self.range_source is None else self.range_source.default_range(sex)

    def usual(self, ctx: Context) -> int:
        """Look-back of the analyte in the patient's care setting, in seconds."""
        return self.analyte.usual[ctx.facts.encounter.setting]

    def fresh(self, ctx: Context) -> int:
        """How old a result may be to raise a critical card, in seconds."""
        return self.analyte.fresh[ctx.facts.encounter.setting]

    def canonical(self, amount: Decimal, unit: str) -> Decimal | None:
        """Return a rule's limit in the canonical unit; None where the scale does not convert."""
        if unit == self.unit:
            return amount
        try:
            return self.convert(amount, unit)
        except UnitError:
            return None


def spec_of_analyte(analyte: Analyte) -> NumberSpec:
    """Return the spec of a plain analyte, vital sign or score."""
    return NumberSpec(
        analyte.name,
        analyte.kind,
        analyte.title,
        analyte.unit,
        frozenset((analyte.name,)),
        analyte,
        analyte.to_canonical,
        analyte,
        analyte.doubtful_is_upper_bound,
    )


def spec_of(name: str, ctx: Context) -> NumberSpec:
    """Return what is known about an analyte or derived number of this name."""
    found = ctx.knowhow.specs.get(name)
    if found is None:
        found = ctx.knowhow.specs[name] = _spec(name, ctx)
    return found


def _spec(name: str, ctx: Context) -> NumberSpec:
    definition = ctx.knowhow.definitions.get(name)
    if definition is None or definition.number is None:
        return spec_of_analyte(ctx.knowhow.terminology.analyte(name))
    number = definition.number
    labs = [spec_of(term.lab, ctx) for term in number.terms if term.lab]
    members = frozenset().union(*(spec.members for spec in labs))
    if number.form == "first_of":
        return replace(labs[0], name=name, members=members)
    ranged = spec_of(number.range_of, ctx).range_source if number.range_of else None
    title = definition.title.split(" (")[0]
    return replace(
        labs[0],
        name=name,
        title=title,
        unit=number.unit,
        members=members,
        range_source=ranged,
        doubtful_is_upper_bound=False,
    )
