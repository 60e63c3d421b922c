"""Every curl line of the documents is sent as it stands, and answered as the text around it says."""

import json
import re
import shlex
import tomllib
from urllib.parse import urlsplit

import pytest

from cds_service.client_limits import _CHECKS, PROFILES, read_client_limits

from .conftest import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "integrate.md", ROOT / "docs" / "operate.md")
INTEGRATE = (ROOT / "docs" / "integrate.md").read_text(encoding="utf-8")
#: Lines with a variable belong to a session of several commands: tests/cli/test_token.py plays it.
LINES = [
    (path.name, line)
    for path in DOCUMENTS
    for line in re.findall(r"^curl .*$", path.read_text(encoding="utf-8"), re.MULTILINE)
    if "$" not in line
]


def _request(line):
    """Return method, address, headers and body of a curl command; an option nobody knows fails."""
    words = shlex.split(line)
    assert words.pop(0) == "curl"
    method, headers, body, address = "", {}, None, ""
    while words:
        word = words.pop(0)
        if word in ("-s", "-i"):
            continue
        if word == "-X":
            method = words.pop(0)
        elif word == "-H":
            name, _, value = words.pop(0).partition(": ")
            headers[name] = value
        elif word == "--data-binary":
            body = (ROOT / words.pop(0).removeprefix("@")).read_bytes()
        else:
            assert not word.startswith("-") and not address, word
            address = word
    return method or ("GET" if body is None else "POST"), urlsplit(address), headers, body


def _settings(path):
    return {"public_base_url": "http://127.0.0.1:8000/decision"} if path.startswith("/decision/") else {}


@pytest.mark.parametrize(("document", "line"), LINES)
def test_every_curl_line_is_answered(make_app, document, line):
    method, address, headers, body = _request(line)
    assert address.netloc == "127.0.0.1:8000"
    client = make_app(**_settings(address.path)).test_client()
    response = client.open(f"{address.path}?{address.query}", method=method, headers=headers, data=body)
    expected = 412 if "nothing-sent" in line else 200
    assert response.status_code == expected, response.text
    if method == "OPTIONS":
        assert response.headers["Access-Control-Allow-Origin"] == headers["Origin"]
    elif method == "POST" and expected == 200:
        assert response.get_json()["cards"]


def test_the_documents_show_browsers_prefix_and_states():
    text = " ".join(line for _, line in LINES)
    for needed in ("OPTIONS", "/decision/cds-services", "nothing-sent", "laboratory-failed", "order-sign"):
        assert needed in text, needed


def test_the_card_about_failed_queries_is_as_documented(client):
    call = json.loads((ROOT / "fixtures" / "states" / "laboratory-failed.json").read_text(encoding="utf-8"))
    last = client.post("/cds-services/twitch-patient-view", json=call).get_json()["cards"][-1]
    assert last["indicator"] == "info"
    assert last["summary"].startswith("Twitching rules not fully assessed: laboratory results")


def test_the_documented_card_limits_are_settings_that_hold(make_app):
    (table,) = re.findall(r"^```toml\n(\[\[card_limits\]\]\n.*?)^```", INTEGRATE, re.MULTILINE | re.DOTALL)
    limits = read_client_limits(tomllib.loads(table)["card_limits"]).of(
        "https://ehr.example", "https://own.example"
    )
    assert (limits.plain, limits.summary, limits.hosts) == (True, 100, {"own.example", "doi.org"})
    (written,) = re.findall(r"TWITCH_CDS_CARD_LIMITS='([^']*)'", INTEGRATE)
    client = make_app(card_limits=read_client_limits(written)).test_client()
    call = json.loads((ROOT / "fixtures" / "calls" / "order-sign.json").read_text(encoding="utf-8"))
    cards = client.post("/cds-services/twitch-order-sign", json=call).get_json()["cards"]
    assert cards and "**" not in json.dumps(cards)


def test_every_member_and_profile_of_card_limits_is_documented():
    section = INTEGRATE.partition("## What an EHR can show")[2].partition("\n## ")[0]
    for name in [*_CHECKS, *PROFILES]:
        assert f"`{name}`" in section or f"{name} =" in section, name
