from pathlib import Path

import pytest

from cds_service.knowledge import load_knowledge
from cds_service.ready import ready_knowledge, unproven
from cds_service.settings import Settings
from cds_service.validate.sentinels import sentinel_issues
from cds_service.web import create_app
from tests.small_content import RULE, change

RULE_FILE = "cards/rules/electrolyte/low-magnesium.yaml"


def told(root: Path) -> list[str]:
    return [str(issue) for issue in sentinel_issues(load_knowledge(root))]


def test_every_rule_of_the_product_is_proven() -> None:
    assert unproven(ready_knowledge(None)) == ()


def test_good_sentinels_say_nothing(root: Path) -> None:
    assert told(root) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("below: 0.70 mmol/L", "below: 0.58 mmol/L", "answers no-match for its sentinel 'fires', not match"),
        (
            "below: 0.70 mmol/L",
            "at_most: 0.70 mmol/L",
            "answers match for its sentinel 'near_miss', not no-match",
        ),
        ("drugs: [omeprazole oral]}", "drugs: [omeprazole oral], not_sent: [lab]}", "answers unknown"),
        ("drugs: [omeprazole oral]}", "drugs: [omeprasole oral]}", "omeprasole"),
        (RULE[RULE.index("sentinels:") :], "", "active rule low-magnesium has no sentinels"),
    ],
)
def test_a_sentinel_names_the_rule_that_changed(root: Path, old: str, new: str, words: str) -> None:
    change(root, RULE_FILE, old, new)
    (issue, *_) = told(root)
    assert words in issue and issue.startswith(RULE_FILE)


def test_a_rule_that_breaks_is_no_pass(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge = load_knowledge(root)

    def broken(*_: object) -> object:
        raise ZeroDivisionError

    monkeypatch.setattr("cds_service.engine.numbers.series_of", broken)
    assert ["ZeroDivisionError" in str(issue) for issue in sentinel_issues(knowledge)] == [True, True]


def test_readyz_is_red_and_names_the_rule(root: Path, tmp_path: Path) -> None:
    change(root, RULE_FILE, "below: 0.70 mmol/L", "at_most: 0.70 mmol/L")
    app = create_app(Settings(store_url=f"sqlite:///{tmp_path / 'f.sqlite3'}"), load_knowledge(root))
    response = app.test_client().get("/readyz")
    assert response.status_code == 503
    assert "low-magnesium" in " ".join(response.get_json()["reasons"])
