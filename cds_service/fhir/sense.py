"""The sense of one concept: its codes first, its words last; each answer worked out when first asked."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from cds_service.fhir.gauges import Gauge
from cds_service.fhir.vocabulary import codings, display_of, words_of

if TYPE_CHECKING:
    from cds_service.fhir.datatypes import Concept
    from cds_service.fhir.lexicon import Lexicon, Meaning
    from cds_service.narrative import Mention
    from cds_service.terminology import AnalyteCode, ProductCode, TwitchCode

_MAX_TEXT: Final = 20_000
_MAX_NAME: Final = 400
_MAX_TEXTS: Final = 6


class Sense:
    """What a concept means for every reader; immutable once asked, shared by all records."""

    def __init__(self, lexicon: Lexicon | None, concept: Concept | None) -> None:
        """Take the concept apart; nothing is looked up yet. A None lexicon makes the empty sense."""
        self._lexicon = lexicon
        rows = codings(concept)
        self.codes = tuple((row.system or "", row.code) for row in rows if row.code)
        self.texts = tuple(words_of(concept)[:_MAX_TEXTS])
        self.display = display_of(concept)
        self._pairs = tuple((row.system, row.code) for row in rows)
        self._names: dict[str, tuple[tuple[str, ...], bool]] = {}

    @property
    def is_empty(self) -> bool:
        """Whether there is neither code nor text."""
        return not self.codes and not self.texts

    @cached_property
    def side(self) -> str | None:
        """The side its words name."""
        return self._lexicon.words.side(self.texts) if self._lexicon else None

    @cached_property
    def is_history(self) -> bool:
        """Whether its name says that it speaks of the past."""
        return self._lexicon is not None and self._lexicon.words.is_past(self.texts)

    @cached_property
    def answer(self) -> bool | None:
        """Whether as an answer it affirms or denies, by its words or else its codes; None for neither."""
        if self._lexicon is None:
            return None
        texts = (*self.texts, *(code for _, code in self.codes))
        answers = map(self._lexicon.words.answer, texts)
        return next((answer for answer in answers if answer is not None), None)

    @cached_property
    def meanings(self) -> tuple[Meaning, ...]:
        """The meanings of its codes, in order."""
        return tuple(self._lexicon.code(*pair) for pair in self._pairs) if self._lexicon else ()

    @cached_property
    def has_listed_system(self) -> bool:
        """Whether one of its codes is of a code system the terminology lists."""
        return any(meaning.system is not None for meaning in self.meanings)

    def names(self, kind: str) -> tuple[tuple[str, ...], bool]:
        """Return the value sets of a kind it is in, and whether only its words told so.

        Words count only where no code did; words that are negated or said of a relative do not count.
        """
        found = self._names.get(kind)
        if found is None:
            found = self._names[kind] = self._find_names(kind)
        return found

    def _find_names(self, kind: str) -> tuple[tuple[str, ...], bool]:
        by_code = dict.fromkeys(name for meaning in self.meanings for name in meaning.names.get(kind, ()))
        if by_code or self._lexicon is None:
            return tuple(by_code), False
        ask = self._lexicon.asserted
        return tuple(dict.fromkeys(name for text in self.texts for name in ask(kind, text[:_MAX_TEXT]))), True

    def coded(self, kind: str) -> tuple[str, ...]:
        """Return the value sets of a kind its codes are in; words do not count."""
        names, by_text = self.names(kind)
        return () if by_text else names

    @cached_property
    def denied(self) -> tuple[str, ...]:
        """The symptoms its words say are not there."""
        if self._lexicon is None:
            return ()
        said = [pair for text in self.texts for pair in self._lexicon.said("symptom", text[:_MAX_TEXT])]
        return tuple(dict.fromkeys(name for name, against in said if against == "negated"))

    @cached_property
    def analytes(self) -> tuple[AnalyteCode, ...]:
        """What it measures: by its codes, or by its words where no code could tell.

        A code of a listed system that no analyte claims keeps the words unread for every analyte that
        has codes of that system: a urine test is not a serum test because its name begins alike. An
        analyte for which the content has no such code can only be known by its words. Codes that name
        different tests give nothing (``has_analyte_conflict``).
        """
        found = {code.name: code for meaning in self.meanings for code in reversed(meaning.analytes)}
        if found:
            return () if self.has_analyte_conflict else tuple(found[name] for name in sorted(found))
        if self._lexicon is None:
            return ()
        ask = self._lexicon.terminology.analytes_for_text
        named = next((rows for text in self.texts if (rows := ask(text[:_MAX_NAME]))), ())
        return tuple(code for code in named if not self._would_be_coded(code.name))

    @cached_property
    def gauges(self) -> tuple[Gauge, ...]:
        """What reads its results, one for each analyte."""
        if self._lexicon is None:
            return ()
        return tuple(Gauge(code, self._lexicon.terminology) for code in self.analytes)

    def _would_be_coded(self, analyte: str) -> bool:
        """Whether the content has codes of this analyte in a system the concept has a code of."""
        if self._lexicon is None:
            return False
        sent = {meaning.system for meaning in self.meanings}
        return any(coding.system in sent for coding in self._lexicon.terminology.analytes[analyte].codes)

    @cached_property
    def has_analyte_conflict(self) -> bool:
        """Whether two of its codes name different tests."""
        sets = [{code.name for code in meaning.analytes} for meaning in self.meanings if meaning.analytes]
        return len(sets) > 1 and not set.intersection(*sets)

    @cached_property
    def drugs(self) -> tuple[tuple[ProductCode, ...], bool]:
        """The ingredients of a drug, and whether only its name told so."""
        by_code: dict[str, ProductCode] = {}
        for meaning in self.meanings:
            for product in meaning.drugs:
                known = by_code.get(product.ingredient)
                if known is None or (known.route is None and product.route is not None):
                    by_code[product.ingredient] = product
        if by_code:
            return tuple(self._routed(product) for product in by_code.values()), False
        return next((rows for rows in self._named_drugs if rows), ()), True

    def _routed(self, product: ProductCode) -> ProductCode:
        """Return a product with the route its name tells where its code tells none ("nasal inhaler")."""
        if product.route is not None or self._lexicon is None:
            return product
        find = self._lexicon.terminology.routes.word_for
        told = {route for text in self.texts if (route := find(text[:_MAX_NAME]))}
        return replace(product, route=told.pop()) if len(told) == 1 else product

    @cached_property
    def _named_drugs(self) -> tuple[tuple[ProductCode, ...], ...]:
        if self._lexicon is None:
            return ()
        return tuple(self._lexicon.terminology.ingredients_for_text(text[:_MAX_NAME]) for text in self.texts)

    @cached_property
    def has_drug_conflict(self) -> bool:
        """Whether its code and all of its names mean different drugs: then neither can be trusted."""
        products, by_text = self.drugs
        coded = {product.ingredient for product in products}
        named = [{product.ingredient for product in rows} for rows in self._named_drugs]
        return bool(coded) and not by_text and any(named) and not any(coded & names for names in named)

    @cached_property
    def twitch(self) -> TwitchCode | None:
        """The coded twitch (evidence level 3), if one of its codes is that."""
        return next((m.twitch for m in self.meanings if m.twitch is not None and m.twitch.level == 3), None)

    @cached_property
    def mentions(self) -> tuple[Mention, ...]:
        """The mentions of twitching in its words that count."""
        if self._lexicon is None:
            return ()
        found = [mention for text in self.texts for mention in self._lexicon.mentions(text[:_MAX_TEXT])]
        return tuple(mention for mention in found if not mention.negated and not mention.reason)

    @cached_property
    def is_idle(self) -> bool:
        """Whether a number under this name is of no use: no analyte, no conflict of analytes, no finding."""
        return not self.analytes and not self.has_analyte_conflict and not self.is_finding

    @cached_property
    def is_problem(self) -> bool:
        """Whether it means anything a problem may mean: condition, past event, symptom or twitch."""
        return bool(self.names("condition")[0] or self.names("procedure")[0] or self.is_finding)

    @cached_property
    def is_finding(self) -> bool:
        """Whether it means anything a finding may mean: symptom (there or denied), report or twitch."""
        return bool(
            self.names("symptom")[0] or self.names("report")[0] or self.denied or self.twitch or self.mentions
        )


EMPTY: Final = Sense(None, None)
