from cds_service.catalogue.dossier import attributes_of, names_of, thresholds_of
from cds_service.knowledge import Knowledge, load_knowledge
from cds_service.ready import ready_knowledge
from cds_service.rules import Rule
from tests.small_content import RULE, small_root, write


def rule_of(tmp_path, old: str = "", new: str = "") -> tuple[Rule, Knowledge]:
    root = small_root(tmp_path)
    assert old in RULE
    write(root, "cards/rules/electrolyte/low-magnesium.yaml", RULE.replace(old, new) if old else RULE)
    knowledge = load_knowledge(root)
    return knowledge.rules["low-magnesium"], knowledge


def used(rule: Rule, knowledge: Knowledge) -> dict[str, tuple[str, ...]]:
    return {item.title.split(" (")[0]: item.where for item in attributes_of(rule, knowledge)}


def test_a_limit_is_told_in_every_unit_of_the_test(tmp_path):
    found = thresholds_of(*rule_of(tmp_path))
    assert [(item.title, item.published) for item in found] == [
        ("Magnesium", "below 0.40 mmol/L"),
        ("Magnesium", "below 0.70 mmol/L"),
    ]
    assert found[1].elsewhere == ("1.4 meq/L", "1.701 mg/dL")


def test_limits_behind_a_definition_are_told_too():
    knowledge = ready_knowledge(None)
    found = thresholds_of(knowledge.rules["hypokalemia"], knowledge)
    assert "below 3.5 mmol/L" in [item.published for item in found if item.title == "Potassium"]


def test_names_come_with_their_codes_and_sets_with_what_they_include(tmp_path):
    found = {(item.kind, item.name): item for item in names_of(*rule_of(tmp_path))}
    assert ("drug", "omeprazole") in found and ("condition", "malabsorption") in found
    systems = {part.system for part in found["drug", "omeprazole"].systems}
    assert {"rxnorm", "atc"} <= systems
    assert any(coding.code == "2601-3" for part in found["lab", "magnesium"].systems for coding in part.codes)


def test_a_drug_set_is_told_by_ingredient(tmp_path):
    found = names_of(*rule_of(tmp_path, "{drug: omeprazole, as: culprit}", "{drug: ppi, as: culprit}"))
    drugs = {item.name for item in found if item.kind == "drug"}
    assert {"omeprazole", "pantoprazole"} <= drugs and "ppi" not in drugs


def test_what_is_used_of_the_patient_is_told_and_the_rest_is_not_used(tmp_path):
    found = used(*rule_of(tmp_path))
    assert found["Date of birth"] == ("applies to patients of 18 years or older",)
    assert found["Sex"] == ()
    assert all(found[title] == () for title in ("Race", "Ethnicity", "Language", "Gender identity"))


def test_sex_scores_and_ranges_are_told(tmp_path):
    more = "unless: {any: [{sex: male}, {survey: gad-7, at_least: 10 score, within: usual}, {lab: ferritin, is: low, within: usual}]}"
    rule, knowledge = rule_of(tmp_path, "unless: {condition: hypoparathyroidism}", more)
    found = used(rule, knowledge)
    assert found["Health status assessments"] == ("GAD-7 score",)
    assert found["Sex"] == ("sex male",)
    assert "which reference range holds: ferritin" in found["Date of birth"]


def test_every_rule_of_the_product_can_be_told():
    knowledge = ready_knowledge(None)
    for rule in knowledge.rules.values():
        assert names_of(rule, knowledge) or rule.id == "", rule.id
        assert attributes_of(rule, knowledge)
