def test_check_tells_advice_and_ends_well(run, tmp_path):
    (tmp_path / "site.toml").write_text("port = 8001\n")
    code, out, err = run("config", "check", "--config", "site.toml")
    assert (code, err) == (0, "")
    assert "advice: settings: S060" in out
    assert not list(tmp_path.glob("*.sqlite3"))
    assert run("config", "check", "--strict")[0] == 1


def test_check_refuses_what_the_service_would_not_start_with(run, tmp_path):
    (tmp_path / "none.pem").write_text("no certificate")
    (tmp_path / "text.sqlite3").write_text("no database, only a longer text")
    for line, code in (
        ("prot = 8001", "S004"),
        ('host = "0.0.0.0"', "S020"),
        ('fhir_ca_file = "none.pem"', "S028"),
        ('store_url = "sqlite:///text.sqlite3"', "S011"),
        ('site = "none.yaml"', "S011"),
        ('[[clients]]\nissuer = "https://ehr.example"\njwks_file = "none.json"', "S043"),
    ):
        (tmp_path / "site.toml").write_text(line + "\n")
        ended, out, err = run("config", "check", "--config", "site.toml")
        assert (ended, out) == (2, ""), line
        assert code in err
