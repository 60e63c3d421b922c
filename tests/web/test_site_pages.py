"""The pages of the rules tell what a site changed."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from cds_service.settings import Settings
from cds_service.web import create_app

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    store = f"sqlite:///{tmp_path_factory.mktemp('store')}/feedback.sqlite3"
    app = create_app(Settings(site=str(ROOT / "fixtures" / "site" / "site.yaml"), store_url=store))
    return app.test_client()


def test_a_changed_threshold_stands_beside_the_published_one(client: FlaskClient) -> None:
    page = client.get("/rules/hypokalemia").get_data(as_text=True)
    assert "Changed at Example Hospital" in page
    assert "<td>2.5 mmol/L</td><td>2.7 mmol/L</td>" in page
    assert "critical call-out line of our laboratory" in page
    assert "+site." in page


def test_a_switched_off_rule_keeps_its_page_and_says_so(client: FlaskClient) -> None:
    answer = client.get("/rules/caffeine")
    assert answer.status_code == 200
    assert "Switched off at Example Hospital" in answer.get_data(as_text=True)
    assert "Switched off at Example Hospital" in client.get("/rules").get_data(as_text=True)


def test_a_rule_that_is_not_there_stays_unknown(client: FlaskClient) -> None:
    assert client.get("/rules/no-such-rule").status_code == 404
