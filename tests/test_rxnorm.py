"""A release of RxNorm in its documented columns becomes a table of product codes; a site's records then match.

The release here is invented but for the codes of the ingredients.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.errors import ContentError
from cds_service.terminology import Terminology, load_terminology, with_local_codes
from cds_service.terminology.products import Product, strength_in, write_products
from cds_service.terminology.rxnorm import Counted, import_rxnorm

#: RXCUI, TTY, name, suppression
CONCEPTS = [
    ("4603", "IN", "furosemide", "N"),
    ("9997", "IN", "spironolactone", "N"),
    ("1", "IN", "something no rule asks for", "N"),
    ("900001", "SCDC", "furosemide 40 MG", "N"),
    ("900002", "SCD", "furosemide 40 MG Oral Tablet", "N"),
    ("900003", "SBD", "furosemide 40 MG Oral Tablet [Testix]", "N"),
    ("900004", "BN", "Testix", "N"),
    ("900005", "SBDC", "furosemide 40 MG [Testix]", "N"),
    ("900006", "SCDC", "spironolactone 50 MG", "N"),
    ("900007", "SCD", "furosemide 40 MG / spironolactone 50 MG Oral Tablet", "O"),
    ("900008", "DF", "Oral Tablet", "N"),
    ("900009", "DF", "Injectable Solution", "N"),
    ("900010", "SCDC", "furosemide 10 MG/ML", "N"),
    ("900011", "SCD", "furosemide 10 MG/ML Injectable Solution", "N"),
    ("900012", "GPCK", "{10 (furosemide 40 MG Oral Tablet) } Pack", "N"),
    ("900013", "SCD", "furosemide 40 MG Oral Tablet, withdrawn name", "Y"),
    ("900014", "MIN", "furosemide / spironolactone", "N"),
    ("900015", "SCD", "something 5 MG Oral Tablet", "N"),
]
#: whole, relation the whole has to the part, part
RELATIONS = [
    ("900001", "has_ingredient", "4603"),
    ("900002", "consists_of", "900001"),
    ("900002", "has_dose_form", "900008"),
    ("900003", "tradename_of", "900002"),
    ("900003", "consists_of", "900005"),
    ("900003", "has_dose_form", "900008"),
    ("900005", "tradename_of", "900001"),
    ("900005", "has_ingredient", "900004"),
    ("900004", "tradename_of", "4603"),
    ("900004", "tradename_of", "9997"),
    ("900006", "has_ingredient", "9997"),
    ("900007", "consists_of", "900001"),
    ("900007", "consists_of", "900006"),
    ("900007", "has_dose_form", "900008"),
    ("900010", "has_ingredient", "4603"),
    ("900011", "consists_of", "900010"),
    ("900011", "has_dose_form", "900009"),
    ("900012", "contains", "900002"),
    ("900013", "consists_of", "900001"),
    ("900014", "has_part", "4603"),
    ("900014", "has_part", "9997"),
    ("900015", "has_ingredient", "1"),
]
INVERSE = {
    "has_ingredient": "ingredient_of",
    "consists_of": "constitutes",
    "has_dose_form": "dose_form_of",
    "tradename_of": "has_tradename",
    "contains": "contained_in",
    "has_part": "part_of",
}


@cache
def terminology() -> Terminology:
    return load_terminology(content_root())


def concept(code: str, kind: str, name: str, suppressed: str, source: str = "RXNORM") -> str:
    cells = [
        code,
        "ENG",
        "",
        "",
        "",
        "",
        "",
        f"A{code}",
        "",
        code,
        "",
        source,
        kind,
        code,
        name,
        "",
        suppressed,
        "4096",
    ]
    return "|".join(cells) + "|\n"


def relation(second: str, rela: str, first: str, source: str = "RXNORM", kind: str = "CUI") -> str:
    cells = [first, "", kind, "RO", second, "", kind, rela, "1", "", source, source, "", "", "N", ""]
    return "|".join(cells) + "|\n"


def release(folder: Path, *, inverse: bool = False) -> Path:
    rrf = folder / "rrf"
    rrf.mkdir(exist_ok=True)
    noise = [
        concept("900002", "SY", "Furosemide tablets", "N"),
        concept("900099", "SCD", "x", "N", source="OTHER"),
    ]
    (rrf / "RXNCONSO.RRF").write_text("".join([concept(*row) for row in CONCEPTS] + noise))
    lines = [
        relation(part, INVERSE[rela], whole) if inverse else relation(whole, rela, part)
        for whole, rela, part in RELATIONS
    ]
    lines += [relation("900015", "has_ingredient", "4603", source="OTHER"), relation("900015", "isa", "4603")]
    lines += [relation("900015", "has_ingredient", "4603", kind="AUI")]
    (rrf / "RXNREL.RRF").write_text("".join(lines))
    return folder


def imported(folder: Path) -> tuple[dict[tuple[str, str], Product], Counted]:
    rows, counted = import_rxnorm(folder, terminology(), folder / "scratch.sqlite3")
    return {(row.code, row.ingredient): row for row in rows}, counted


@pytest.mark.parametrize("inverse", [False, True])
def test_every_product_of_an_ingredient_is_found(tmp_path: Path, inverse: bool) -> None:
    found, counted = imported(release(tmp_path, inverse=inverse))
    furosemide = {code for code, name in found if name == "furosemide"}
    assert furosemide == {"4603", *(f"9000{n:02}" for n in (1, 2, 3, 4, 5, 7, 10, 11, 12, 14))}
    assert {code for code, name in found if name == "spironolactone"} == {
        "9997",
        "900004",
        "900006",
        "900007",
        "900014",
    }
    assert (counted.ingredients, counted.concepts) == (2, len(CONCEPTS) - 1)


def test_a_brand_hands_no_other_ingredient_on_to_its_products(tmp_path: Path) -> None:
    found, _ = imported(release(tmp_path))
    assert ("900004", "spironolactone") in found
    assert ("900003", "spironolactone") not in found


def test_route_and_strength_are_told_where_they_are_plain(tmp_path: Path) -> None:
    found, _ = imported(release(tmp_path))
    assert found["900002", "furosemide"] == Product("900002", "furosemide", "oral", "40", "mg")
    assert found["900003", "furosemide"] == Product("900003", "furosemide", "oral", "40", "mg")
    assert found["900007", "spironolactone"] == Product("900007", "spironolactone", "oral", "50", "mg")
    assert found["900011", "furosemide"][2:] == ("injection", "", "")
    assert found["4603", "furosemide"][2:] == ("", "", "")


@pytest.mark.parametrize(
    ("name", "strength"),
    [
        ("furosemide 40 MG", ("40", "mg")),
        ("Testix 0.5 MG [Testix]", ("0.5", "mg")),
        ("levothyroxine 25 MCG", ("0.025", "mg")),
        ("x 1 G", ("1000", "mg")),
        ("vitamin D 1000 UNT", ("1000", "unit")),
        ("x 10 MG/ML", ("", "")),
        ("x 0.09 MG/ACTUAT", ("", "")),
        ("40 MG", ("", "")),
    ],
)
def test_strengths(name: str, strength: tuple[str, str]) -> None:
    assert strength_in(name) == strength


def test_the_same_release_gives_the_same_bytes(tmp_path: Path) -> None:
    tables = []
    for name, inverse in (("a", False), ("b", True)):
        folder = tmp_path / name
        folder.mkdir()
        rows, _ = import_rxnorm(release(folder, inverse=inverse), terminology(), folder / "scratch.sqlite3")
        write_products(folder / "products.tsv", rows)
        tables.append((folder / "products.tsv").read_bytes())
    assert tables[0] == tables[1]


def test_imported_codes_match(tmp_path: Path) -> None:
    rows, _ = import_rxnorm(release(tmp_path), terminology(), tmp_path / "scratch.sqlite3")
    table = tmp_path / "products.tsv"
    write_products(table, rows)
    local = with_local_codes(terminology(), products=table)
    assert local.faults == []
    assert local.counts["products.tsv"] > 0
    (product,) = local.terminology.ingredients_for("rxnorm", "900003")
    assert (product.ingredient, product.route) == ("furosemide", "oral")
    assert product.strength is not None and str(product.strength.amount) == "40"
    assert terminology().ingredients_for("rxnorm", "900003") == ()
    assert local.terminology.local_codes == {}


def test_what_is_published_of_a_product_stands(tmp_path: Path) -> None:
    table = tmp_path / "products.tsv"
    write_products(table, [Product("4603", "furosemide", "injection"), Product("4603", "spironolactone")])
    local = with_local_codes(terminology(), products=table).terminology
    rows = {row.ingredient: row for row in local.ingredients_for("rxnorm", "4603")}
    assert rows["furosemide"] == terminology().ingredients_for("rxnorm", "4603")[0]
    assert "spironolactone" in rows


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "T054"),
        ("code\tname\n", "T054"),
        ("product\tingredient\troute\tamount\tunit\n1\tno-such-drug\t\t\t\n", "T053"),
        ("product\tingredient\troute\tamount\tunit\n1\tfurosemide\tby-magic\t\t\n", "T053"),
        ("product\tingredient\troute\tamount\tunit\nx\tfurosemide\t\t\t\n", "T053"),
        ("product\tingredient\troute\tamount\tunit\n1\tfurosemide\t\tmuch\tmg\n", "T053"),
        ("product\tingredient\troute\tamount\tunit\n1\tfurosemide\n", "T053"),
    ],
)
def test_a_table_that_is_none_stops_the_start(tmp_path: Path, text: str, code: str) -> None:
    table = tmp_path / "products.tsv"
    table.write_text(text)
    assert [issue.code for issue in with_local_codes(terminology(), products=table).faults] == [code]


@pytest.mark.parametrize(
    ("name", "text", "code"),
    [
        ("RXNREL.RRF", None, "T051"),
        ("RXNREL.RRF", "a|b|c|\n", "T052"),
        ("RXNREL.RRF", relation("1", "isa", "2")[:-2] + "\n", "T052"),
        ("RXNCONSO.RRF", concept("1", "IN", "x", "N").rstrip("\n"), "T052"),
        ("RXNCONSO.RRF", "x" * 200_000, "T052"),
    ],
)
def test_a_release_of_another_form_is_refused(tmp_path: Path, name: str, text: str | None, code: str) -> None:
    path = release(tmp_path) / "rrf" / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(ContentError) as error:
        imported(tmp_path)
    assert [issue.code for issue in error.value.issues] == [code]
