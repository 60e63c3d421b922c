import sqlite3
from contextlib import closing

import pytest

from cds_service.json_log import configure_logging

from .conftest import PATH


def test_livez_answers(client):
    assert client.get("/livez").get_json() == {"status": "alive"}


def test_readyz_tells_the_knowledge(client, knowledge):
    response = client.get("/readyz")
    assert response.status_code == 200, response.text
    assert response.get_json() == {"status": "ready", "knowledgeVersion": knowledge.version}


def test_readyz_names_a_broken_store(client, tmp_path):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE card_answers")
        connection.commit()
    response = client.get("/readyz")
    assert response.status_code == 503
    assert "feedback store" in response.get_json()["reasons"][0]


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_is_logged_for_debugging_only(client, capsys, path):
    configure_logging("info")
    client.get(path)
    assert capsys.readouterr().err == ""
    configure_logging("debug")
    client.get(path)
    assert path in capsys.readouterr().err


def test_a_defect_answers_500_with_a_reference_and_no_words_of_the_error(client, call, monkeypatch, capsys):
    def broken(*_args, **_named):
        raise RuntimeError("Potassium 2.9 of Jane Doe")

    configure_logging("error")
    monkeypatch.setattr("cds_service.web.hooks.answer_call", broken)
    response = client.post(PATH, json=call)
    assert response.status_code == 500
    issue = response.get_json()["issue"][0]
    assert issue["details"]["coding"][0]["code"] == "W500"
    reference = issue["details"]["text"].partition("reference ")[2].partition(")")[0]
    log = capsys.readouterr().err
    assert reference in log
    assert "RuntimeError" in log
    assert "Jane Doe" not in log + response.text
