"""Every code stands in the verified reference; the dangers its README names cannot happen here.

The reference lies beside the project (``../shared``) and is not part of it: tests that read it are
skipped where it is absent.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from typing import Any

import pytest

from cds_service.content import content_root, iter_documents
from cds_service.terminology import Strength, Terminology, load_terminology

ROOT = content_root()
FOLDER = ROOT / "terminology"
REFERENCE = ROOT.parent / "shared" / "terminology-reference"
TERMINOLOGY: Terminology = load_terminology(ROOT)

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="no reference beside the project")


@cache
def table(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t"))


def entries(data: Any) -> Iterator[dict[str, Any]]:
    """Every mapping with a system and a code, wherever it stands in a file."""
    if isinstance(data, dict):
        if "system" in data and "code" in data:
            yield data
        for part in data.values():
            yield from entries(part)
    elif isinstance(data, list):
        for part in data:
            yield from entries(part)


CODES = [
    (document.path, str(entry["system"]), str(entry["code"]), entry)
    for document in iter_documents(FOLDER, ROOT)
    for entry in entries(document.data)
]
PRODUCTS = [
    line.split("\t") for line in (FOLDER / "drugs" / "products.tsv").read_text("utf-8").splitlines()[1:]
]

_MULTIPLY = (
    "0123456789",
    "1234067895",
    "2340178956",
    "3401289567",
    "4012395678",
    "5987604321",
    "6598710432",
    "7659821043",
    "8765932104",
    "9876543210",
)  # the dihedral group of order ten, row by row
_PERMUTE = (
    "0123456789",
    "1576283094",
    "5803796142",
    "8916043527",
    "9453126870",
    "4286573901",
    "2793806415",
    "7046913258",
)


def verhoeff_holds(code: str) -> bool:
    check = 0
    for place, digit in enumerate(reversed(code)):
        check = int(_MULTIPLY[check][int(_PERMUTE[place % 8][int(digit)])])
    return check == 0


def mod10_holds(code: str) -> bool:
    """LOINC: the digit after the hyphen makes the weighted sum of all digits a multiple of ten."""
    number, _, check = code.partition("-")
    total = 0
    for place, digit in enumerate(reversed(number)):
        total += sum(divmod(int(digit) * 2, 10)) if place % 2 == 0 else int(digit)
    return (total + int(check)) % 10 == 0


def codes_of(system: str) -> set[str]:
    return {code for _, other, code, _ in CODES if other == system}


# --- without the reference


def test_there_are_codes_of_every_kind() -> None:
    assert {system for _, system, _, _ in CODES} == {"snomed", "icd-10-cm", "loinc", "rxnorm", "atc"}


@pytest.mark.parametrize("code", sorted(codes_of("snomed")))
def test_snomed_codes_pass_verhoeff(code: str) -> None:
    assert code.isdigit() and 6 <= len(code) <= 18
    assert verhoeff_holds(code)


@pytest.mark.parametrize("code", sorted(codes_of("loinc")))
def test_loinc_codes_pass_mod_10(code: str) -> None:
    assert mod10_holds(code)


def test_the_digit_checks_can_fail() -> None:
    assert not verhoeff_holds("55300004")
    assert not mod10_holds("2823-4")


# --- with the reference


@needs_reference
@pytest.mark.parametrize(
    ("system", "file"),
    [
        ("snomed", "snomed.tsv"),
        ("icd-10-cm", "icd10cm.tsv"),
        ("loinc", "loinc.tsv"),
        ("rxnorm", "rxnorm.tsv"),
        ("atc", "atc.tsv"),
    ],
)
def test_every_code_stands_in_the_reference(system: str, file: str) -> None:
    known = {row["code"] for row in table(file)}
    assert sorted(codes_of(system) - known) == []


@needs_reference
def test_every_product_stands_in_the_reference() -> None:
    known = {row["product_code"] for row in table("rxnorm_products.tsv")}
    assert sorted({row[0] for row in PRODUCTS} - known) == []


@needs_reference
def test_no_lookalike_is_shipped() -> None:
    chosen = {row["code"] for row in table("snomed.tsv")}
    lookalikes = {row["suspect_code"] for row in table("snomed-lookalikes.tsv")} - chosen
    assert sorted(codes_of("snomed") & lookalikes) == []


@needs_reference
def test_codes_without_sign_of_activity_are_marked() -> None:
    grades = {row["code"]: row["grade"] for row in table("snomed.tsv")}
    coded = [(path, code, entry) for path, system, code, entry in CODES if system == "snomed"]
    marked = {(path, code): entry.get("grade") == "C" for path, code, entry in coded}
    assert [place for place, mark in marked.items() if mark != (grades[place[1]] == "C")] == []


@needs_reference
def test_no_order_uses_a_doubtful_code() -> None:
    doubtful = {row["code"] for row in table("snomed.tsv") if row["grade"] == "C"}
    used = {coding.code for order in TERMINOLOGY.orders.values() for coding in order.codes}
    assert sorted(used & doubtful) == []


@needs_reference
def test_loinc_names_are_verbatim_and_were_seen_whole() -> None:
    names = {row["code"]: row["display_as_seen"] for row in table("loinc.tsv")}
    for path, system, code, entry in CODES:
        if system == "loinc":
            assert not names[code].startswith("component only"), (path, code)
            assert entry["title"] == names[code], (path, code)


@needs_reference
def test_snomed_titles_are_our_own_where_the_license_does_not_cover_them() -> None:
    covered = {row["code"] for row in table("snomed.tsv") if row["in_ips_free_set"] == "Y"}
    assert codes_of("snomed") & covered
    for _, system, code, entry in CODES:
        if system == "snomed" and code not in covered:
            assert not entry.get("title", "").endswith(("(finding)", "(disorder)", "(procedure)"))


@needs_reference
def test_hazardous_products_are_not_given_to_the_name_that_matched() -> None:
    # "insulin" is left out: our ingredient of that name is the whole class, insulin aspart included
    rows = [row for row in table("rxnorm-name-match-hazards.tsv") if row["name_that_matched"] != "insulin"]
    assert len(rows) >= 50
    for row in rows:
        wrong = {p.ingredient for p in TERMINOLOGY.ingredients_for_text(row["name_that_matched"])}
        got = {p.ingredient for p in TERMINOLOGY.ingredients_for("rxnorm", row["product_code"])}
        assert not wrong & got, (row["product_code"], wrong & got)


# reference analyte -> (our analyte, our LOINC code where the code decides the factor)
_SAME = {
    "calcium": "calcium-total",
    "calcium_ionized": "calcium-ionized",
    "magnesium": "magnesium",
    "phosphate (reported as phosphorus)": "phosphate",
    "potassium": "potassium",
    "sodium": "sodium",
    "bicarbonate / total CO2": "bicarbonate",
    "albumin (g/dL, g/L only)": "albumin",
    "pth_intact": "pth",
    "vitamin_d_25oh (as D3)": "vitamin-d",
    "vitamin_b12": "vitamin-b12",
    "creatinine": "creatinine",
    "glucose": "glucose",
    "t4_free": "free-t4",
    "lithium_level": "lithium-level",
    "ammonia": "ammonia",
    "copper_serum": "copper",
    "lead_blood": "lead",
    "digoxin_level": "digoxin-level",
    "theophylline_level": "theophylline-level",
    "vitamin_e (alpha tocopherol)": "vitamin-e",
    "valproate_level": "valproate-level",
    "cortisol": "cortisol",
    "folate": "folate",
    "lactate": "lactate",
    "ethanol_level": "ethanol-level",
}


def reference_conversions() -> list[dict[str, str]]:
    if not REFERENCE.is_dir():
        return []
    return [row for row in table("ucum-conversions.tsv") if row["analyte"] in _SAME]


@needs_reference
@pytest.mark.parametrize("row", reference_conversions(), ids=lambda row: row["analyte"] + row["from_unit"])
def test_conversion_factors_agree_with_the_reference(row: dict[str, str]) -> None:
    analyte = TERMINOLOGY.analyte(_SAME[row["analyte"]])
    source, target = (TERMINOLOGY.units.parse(row[side]) for side in ("from_unit", "to_unit"))
    if source not in analyte.factors or target not in analyte.factors:
        pytest.skip("a unit this analyte does not accept")
    ours = analyte.factors[source].times / analyte.factors[target].times
    assert abs(ours / Decimal(row["factor"]) - 1) < Decimal("0.001")


@needs_reference
def test_most_reference_conversions_were_compared() -> None:
    compared = {_SAME[row["analyte"]] for row in reference_conversions()}
    assert len(compared) >= 25


# --- the dangers of the reference, by number


def ingredients(code: str) -> set[str]:
    return {p.ingredient for p in TERMINOLOGY.ingredients_for("rxnorm", code)}


def test_danger_1_prednisone_codes_mean_what_curated_sources_say() -> None:
    (product,) = TERMINOLOGY.ingredients_for("rxnorm", "198145")
    assert (product.ingredient, product.route) == ("prednisone", "oral")
    assert product.strength == Strength(Decimal(10), "mg")
    for code, amount in (("312617", 5), ("312615", 20)):
        (product,) = TERMINOLOGY.ingredients_for("rxnorm", code)
        assert product.strength is not None and product.strength.amount == amount
    for code in ("312289", "562251", "9524", "849727"):
        assert "prednisone" not in ingredients(code)


def test_danger_1_lithium_and_cramp() -> None:
    assert "lithium" not in ingredients("857004")
    assert ingredients("197889") == {"lithium"}
    assert TERMINOLOGY.names_for("symptom", "snomed", "55300003") == ("cramp",)
    assert TERMINOLOGY.names_for("symptom", "snomed", "45352006") == ("spasm-other",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("rosuvastatin calcium 10 MG Oral Tablet", {"rosuvastatin"}),
        ("acamprosate calcium", set()),
        ("methylprednisolone 4 MG Oral Tablet", {"methylprednisolone"}),
        ("ethinyl estradiol 0.02 MG / norethindrone 1 MG", {"ethinyl-estradiol"}),
        ("Nystatin 100000 UNT/ML Oral Suspension", set()),
        ("Lithium/Li Heparin", set()),
        ("Potassium hydroxide preparation", set()),
        ("Selective Estrogen Receptor Modulator (tamoxifen)", set()),
        ("Simvistatin 20mg", {"simvastatin"}),
        ("losartan potassium 50 MG", {"losartan"}),
        ("penicillin V potassium 500 MG", set()),
        ("dexamethasone sodium phosphate 4 MG/ML Injection", {"dexamethasone"}),
    ],
)
def test_danger_2_names_inside_other_names_do_not_count(text: str, found: set[str]) -> None:
    assert {p.ingredient for p in TERMINOLOGY.ingredients_for_text(text)} == found


@pytest.mark.parametrize(
    "text",
    [
        "Hydrocortisone 1 % Topical Cream",
        "betamethasone 0.1% cream",
        "prednisolone 10 MG/ML Ophthalmic Suspension",
        "triamcinolone nasal spray",
        "dexamethasone 0.1 % eye drops",
        "Triamcinolone 0.1% oral paste",
    ],
)
def test_danger_3_local_corticosteroids_are_not_systemic(text: str) -> None:
    systemic = TERMINOLOGY.drug_set("corticosteroid-systemic")
    (product,) = TERMINOLOGY.ingredients_for_text(text)
    assert product.ingredient in systemic.members
    assert systemic.accepts(product.ingredient, product.route) is False


def test_danger_3_atc_groups_tell_the_route() -> None:
    systemic = TERMINOLOGY.drug_set("corticosteroid-systemic")
    for code, answer in (("H02AB09", True), ("D07AA02", False), ("S01BA02", False), ("R01AD11", False)):
        (product,) = TERMINOLOGY.ingredients_for("atc", code)
        assert systemic.accepts(product.ingredient, product.route) is answer


def test_danger_3_topical_products_are_not_systemic() -> None:
    systemic = TERMINOLOGY.drug_set("corticosteroid-systemic")
    routes = {"topical", "ophthalmic", "nasal", "otic"}
    local = [row for row in PRODUCTS if row[1] in systemic.members and row[2] in routes]
    assert len(local) >= 10
    assert not any(systemic.accepts(row[1], row[2]) for row in local)


def test_danger_4_the_unit_decides_not_the_property_of_the_code() -> None:
    (code,) = TERMINOLOGY.analytes_for("loinc", "2000-8")  # moles/volume, really sent in mg/dL
    assert code.factors is None
    calcium = TERMINOLOGY.analyte(code.name).to_canonical(Decimal("8.8"), "mg/dL")
    assert abs(calcium - Decimal("2.196")) < Decimal("0.01")


def test_danger_5_phosphate_in_mg_is_phosphorus() -> None:
    phosphate = TERMINOLOGY.analyte("phosphate").to_canonical(Decimal("3.1"), "mg/dL")
    assert abs(phosphate - 1) < Decimal("0.01")


def test_danger_6_urea_nitrogen_is_not_urea() -> None:
    (code,) = TERMINOLOGY.analytes_for("loinc", "3094-0")
    assert code.factors is not None
    assert abs(code.factors["mg/dL"].times - Decimal("0.357")) < Decimal("0.001")
    assert "mg/dL" not in TERMINOLOGY.analyte("urea").factors


def test_danger_7_b12_and_vitamin_d_factors_are_within_two_percent_of_all_sources() -> None:
    b12 = TERMINOLOGY.analyte("vitamin-b12").factors["pmol/L"].times
    assert Decimal("1.329") <= b12 <= Decimal("1.3554")
    assert abs(TERMINOLOGY.analyte("vitamin-d").factors["ng/mL"].times - Decimal("2.496")) < Decimal("0.001")


def test_danger_9_codes_are_text() -> None:
    longest = max(codes_of("snomed"), key=len)
    assert len(longest) >= 15  # a spreadsheet would have rounded it
    assert TERMINOLOGY.analytes_for("snomed", "1089391000000104")[0].name == "lithium-level"


@pytest.mark.parametrize("code", ["155023009", "155092009", "39355002", "190991007", "81677009"])
def test_dangers_10_and_11_legacy_and_neonatal_codes_are_out(code: str) -> None:
    assert code not in codes_of("snomed")
    assert all(TERMINOLOGY.names_for(kind, "snomed", code) == () for kind in ("condition", "symptom"))


def test_danger_11_headers_stand_for_their_codes() -> None:
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "G35.D") == ("multiple-sclerosis",)
    assert "parkinson" in TERMINOLOGY.names_for("condition", "icd-10-cm", "G20.A1")
    twitch = TERMINOLOGY.twitch_for("icd-10-cm", "G51.32")
    assert twitch is not None and (twitch.level, twitch.sites, twitch.side) == (3, ("hemiface",), "left")


@pytest.mark.parametrize("code", ["24591-0", "36554-4", "10334-1", "2763-1", "12951-0", "13959-2", "34581-9"])
def test_danger_12_near_misses_are_unknown(code: str) -> None:
    assert TERMINOLOGY.analytes_for("loinc", code) == ()
    assert code not in codes_of("loinc")
