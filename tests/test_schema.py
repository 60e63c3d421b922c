import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cds_service.content import Document, content_root, parse_document
from cds_service.errors import ContentError
from cds_service.schema import Passed, Schemas, nearest
from tests.small_content import RULE

SCHEMAS = Schemas(content_root() / "cards" / "schema")


def told(old: str, new: str) -> list[str]:
    assert old in RULE
    return [str(issue) for issue in SCHEMAS.issues(parse_document(RULE.replace(old, new), "r.yaml"), "rule")]


def test_the_rule_of_the_tests_is_well_formed() -> None:
    assert SCHEMAS.issues(parse_document(RULE, "r.yaml"), "rule") == []


@pytest.mark.parametrize(
    ("old", "new", "code", "words"),
    [
        ("within: usual", "witin: usual", "V101", "Did you mean 'within'?"),
        ("role: contributor\n", "", "V102", "lacks 'role'"),
        ("version: 1", "version: one", "V103", "'version' should be a whole number"),
        ("gate: twitch", "gate: twich", "V104", "Did you mean 'twitch'?"),
        ("0.70 mmol/L", "0.70mmol/L", "V105", "a number, a space and a unit"),
        ('date: "2025-01-01"', "date: last-week", "V105", "a date such as"),
        ("category: [electrolyte]", "category: []", "V106", "'category' has too few entries"),
        ("{drug: omeprazole, as: culprit}", "{drug: omeprazole, below: 1 g}", "V107", "'below'"),
        ("{drug: omeprazole, as: culprit}", "{drug: omeprazole, symptom: cramp}", "V107", "together"),
        (
            "{condition: hypoparathyroidism}",
            "{conditon: hypoparathyroidism}",
            "V101",
            "Did you mean 'condition'?",
        ),
        ("otherwise: probable", "usually: probable", "V102", "lacks 'otherwise'"),
        ("within: 3 days", "within: 3 moons", "V104", "a duration such as '30 days'"),
        ("below: 0.40 mmol/L, ", "falls_by: 10 %, ", "V102", "'falls_by' without 'over'"),
    ],
)
def test_faults_of_form_are_plain_sentences(old: str, new: str, code: str, words: str) -> None:
    lines = told(old, new)
    assert any(f": {code}: " in line and words in line for line in lines), lines
    assert not any("is valid under" in line or "is not valid" in line for line in lines)


def test_a_fault_names_the_line_of_the_faulty_word() -> None:
    line = next(number for number, text in enumerate(RULE.splitlines(), start=1) if "0.40" in text)
    assert [text.split(": ")[0] for text in told("0.40 mmol/L", "0.40mmol/L")] == [f"r.yaml:{line}"]


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(sorted(parse_document(RULE, "r").data)), json_like)
def test_any_value_in_any_place_is_accepted_or_explained(key: str, value: object) -> None:
    data = {**parse_document(RULE, "r").data, key: value}
    for issue in SCHEMAS.issues(Document("r.yaml", data, {}), "rule"):
        assert issue.code.startswith("V1") and issue.what.endswith(".")
        assert "is valid under" not in issue.what


def test_every_choice_of_our_schemas_is_described() -> None:
    for name in ("case", "service", "references", "order-set"):
        for node in _nodes(SCHEMAS[name]):
            if "const" in node:
                assert node.get("description"), (name, node)


def _nodes(node: object) -> list[dict[str, object]]:
    if isinstance(node, dict):
        return [node, *(inner for value in node.values() for inner in _nodes(value))]
    return [inner for value in node for inner in _nodes(value)] if isinstance(node, list) else []


def test_a_broken_schema_is_a_content_fault(tmp_path: Path) -> None:
    (tmp_path / "rule.schema.json").write_text("{")
    with pytest.raises(ContentError, match=r"rule\.schema\.json: V100"):
        Schemas(tmp_path)


def test_a_missing_schema_is_a_content_fault(tmp_path: Path) -> None:
    (tmp_path / "rule.schema.json").write_text(json.dumps({"$id": "urn:x"}))
    with pytest.raises(ContentError, match=r"case\.schema\.json: V100"):
        Schemas(tmp_path).fingerprint("case")


def test_nearest_suggests_only_what_is_near() -> None:
    assert nearest("potasium", ["potassium", "sodium"]) == "Did you mean 'potassium'?"
    assert nearest("xyz", ["potassium", "sodium"]) == ""


def test_passed_remembers_over_processes(tmp_path: Path) -> None:
    first = Passed(tmp_path)
    first.add("a" * 64)
    first.save()
    assert Passed(tmp_path).holds("a" * 64)
    assert not Passed(tmp_path).holds("b" * 64)


SCHEMA_FILES = sorted((content_root() / "cards" / "schema").glob("*.json"))


@pytest.mark.parametrize("path", SCHEMA_FILES, ids=lambda path: path.stem)
def test_every_choice_is_described_for_editors(path: Path) -> None:
    """An editor shows the meaning of each value: ``oneOf`` with ``const`` and ``description``, never a bare ``enum``."""
    found: list[Any] = []

    def look(node: Any) -> None:
        if isinstance(node, dict):
            assert "enum" not in node, node
            found.extend(o for o in node.get("oneOf", []) if "const" in o)
            for value in node.values():
                look(value)
        elif isinstance(node, list):
            for value in node:
                look(value)

    schema = json.loads(path.read_text())
    look(schema)
    assert all(option.get("description") for option in found)
    jsonschema.Draft202012Validator.check_schema(schema)


def test_rules_and_definitions_share_one_language() -> None:
    rule, definition = (
        json.loads((content_root() / "cards" / "schema" / f"{n}.schema.json").read_text())
        for n in ("rule", "definition")
    )
    assert rule["$defs"] == definition["$defs"]
