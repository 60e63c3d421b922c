"""The commands of a site: what it changed, which switches there are, its codes."""

import json

import pytest

from tests.cli.conftest import ROOT
from tests.test_rxnorm import release

SITE = {"TWITCH_CDS_SITE": str(ROOT / "fixtures" / "site" / "site.yaml")}


def test_site_show_lists_every_change(run):
    _code, out, _err = run("site", "show", **SITE)
    assert "potassium-severe: lab potassium at_most: 2.7 mmol/L instead of 2.5 mmol/L" in out
    assert "caffeine: switched off" in out
    assert "local-codes.json: 3 codes" in out
    _code, out, _err = run("site", "show", "--json", **SITE)
    told = json.loads(out)
    assert told["switches"] == ["drafts"]
    assert {change["used"] for change in told["changes"]} >= {"2.7 mmol/L", "42 days"}


def test_site_show_without_a_site(run):
    _code, out, _err = run("site", "show")
    assert out.strip() == "No site file: everything holds as published."


def test_site_switches_say_what_they_do(run):
    code, out, _err = run("site", "switches", **SITE)
    assert code == 0
    assert "drafts                   off" in out
    assert "critical-pack            on" in out


def test_a_wrong_site_file_ends_with_2(run, tmp_path):
    site = tmp_path / "site.yaml"
    site.write_text("site: Test\nswitch_off:\n  - {rule: no-such-rule, because: testing it, by: us}\n")
    code, _out, err = run("site", "show", TWITCH_CDS_SITE=str(site))
    assert code == 2
    assert "site.yaml:3: S111" in err
    code, _out, err = run("config", "check", TWITCH_CDS_SITE="no-such-file.yaml")
    assert code == 2
    assert "S011" in err


def test_import_rxnorm_writes_a_table_a_site_can_name(run, tmp_path):
    release(tmp_path)
    code, out, _err = run("terminology", "import-rxnorm", tmp_path, "--out", tmp_path / "products.tsv")
    assert code == 0
    assert "product codes of 2 ingredients" in out
    (tmp_path / "site.yaml").write_text("site: Test\nrxnorm: products.tsv\n")
    _code, out, _err = run("site", "show", TWITCH_CDS_SITE=str(tmp_path / "site.yaml"))
    assert "products.tsv: " in out


def test_explain_tells_site_and_unread_codes(run):
    bundle = ROOT / "fixtures" / "patients" / "lip-twitching-on-furosemide" / "bundle.json"
    _code, out, _err = run("explain", bundle, "--as-of", "latest", **SITE)
    assert "Example Hospital changes the published knowledge:" in out
    assert "o caffeine: switched off by the site" in out
    _code, out, _err = run("explain", bundle, "--as-of", "latest", "--json", **SITE)
    assert json.loads(out)["site"] == "Example Hospital"


@pytest.mark.parametrize("server", ["ftp://x", "http://127.0.0.1:9/fhir"])
def test_expand_says_what_is_wrong_with_the_server(run, tmp_path, server):
    code, _out, err = run("terminology", "expand", "--server", server, "--out", tmp_path / "x.json")
    assert code in (1, 2)
    assert "S030" in err or "T070" in err
    assert not (tmp_path / "x.json").exists()
