"""A reviser replaces exactly what a site file says, and tells everything that does not fit."""

from pathlib import Path
from typing import Any

import pytest

from cds_service.content import Document, parse_document
from cds_service.errors import Issue
from cds_service.site import Change, Override, Reviser, SiteFile, SwitchOff

RULE = """\
id: low
title: Low potassium below 3.5 mmol/L
when:
  all:
    - {lab: potassium, below: 3.5 mmol/L, within: usual}
    - {meets: potassium-falling}
indicator:
  critical: {lab: potassium, below: 2.5 mmol/L, within: fresh}
  warning: {lab: potassium, below: 3.5 mmol/L, within: usual}
"""


def rule() -> Document:
    return parse_document(RULE, "cards/rules/x/low.yaml")


def override(address: dict[str, Any], use: Any, **more: Any) -> Override:
    word = more.pop("word", next(key for key in address if key in ("below", "within", "places")))
    given = {"kind": "rule", "subject": "low", "because": "our range", "by": "board"} | more
    return Override(where="site.yaml:3", address=address, word=(word,), use=use, **given)


def reviser(*overrides: Override, off: tuple[SwitchOff, ...] = (), switches: Any = None) -> Reviser:
    made = Reviser(SiteFile(Path("site.yaml"), "Test", overrides, off, digest="ab" * 32))
    made.learn_switches(switches or {})
    return made


def no_faults(_document: Document) -> list[Issue]:
    return []


POTASSIUM = {"lab": "potassium", "below": "2.5 mmol/L"}


def test_one_value_is_replaced_and_the_change_is_kept() -> None:
    made = reviser(override(POTASSIUM, "2.7 mmol/L"))
    found = made.adopted(rule(), no_faults)
    assert found is not None
    assert found.data["indicator"]["critical"] == {
        "lab": "potassium",
        "below": "2.7 mmol/L",
        "within": "fresh",
        "published": "below 2.5 mmol/L",
    }
    assert made.finish({}).changes == (
        Change(
            "rule",
            "low",
            "cards/rules/x/low.yaml:8",
            "lab potassium",
            "below",
            "2.5 mmol/L",
            "2.7 mmol/L",
            "our range",
            "board",
        ),
    )
    assert made.issues == []


def test_what_nothing_is_said_of_stays_the_very_same_document() -> None:
    other = parse_document(
        "id: other\nwhen: {lab: potassium, below: 2.5 mmol/L}\n", "cards/rules/x/other.yaml"
    )
    assert reviser(override(POTASSIUM, "2.7 mmol/L")).adopted(other, no_faults) is other


def test_the_published_document_is_left_alone() -> None:
    document = rule()
    reviser(override(POTASSIUM, "2.7 mmol/L")).adopted(document, no_faults)
    assert document.data == rule().data


def test_several_places_are_refused_with_their_lines_until_they_are_counted() -> None:
    address = {"lab": "potassium", "below": "3.5 mmol/L"}
    made = reviser(override(address, "3.4 mmol/L"))
    made.adopted(rule(), no_faults)
    (issue,) = made.issues
    assert issue.code == "S110"
    assert "low.yaml:5" in issue.remedy and "low.yaml:9" in issue.remedy and "places: 2" in issue.remedy
    counted = reviser(override(address, "3.4 mmol/L", places=2))
    counted.adopted(rule(), no_faults)
    assert len(counted.finish({}).changes) == 2
    narrowed = reviser(override(address, "3.4 mmol/L", parts=("warning",)))
    narrowed.adopted(rule(), no_faults)
    assert [change.where for change in narrowed.finish({}).changes] == ["cards/rules/x/low.yaml:9"]


def test_a_wrong_published_value_names_the_candidates() -> None:
    made = reviser(override({"lab": "potassium", "below": "3.6 mmol/L"}, "3.4 mmol/L"))
    made.adopted(rule(), no_faults)
    (issue,) = made.issues
    assert issue.code == "S109"
    assert "low.yaml:5 says lab: potassium, below: 3.5 mmol/L" in issue.remedy


def test_a_fact_in_a_definition_is_pointed_at() -> None:
    made = reviser(override({"lab": "magnesium", "below": "0.7 mmol/L"}, "0.6 mmol/L"))
    made.adopted(rule(), no_faults)
    assert "potassium-falling" in made.issues[0].remedy


@pytest.mark.parametrize(
    ("use", "code"),
    [
        ("2.5 mmol/L", "S107"),
        ("2.50 mmol/L", "S107"),
        (2, "S108"),
        ("2.7", "S108"),
        ("3 days", "S108"),
        ("-1 mmol/L", "S108"),
        ("low", "S108"),
    ],
)
def test_values_of_another_form_are_refused(use: Any, code: str) -> None:
    made = reviser(override(POTASSIUM, use))
    made.adopted(rule(), no_faults)
    assert [issue.code for issue in made.issues] == [code]


def test_a_window_may_become_a_duration() -> None:
    made = reviser(override({**POTASSIUM, "within": "fresh"}, "2 days", word="within"))
    found = made.adopted(rule(), no_faults)
    assert made.issues == []
    assert found is not None
    assert found.data["indicator"]["critical"]["published"] == "within fresh"


def test_the_same_place_twice_is_refused() -> None:
    first = override(POTASSIUM, "2.7 mmol/L")
    second = Override("site.yaml:9", "rule", "low", POTASSIUM, ("below",), "2.8 mmol/L", "other", "board")
    made = reviser(first, second)
    made.adopted(rule(), no_faults)
    assert [(issue.where, issue.code) for issue in made.issues] == [("site.yaml:9", "S105")]


def test_a_rule_that_is_not_there_is_a_fault() -> None:
    made = reviser(override(POTASSIUM, "2.7 mmol/L", subject="none"))
    made.adopted(rule(), no_faults)
    made.finish({})
    assert [issue.code for issue in made.issues] == ["S106"]


def test_a_document_made_wrong_is_the_fault_of_the_site() -> None:
    made = reviser(override(POTASSIUM, "2.7 mmol/L"))
    fault = Issue("cards/rules/x/low.yaml:8", "V105", "'below' is wrong.")
    assert made.adopted(rule(), lambda _: [fault]) is None
    assert [(issue.where, issue.code) for issue in made.issues] == [("site.yaml:3", "S113")]


# --- switches

SWITCHES: dict[str, Any] = {
    "quiet": {
        "off": [
            {"file": "cards/triage.yaml", "set": {"drafted": []}},
            {"rule": "other"},
            {"rule": "low", "unless": {"symptom": "cramp"}},
        ]
    },
    "rows": {
        "off": [{"file": "cards/triage.yaml", "at": {"reason": "comfort-care"}, "set": {"keep": ["workup"]}}]
    },
}
TRIAGE = "drafted: [laboratory]\noutside:\n  - {reason: comfort-care, keep: [order-safety]}\n"


def off(kind: str, name: str) -> SwitchOff:
    return SwitchOff("site.yaml:7", kind, name, "asked for", "board")


def test_a_switch_sets_what_it_says() -> None:
    made = reviser(off=(off("switch", "quiet"), off("switch", "rows")), switches=SWITCHES)
    triage = made.adopted(parse_document(TRIAGE, "cards/triage.yaml"), no_faults)
    assert triage is not None
    assert triage.data == {"drafted": [], "outside": [{"reason": "comfort-care", "keep": ["workup"]}]}
    low = made.adopted(rule(), no_faults)
    assert low is not None and low.data["unless"] == {"symptom": "cramp"}
    other = parse_document("id: other\n", "cards/rules/x/other.yaml")
    assert made.switched_off(other) == off("switch", "quiet")
    assert made.switched_off(low) is None
    site = made.finish({})
    assert [line.name for line in site.switches] == ["quiet", "rows"]
    assert [change.because for change in site.changes] == ["switch quiet: asked for"] * 2 + [
        "switch rows: asked for"
    ]


def test_a_silence_is_added_to_the_silence_there_is() -> None:
    made = reviser(off=(off("switch", "quiet"),), switches=SWITCHES)
    before = parse_document(RULE + "unless: {drug: digoxin}\n", "cards/rules/x/low.yaml")
    found = made.adopted(before, no_faults)
    assert found is not None
    assert found.data["unless"] == {"any": [{"drug": "digoxin"}, {"symptom": "cramp"}]}


@pytest.mark.parametrize(("kind", "name"), [("rule", "low"), ("group", "x")])
def test_rules_and_groups_are_left_out(kind: str, name: str) -> None:
    made = reviser(off=(off(kind, name),))
    assert made.switched_off(rule()) == off(kind, name)
    made.finish({})
    assert made.issues == []


@pytest.mark.parametrize(
    ("kind", "name", "code"),
    [("rule", "none", "S111"), ("group", "none", "S111"), ("switch", "quite", "S104")],
)
def test_what_is_not_there_cannot_be_switched_off(kind: str, name: str, code: str) -> None:
    made = reviser(off=(off(kind, name),), switches=SWITCHES)
    made.switched_off(rule())
    made.finish({})
    assert [issue.code for issue in made.issues] == [code]


def test_a_switch_that_finds_nothing_is_told() -> None:
    made = reviser(off=(off("switch", "rows"),), switches=SWITCHES)
    made.adopted(parse_document("drafted: []\n", "cards/triage.yaml"), no_faults)
    assert [issue.code for issue in made.issues] == ["S112"]
