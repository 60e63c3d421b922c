"""Codes, words and amounts lead to the right names; faulty files are refused with their place."""

from __future__ import annotations

import dataclasses
import shutil
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cds_service.content import content_root, iter_documents
from cds_service.errors import ContentError, UnitError
from cds_service.facts import DAY, HOUR
from cds_service.terminology import Terminology, load_terminology, schema_issues
from cds_service.terminology.words import tokens

ROOT = content_root()
TERMINOLOGY: Terminology = load_terminology(ROOT)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the terminology in which a test may break something."""
    shutil.copytree(ROOT / "terminology", tmp_path / "terminology")
    return tmp_path


def refused(root: Path) -> str:
    with pytest.raises(ContentError) as error:
        load_terminology(root)
    return str(error.value)


# --- the files


def test_all_files_keep_their_schema() -> None:
    assert schema_issues(ROOT) == []


def test_no_python_lies_among_the_content() -> None:
    assert list((ROOT / "terminology").rglob("*.py")) == []


def test_loading_twice_gives_the_same_hash() -> None:
    assert load_terminology(ROOT).content_hash == TERMINOLOGY.content_hash


def test_a_changed_byte_changes_the_hash(copy: Path) -> None:
    path = copy / "terminology" / "labs" / "potassium.yaml"
    path.write_text(path.read_text("utf-8") + "# a remark\n", encoding="utf-8")
    assert load_terminology(copy).content_hash != TERMINOLOGY.content_hash


def test_every_fault_is_named_with_its_place(copy: Path) -> None:
    folder = copy / "terminology"
    for name, text in (
        ("labs/sodium.yaml", "id: natrium\ntitle: Sodium\nunit: mmol/L\nunits: {mmol/L: 1}\n"),
        ("labs/ck.yaml", "id: ck\ntitle: CK\nunit: U/L\nunits: {furlong: 1}\n"),
        ("drugs/thiazide.yaml", "id: thiazide\ntitle: t\nmembers: [sugar]\n"),
        ("symptoms/tic.yaml", "id: tic\ntitle: tic\nincludes: [tic]\n"),
        ("orders/ck.yaml", "id: ck\ntitle: CK\ncategory: laboratory\nresult_of: [ckk]\n"),
        ("orders/lithium.yaml", "id: lithium\ntitle: Lithium\ncategory: laboratory\n"),
    ):
        (folder / name).write_text(text, encoding="utf-8")
    message = refused(copy)
    for part in (
        "labs/sodium.yaml:1: T002",
        "labs/ck.yaml:4: T008",
        "drugs/thiazide.yaml:3: T017",
        "symptoms/tic.yaml:3: T009",
        "orders/ck.yaml:4: T010",
        "orders/lithium.yaml:1: T019",
    ):
        assert part in message


CK = "id: ck\ntitle: CK\n"
SET = "id: thiazide\ntitle: t\n"


@pytest.mark.parametrize(
    ("file", "text", "code"),
    [
        ("labs/ck.yaml", CK, "T003"),
        ("labs/ck.yaml", f"{CK}unit: U/L\nunits: {{U/L: 1}}\nusual: {{outpatient: a while}}\n", "T003"),
        ("labs/ck.yaml", "- a list\n", "T001"),
        ("units.yaml", "units: {a: {ucum: a, spellings: [b]}, c: {ucum: c, spellings: [b]}}\n", "T020"),
        ("units.yaml", "units: [a]\n", "T004"),
        ("systems.yaml", "systems: {snomed: {alias: x}}\n", "T003"),
        ("equivalents.yaml", "tables: {a: {amounts: {sugar: 1}, expressed_as: sugar}}\n", "T011"),
        ("equivalents.yaml", "tables: {a: {amounts: {prednisone: 0}, expressed_as: prednisone}}\n", "T003"),
        ("twitch.yaml", "codes: [{system: snomed, code: 1, level: 3, sites: [knee]}]\n", "T012"),
        ("drugs/lithium.yaml", "id: lithium\ntitle: l\nusual_route: sideways\n", "T013"),
        ("drugs/thiazide.yaml", f"{SET}members: [thiazide]\n", "T016"),
        ("drugs/thiazide.yaml", f"{SET}members: [indapamide]\nroutes: [sideways]\n", "T018"),
        ("drugs/products.tsv", "head\n1\tsugar\toral\t\t\ttablet\n", "T014"),
        ("drugs/products.tsv", "head\n1\tlithium\toral\tmany\tmg\ttablet\n", "T014"),
        ("drugs/products.tsv", "head\n1\tlithium\n", "T014"),
        ("drugs/brands.tsv", "head\nsweet\tsugar\t\n", "T014"),
        ("symptoms/tic.yaml", "id: tic\ntitle: tic\ncodes: [{system: tarot, code: 1}]\n", "T005"),
    ],
)
def test_a_faulty_file_is_refused(copy: Path, file: str, text: str, code: str) -> None:
    (copy / "terminology" / file).write_text(text, encoding="utf-8")
    message = refused(copy)
    assert code in message
    assert file in message


def test_a_missing_file_is_refused(copy: Path) -> None:
    (copy / "terminology" / "routes.yaml").unlink()
    assert "routes.yaml" in refused(copy)


def test_a_breach_of_the_schema_is_shown_with_its_line(copy: Path) -> None:
    shutil.copytree(ROOT / "cards" / "schema", copy / "cards" / "schema")
    path = copy / "terminology" / "symptoms" / "tic.yaml"
    path.write_text(path.read_text("utf-8") + "colour: red\n", encoding="utf-8")
    (issue,) = schema_issues(copy)
    assert issue.code == "T100" and issue.where.startswith("terminology/symptoms/tic.yaml:")


# --- systems and codes


@pytest.mark.parametrize(
    ("address", "short"),
    [
        ("http://snomed.info/sct", "snomed"),
        ("http://snomed.info/sct/", "snomed"),
        ("http: //snomed.info/sct", "snomed"),
        ("urn:oid:2.16.840.1.113883.6.96", "snomed"),
        ("http://loinc.org", "loinc"),
        ("LOINC", "loinc"),
        ("urn:oid:2.16.840.1.113883.6.1", "loinc"),
        ("http://hl7.org/fhir/sid/icd-10-sm", "icd-10-cm"),
        ("HTTP://WWW.NLM.NIH.GOV/research/umls/rxnorm/", "rxnorm"),
        ("http://www.whocc.no/atc", "atc"),
        ("http://hl7.org/fhir/sid/icd-10", "icd-10"),
        ("http://example.org/codes", None),
        ("", None),
        (None, None),
    ],
)
def test_addresses_of_systems(address: str | None, short: str | None) -> None:
    assert TERMINOLOGY.canonical_system(address) == short


def test_a_code_counts_only_with_its_system() -> None:
    assert TERMINOLOGY.analytes_for("http://loinc.org", "2823-3")[0].name == "potassium"
    assert TERMINOLOGY.analytes_for("http://snomed.info/sct", "2823-3") == ()
    assert TERMINOLOGY.analytes_for("http://example.org", "2823-3") == ()
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "86044005") == ()


@pytest.mark.parametrize("code", ["E20.9", " E20.9", "e20.9", "E209"])
def test_icd_codes_may_lack_their_dot_or_capitals(code: str) -> None:
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", code) == ("hypoparathyroidism",)


def test_a_listed_parent_stands_for_the_codes_below_it_and_not_beside_it() -> None:
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "G51.39") == ("hemifacial-spasm",)
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "G51.35") == ("hemifacial-spasm",)
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "G51") == ()
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "G51.5") == ()


def test_icd_10_of_who_shares_short_codes_only() -> None:
    assert TERMINOLOGY.names_for("condition", "icd-10", "G51.3") == ("hemifacial-spasm",)
    assert TERMINOLOGY.twitch_for("icd-10", "R25.3") is not None
    assert TERMINOLOGY.names_for("condition", "icd-10", "S06.0X0A") == ()


def test_a_set_holds_what_the_sets_it_includes_hold() -> None:
    assert TERMINOLOGY.names_for("symptom", "icd-10-cm", "G81.91") == (
        "paralysis",
        "weakness",
        "weakness-focal",
    )
    assert TERMINOLOGY.names_for("condition", "icd-10-cm", "Z99.2") == ("ckd", "ckd-stage-4-5", "dialysis")
    assert set(TERMINOLOGY.names_for_text("symptom", "lip tremor")) == {"face-tremor", "tremor"}


def test_family_and_allergy_use_the_conditions() -> None:
    assert "als" in TERMINOLOGY.names_for("family", "snomed", "86044005")
    assert TERMINOLOGY.exists("family", "geniospasm")
    assert TERMINOLOGY.exists("allergy", "dystonia-drug-allergy")
    assert TERMINOLOGY.exists("allergy", "metoclopramide")
    assert not TERMINOLOGY.exists("family", "metoclopramide")


def test_titles_exist_for_every_name_and_for_nothing_else() -> None:
    assert TERMINOLOGY.title("lab", "potassium") == "Potassium"
    assert TERMINOLOGY.title("drug", "loop-diuretic") == "loop diuretic"
    assert TERMINOLOGY.title("order", "ecg-12-lead") == "12-lead ECG"
    assert TERMINOLOGY.title("encounter", "emergency") == "emergency"
    assert not TERMINOLOGY.exists("vital", "potassium")
    assert not TERMINOLOGY.exists("nonsense", "potassium")
    with pytest.raises(KeyError):
        TERMINOLOGY.title("lab", "unobtainium")


# --- analytes


def test_windows_differ_by_setting() -> None:
    potassium = TERMINOLOGY.analyte("potassium")
    assert dict(potassium.usual) == {"outpatient": 30 * DAY, "inpatient": 7 * DAY, "emergency": 7 * DAY}
    assert dict(potassium.fresh) == {"outpatient": 7 * DAY, "inpatient": 72 * HOUR, "emergency": 72 * HOUR}
    assert TERMINOLOGY.analyte("tsh").usual["inpatient"] == 365 * DAY
    assert TERMINOLOGY.analyte("ph").usual["outpatient"] == 24 * HOUR


def test_a_unit_of_another_analyte_is_refused() -> None:
    with pytest.raises(UnitError):
        TERMINOLOGY.analyte("potassium").to_canonical(Decimal(4), "g/L")


def test_milligrams_of_potassium_are_not_millimoles() -> None:
    value = TERMINOLOGY.analyte("potassium").to_canonical(Decimal("13.2"), "mg/dL")
    assert abs(value - Decimal("3.376")) < Decimal("0.001")


def test_plausible_limits_include_their_ends() -> None:
    sodium = TERMINOLOGY.analyte("sodium")
    assert sodium.is_plausible(Decimal(90)) and sodium.is_plausible(Decimal(255))
    assert not sodium.is_plausible(Decimal("89.9")) and not sodium.is_plausible(Decimal("255.1"))


def test_the_upper_limit_of_qtc_depends_on_sex() -> None:
    qtc = TERMINOLOGY.analyte("qtc")
    assert qtc.default_range("female") == (None, Decimal(460))
    assert qtc.default_range("male") == qtc.default_range() == (None, Decimal(450))


def test_point_of_care_is_known_by_code() -> None:
    assert TERMINOLOGY.analytes_for("loinc", "41653-7")[0].point_of_care
    assert not TERMINOLOGY.analytes_for("loinc", "2345-7")[0].point_of_care


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Potassium Level", {"potassium"}),
        ("POTASSIUM HYDROXIDE PREPARATION", set()),
        ("Potassium [Moles/volume] in Urine", set()),
        ("heart_rate", {"heart-rate"}),
        ("Systolic Blood Pressure", {"systolic-pressure"}),
        ("BP Diastolic", {"diastolic-pressure"}),
        ("Oxygen saturation in Arterial blood by Pulse oximetry", {"oxygen-saturation"}),
        ("Type of Body temperature device", set()),
        ("Creatinine clearance", set()),
        ("Microalbumin Creatinine Ratio", set()),
        ("Apgar heart rate score", set()),
        ("Glucose Ur Strip-mCnc", set()),
        ("Albumin/Creat Ur-mRto", set()),
        ("Calcium.ionized [Moles/volume] in Serum or Plasma by calculation", set()),
        ("Genomic alt allele [ID]", set()),
        ("Blood pressure systolic and diastolic", set()),
        ("Glomerular filtration rate predicted by Creatinine-based formula (MDRD)", {"egfr"}),
    ],
)
def test_names_of_tests_in_words(text: str, names: set[str]) -> None:
    found = TERMINOLOGY.analytes_for_text(text)
    assert {code.name for code in found} == names
    assert all(code.by_text for code in found)


# --- drugs


def accepts(name: str, ingredient: str, route: str | None) -> bool | None:
    return TERMINOLOGY.drug_set(name).accepts(ingredient, route)


def test_an_ingredient_is_a_set_of_one() -> None:
    assert accepts("lithium", "lithium", None) is True
    assert accepts("lithium", "prednisone", "oral") is False


def test_sets_of_sets_hold_their_members() -> None:
    losing = TERMINOLOGY.drug_set("potassium-losing").members
    assert {"furosemide", "hydrochlorothiazide", "prednisone"} <= losing
    assert "aspirin" not in TERMINOLOGY.drug_set("nsaid").members
    assert "ondansetron" not in TERMINOLOGY.drug_set("serotonergic").members
    assert "digoxin" not in TERMINOLOGY.drug_set("magnesium-wasting-other").members
    assert not {"sertraline", "venlafaxine"} & TERMINOLOGY.drug_set("lithium-raising").members


@pytest.mark.parametrize(
    ("name", "ingredient", "route", "answer"),
    [
        ("corticosteroid-systemic", "hydrocortisone", "oral", True),
        ("corticosteroid-systemic", "hydrocortisone", "topical", False),
        ("corticosteroid-systemic", "hydrocortisone", "inhalation", False),
        ("corticosteroid-systemic", "hydrocortisone", "injection", True),
        ("corticosteroid-systemic", "triamcinolone", "intra-articular", True),
        ("corticosteroid-systemic", "triamcinolone", None, None),
        ("potassium-losing", "hydrocortisone", "topical", False),
        ("maoi-classical", "selegiline", "transdermal", True),
        ("maoi-classical", "selegiline", "oral", False),
        ("maoi-classical", "selegiline", "systemic", None),
        ("maoi-classical", "selegiline", None, None),
        ("maoi", "selegiline", "oral", True),
        ("maoi-b", "selegiline", "oral", True),
        ("acyclovir-systemic", "acyclovir", "injection", True),
        ("acyclovir-systemic", "acyclovir", "topical", False),
        ("acyclovir-systemic", "acyclovir", None, None),
        ("insulin-infusion", "insulin", "intravenous", True),
        ("insulin-infusion", "insulin", "injection", False),
        ("insulin-infusion", "insulin", None, False),
        ("estrogen", "estradiol", "vaginal", False),
        ("estrogen", "estradiol", "transdermal", True),
        ("decongestant", "phenylephrine", "nasal", True),
        ("decongestant", "phenylephrine", "intravenous", False),
        ("beta-agonist-high-exposure", "albuterol", "nebulized", True),
        ("beta-agonist-high-exposure", "albuterol", "inhaled", False),
        ("beta-agonist-high-exposure", "albuterol", "inhalation", None),
    ],
)
def test_the_route_decides(name: str, ingredient: str, route: str | None, answer: bool | None) -> None:
    assert accepts(name, ingredient, route) is answer


def test_combinations_list_every_known_ingredient() -> None:
    found = TERMINOLOGY.ingredients_for_text("Lisinopril 20 MG / hydrochlorothiazide 12.5 MG Oral Tablet")
    assert [p.ingredient for p in found] == ["hydrochlorothiazide", "lisinopril"]
    assert {p.route for p in found} == {"oral"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Lasix 40mg", {("furosemide", None)}),
        ("Vytorin 10/40", {("simvastatin", "oral")}),
        ("Entresto", {("sacubitril", "oral"), ("valsartan", "oral")}),
        ("Ventolin HFA", {("albuterol", "inhaled")}),
        ("Zonalon", {("doxepin", "topical")}),
        ("Prolia 60 MG/ML Prefilled Syringe", {("denosumab", "injection")}),
    ],
)
def test_brand_names_of_the_reference_are_read(text: str, found: set[tuple[str, str | None]]) -> None:
    assert {(p.ingredient, p.route) for p in TERMINOLOGY.ingredients_for_text(text)} == found


def test_a_class_code_is_not_added_to_each_of_its_drugs() -> None:
    assert [p.ingredient for p in TERMINOLOGY.ingredients_for("atc", "C10AA05")] == ["atorvastatin"]
    assert [p.ingredient for p in TERMINOLOGY.ingredients_for("atc", "C10AA")] == ["statin-unspecified"]


def test_lithium_is_known_by_all_three_ingredient_codes() -> None:
    for code in ("6448", "42351", "52105"):
        assert [p.ingredient for p in TERMINOLOGY.ingredients_for("rxnorm", code)] == ["lithium"]


@pytest.mark.parametrize(
    ("text", "route"),
    [
        ("Oral", "oral"),
        ("IV", "intravenous"),
        ("PO", "oral"),
        ("Intravenous route", "intravenous"),
        ("Topical", "topical"),
        ("Left eye", "ophthalmic"),
        ("by mouth", "oral"),
        ("Subcutaneous injection", "subcutaneous"),
        ("Respiratory tract route (qualifier value)", "inhalation"),
        ("Nasal", "nasal"),
        ("moonlight", None),
        (None, None),
    ],
)
def test_route_texts(text: str | None, route: str | None) -> None:
    assert TERMINOLOGY.routes.word_for(text) == route


@pytest.mark.parametrize(
    ("form", "route"),
    [
        ("Ophthalmic Ointment", "ophthalmic"),
        ("Topical Ointment", "topical"),
        ("Vaginal Cream", "vaginal"),
        ("Nasal Spray", "nasal"),
        ("Delayed Release Oral Capsule", "oral"),
        ("Injectable Solution", "injection"),
        ("Metered Dose Inhaler", "inhaled"),
        ("Inhalation Solution", "nebulized"),
        ("Transdermal System", "transdermal"),
        ("Rectal Suppository", "rectal"),
        ("Otic Suspension", "otic"),
        ("Chewable Tablet", "oral"),
    ],
)
def test_dose_forms_tell_the_route(form: str, route: str) -> None:
    assert TERMINOLOGY.routes.in_words(tokens(f"x 1 MG {form}")) == route


def test_equivalent_doses() -> None:
    table = TERMINOLOGY.equivalents["prednisone"]
    assert table["prednisone"] == 1
    assert table["methylprednisolone"] * 8 == 10
    assert table["deflazacort"] * 12 == 10
    assert table["dexamethasone"] * Decimal("1.5") == 10
    assert TERMINOLOGY.equivalents["prednisone-adrenal"]["dexamethasone"] * Decimal("0.5") == 5


# --- value sets by words


@pytest.mark.parametrize(
    ("kind", "text", "absent"),
    [
        ("symptom", "psychotic disorder", "tic"),
        ("symptom", "autistic disorder", "tic"),
        ("condition", "Cirrhosis of liver without mention of alcohol", "alcohol-use-disorder"),
        ("condition", "nonalcoholic steatohepatitis", "alcohol-use-disorder"),
        ("symptom", "Angina with documented spasm", "spasm-other"),
        ("symptom", "Dyskinesia of esophagus", "orofacial-dyskinesia"),
        ("condition", "FH: Diabetes", "diabetes"),
        ("symptom", "stress incontinence", "stress-reported"),
        ("symptom", "stress fracture", "stress-reported"),
        ("symptom", "optic atrophy", "atrophy"),
        ("symptom", "vaginal atrophy", "atrophy"),
        ("condition", "tetanus toxoid vaccination", "tetanus"),
        ("condition", "small-cell variant of non small cell lung cancer", "sclc"),
        ("condition", "ALS ambulance transport", "als"),
        ("condition", "Wolff-Parkinson-White syndrome", "parkinson"),
        ("symptom", "tic douloureux", "tic"),
        ("condition", "diabetes insipidus", "diabetes"),
        ("symptom", "Heat stroke", "facial-droop"),
        ("condition", "Heat stroke", "stroke-or-tia"),
    ],
)
def test_false_friends_do_not_match(kind: str, text: str, absent: str) -> None:
    assert absent not in TERMINOLOGY.names_for_text(kind, text)


@pytest.mark.parametrize(
    ("kind", "text", "present"),
    [
        ("condition", "Bell's palsy", "bells-palsy"),
        ("condition", "Guillain\u2013Barr\u00e9 syndrome", "burn-crush-denervation"),
        ("symptom", "left-sided weakness", "weakness"),
        ("symptom", "Severe  Headache", "severe-headache"),
        ("symptom", "tics", "tic"),
        ("condition", "22q11.2 deletion syndrome", "digeorge-22q11"),
        ("symptom", "dropped speech: slurred speech since noon", "dysarthria"),
        ("procedure", "Total thyroidectomy", "neck-surgery-radiation"),
        ("report", "Active denervation in the thoracic paraspinals", "emg-active-denervation"),
    ],
)
def test_plain_words_match(kind: str, text: str, present: str) -> None:
    assert present in TERMINOLOGY.names_for_text(kind, text)


@given(st.text(max_size=200))
def test_any_text_gives_sorted_known_names(text: str) -> None:
    for kind in ("condition", "symptom"):
        names = TERMINOLOGY.names_for_text(kind, text)
        assert list(names) == sorted(set(names))
        assert all(TERMINOLOGY.exists(kind, name) for name in names)


SYSTEMS = ["snomed", "loinc", "icd-10-cm", "atc", "rxnorm", "x"]


@given(system=st.sampled_from(SYSTEMS), code=st.text(max_size=30))
def test_any_code_is_answered(system: str, code: str) -> None:
    assert isinstance(TERMINOLOGY.names_for("condition", system, code), tuple)
    assert isinstance(TERMINOLOGY.ingredients_for(system, code), tuple)


# --- the twitch and the orders


def test_a_twitch_code_never_hides_among_symptoms() -> None:
    """Level-1 movements are symptoms; the twitch itself is not, except the tongue, which is also a sign."""
    assert TERMINOLOGY.twitch_for("icd-10-cm", "R25.1") is None
    assert TERMINOLOGY.twitch_for("icd-10-cm", "R25.2") is None
    assert TERMINOLOGY.names_for("symptom", "icd-10-cm", "R25.3") == ()
    tongue = TERMINOLOGY.twitch_for("snomed", "249878001")
    assert tongue is not None and tongue.sites == ("tongue",)


def test_sites_name_their_region() -> None:
    assert TERMINOLOGY.site_regions["eyelid"] == "face"
    assert TERMINOLOGY.site_regions["limb"] == "body"


def test_orders_know_the_results_that_answer_them() -> None:
    assert TERMINOLOGY.orders["calcium-and-albumin"].result_of == ("calcium-total", "albumin")
    assert TERMINOLOGY.orders["emg-nerve-conduction"].codes == ()


def test_nothing_of_it_can_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        TERMINOLOGY.analytes = {}  # type: ignore[misc]
    with pytest.raises(TypeError):
        TERMINOLOGY.analytes["potassium"] = None  # type: ignore[index]
    with pytest.raises(TypeError):
        TERMINOLOGY.analyte("potassium").factors["g/L"] = None  # type: ignore[index]


def test_every_file_opens_with_its_name() -> None:
    for folder in ("labs", "drugs", "conditions", "symptoms", "orders"):
        for document in iter_documents(ROOT / "terminology" / folder, ROOT):
            assert document.data["id"] == document.stem
