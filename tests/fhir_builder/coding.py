"""Look up codes and words of the terminology for the names of a description."""

from collections.abc import Iterable
from functools import cache, lru_cache
from typing import Any

from cds_service.content import content_root, read_document
from cds_service.facts import DrugUse
from cds_service.terminology import Terminology, load_terminology
from cds_service.terminology.store import BORROWED

RXNORM, ATC = "rxnorm", "atc"
_CONVENTIONAL = ("mg/dL", "g/dL", "ng/mL", "pg/mL", "ng/dL", "µg/dL")
_READ_IN_ONE = ("condition", "symptom", "procedure")


@lru_cache(maxsize=1)
def terminology() -> Terminology:
    """The product's own terminology."""
    return load_terminology(content_root())


@lru_cache(maxsize=1)
def address_of() -> dict[str, str]:
    """Short names of code systems to their addresses."""
    return dict(terminology().systems.uris)


def coding(system: str, code: str, display: str) -> dict[str, str]:
    return {"system": address_of()[system], "code": code, "display": display}


# ----------------------------------------------------------------------------- problems and findings


def concept(kind: str, name: str, style_of_codes: str) -> dict[str, Any]:
    """A CodeableConcept that means this name and, where possible, nothing else; words where no code does."""
    found = None if style_of_codes == "text" else _code_of(kind, name, style_of_codes)
    title = _title(kind, name)
    if found is None:
        return {"text": words_of(kind, name)}
    return {"coding": [coding(style_of_codes, found, title[:1].upper() + title[1:])]}


def _title(kind: str, name: str) -> str:
    terms = terminology()
    return terms.title(kind, name) if terms.exists(kind, name) else terms.ingredients[name].title


def meant(kind: str, name: str) -> set[str]:
    """The name and every value set that includes it."""
    return {name, *terminology().set_parents.get(BORROWED.get(kind, kind), {}).get(name, ())}


@cache
def _code_of(kind: str, name: str, system: str) -> str | None:
    terms = terminology()
    if kind == "allergy" and name in terms.ingredients:
        return next((row.code for row in terms.ingredients[name].codes if row.system == RXNORM), None)
    candidates = [
        row.code for row in terms.value_sets[BORROWED.get(kind, kind)][name].codes if row.system == system
    ]
    candidates = [code for code in candidates if name in terms.names_for(kind, system, code)]
    return min(
        candidates,
        key=lambda code: (
            _extras(kind, name, lambda k: terms.names_for(k, system, code)),
            candidates.index(code),
        ),
        default=None,
    )


@cache
def words_of(kind: str, name: str) -> str:
    """Words the terminology reads as this name and, where possible, as nothing else."""
    terms = terminology()
    home = BORROWED.get(kind, kind)
    if kind == "allergy" and name in terms.ingredients:
        return terms.ingredients[name].title
    file = read_document(content_root() / "terminology" / f"{home}s" / f"{name}.yaml")
    phrases = [_title(kind, name), *map(str, file.data.get("text", {}).get("words", ()))]
    known = [text for text in phrases if name in terms.names_for_text(kind, text)]
    if not known:
        raise LookupError(f"no words of {kind} {name} are read as that")
    return min(
        known,
        key=lambda text: (_extras(kind, name, lambda k: terms.names_for_text(k, text)), known.index(text)),
    )


def _extras(kind: str, name: str, names: Any) -> int:
    kinds: Iterable[str] = _READ_IN_ONE if kind in _READ_IN_ONE else (kind,)
    return sum(len(set(names(other)) - meant(kind, name)) for other in kinds)


def specific_code(kind: str, name: str, system: str, text: str) -> dict[str, str] | None:
    """The coding of a value set in a system, or None; ``name@code`` picks one code of the value set.

    The display is the title ICD-10-CM prints; for other systems it is ``text``, the words of the record.
    """
    name, _, wanted = name.partition("@")
    rows = terminology().value_sets[BORROWED.get(kind, kind)][name].codes
    code = wanted or _code_of(kind, name, system)
    row = next((row for row in rows if row.code == code and (wanted or row.system == system)), None)
    if row is None:
        return None
    return coding(row.system, row.code, row.title if row.system == "icd-10-cm" else text)


# ----------------------------------------------------------------------------- drugs


def is_drug(name: str) -> bool:
    """Whether a draft orders a drug; else it orders a test, a procedure or a referral."""
    return name in terminology().ingredients


def order_concept(name: str) -> dict[str, Any]:
    """A CodeableConcept of a drafted test, procedure or referral."""
    order = terminology().orders[name]
    return {"coding": [coding(row.system, row.code, row.title) for row in order.codes], "text": order.title}


def drug_concept(use: DrugUse, way: str) -> tuple[dict[str, Any], tuple[str, str] | None]:
    """The concept of a drug, and amount and unit of one tablet where a product is meant."""
    title = terminology().ingredients[use.ingredient].title
    if way == "product" and (row := _product(use.ingredient, use.route)):
        return {"coding": [coding(RXNORM, row[0], f"{title} {row[1]} {row[2]}")]}, (row[1], row[2])
    system = {"ingredient": RXNORM, "product": RXNORM, "atc": ATC}.get(way)
    code = system and _drug_code(use.ingredient, system, use.route)
    if not code:
        return {"text": title}, None
    return {"coding": [coding(str(system), code, title)]}, None


def ingredient_code(ingredient: str, route: str | None) -> dict[str, str]:
    """The coding of an ingredient: RxNorm, or ATC for what is not on the market of the United States."""
    for system in (RXNORM, ATC):
        if code := _drug_code(ingredient, system, route):
            return coding(system, code, terminology().ingredients[ingredient].title)
    raise LookupError(f"no code of {ingredient}")


@cache
def _drug_code(ingredient: str, system: str, route: str | None) -> str | None:
    terms = terminology()
    for row in terms.ingredients[ingredient].codes:
        meanings = terms.ingredients_for(system, row.code) if row.system == system else ()
        if [product.ingredient for product in meanings] == [ingredient] and meanings[0].route in (
            None,
            route,
        ):
            return row.code
    return None


def product_code(code: str, text: str) -> dict[str, str]:
    """The RxNorm coding of a product of the terminology, under the words of the record."""
    if not any(code in {row[0] for row in rows} for rows in _products().values()):
        raise LookupError(f"no product {code}")
    return coding(RXNORM, code, text)


@lru_cache(maxsize=1)
def _products() -> dict[str, list[tuple[str, ...]]]:
    rows: dict[str, list[tuple[str, ...]]] = {}
    lines = (
        (content_root() / "terminology" / "drugs" / "products.tsv").read_text(encoding="utf-8").splitlines()
    )
    for line in lines[1:]:
        rows.setdefault(line.split("\t")[0], []).append(tuple(line.split("\t")))
    return rows


@cache
def _product(ingredient: str, route: str | None) -> tuple[str, str, str] | None:
    """A product of this ingredient alone by this route: code, amount, unit."""
    for code, rows in sorted(_products().items()):
        _, name, by, amount, unit, _ = rows[0]
        if len(rows) == 1 and name == ingredient and by == (route or "oral") and unit == "mg":
            return code, amount, unit
    return None


# ----------------------------------------------------------------------------- tests


def analyte_concept(name: str, way: str, unit: str, *, point_of_care: bool = False) -> dict[str, Any]:
    """The concept of a laboratory test, vital sign or score, fit for a result in this unit."""
    terms = terminology()
    analyte = terms.analytes[name]
    if way == "loinc":
        fit = [row for row in analyte.codes if row.system == "loinc" and _fits(row, unit, point_of_care)]
        mass = [row for row in fit if ("[Mass/" in row.title) == ("g/" in unit)]
        for row in (*mass, *fit):
            return {"coding": [coding("loinc", row.code, row.title or analyte.title)]}
    return {"text": _test_words(name)}


@cache
def _test_words(name: str) -> str:
    """Words the terminology reads as this test and nothing else."""
    terms = terminology()
    analyte = terms.analytes[name]
    file = read_document(content_root() / "terminology" / f"{analyte.kind}s" / f"{name}.yaml")
    phrases = [analyte.title, *map(str, file.data.get("text", {}).get("words", ()))]
    return next(text for text in phrases if [row.name for row in terms.analytes_for_text(text)] == [name])


def _fits(row: Any, unit: str, point_of_care: bool) -> bool:
    meanings = terminology().analytes_for(row.system, row.code)
    if len(meanings) != 1 or meanings[0].point_of_care != point_of_care:
        return False
    return not meanings[0].factors or unit in meanings[0].factors


def unit_for(name: str, units: str) -> str:
    """The unit a result of this analyte is printed in."""
    analyte = terminology().analytes[name]
    if units == "conventional":
        if "meq/L" in analyte.factors and analyte.factors["meq/L"].times == 1:
            return "meq/L"
        return next((unit for unit in _CONVENTIONAL if unit in analyte.factors), analyte.unit)
    return analyte.unit


@lru_cache(maxsize=1)
def twitch_rows() -> list[tuple[str, str, str]]:
    """System, code and title of every code of twitching."""
    rows = read_document(content_root() / "terminology" / "twitch.yaml").data["codes"]
    return [(row["system"], str(row["code"]), row["title"]) for row in rows]


@lru_cache(maxsize=1)
def twitch_codes() -> list[tuple[str, str, str]]:
    """System, code and title of each code that says there is a twitch and nothing of where."""
    rows = read_document(content_root() / "terminology" / "twitch.yaml").data["codes"]
    return [
        (row["system"], str(row["code"]), row["title"])
        for row in rows
        if row["level"] == 3 and "sites" not in row
    ]
