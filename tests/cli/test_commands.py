import json
import subprocess
import sys

import pytest

from .conftest import PATIENT, WELL

AS_OF = ("--as-of", "2026-11-20")


def test_help_names_every_command(run):
    code, out, _err = run("--help")
    assert code == 0
    for name in (
        "batch",
        "config",
        "doctor",
        "explain",
        "feedback",
        "new-rule",
        "review",
        "rules",
        "serve",
        "site",
        "terminology",
        "validate",
    ):
        assert f"  {name} " in out


def test_review_shows_the_card_in_words(run):
    code, out, _err = run("review", PATIENT, *AS_OF)
    assert code == 0
    assert "2.9 mmol/L" in out
    assert "2026-11-20T23:59:59+00:00" in out


def test_review_prints_the_response_as_json(run):
    code, out, _err = run("review", PATIENT, *AS_OF, "--json")
    assert code == 0
    body = json.loads(out)
    assert body["cards"]
    assert body["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-20T23:59:59")


def test_review_gives_the_same_bytes_every_time(run):
    assert run("review", PATIENT, *AS_OF, "--json") == run("review", PATIENT, *AS_OF, "--json")


def test_review_at_the_newest_date_of_the_record(run):
    code, out, _err = run("review", PATIENT, "--as-of", "latest", "--json")
    assert code == 0
    assert json.loads(out)["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-20")


def test_review_of_a_well_person_says_what_no_card_means(run):
    for more in ((), ("--brief",)):
        code, out, _err = run("review", WELL, *AS_OF, *more)
        assert code == 0
        assert "a rule that does not fire excludes nothing" in " ".join(out.split())


def test_review_in_brief_names_cards_proposals_and_findings(run):
    code, out, _err = run("review", PATIENT, *AS_OF, "--brief")
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("WARNING")
    assert any(line.startswith(" 1. ") for line in lines)
    assert any("Potassium 2.9 mmol/L on 2026-11-18 (range 3.5-5.1)" in line for line in lines)


def test_review_tells_what_of_the_record_was_not_used(run):
    for more in ((), ("--brief",)):
        _code, out, _err = run("review", PATIENT, "--as-of", "1999-01-01", *more)
        assert "Not used: Condition/twitching and 5 more (F032:" in " ".join(out.split())


def test_review_names_the_reason_why_a_patient_is_outside_the_scope(run, tmp_path):
    bundle = json.loads(PATIENT.read_text())
    bundle["entry"][0]["resource"]["deceasedBoolean"] = True
    path = tmp_path / "record.json"
    path.write_text(json.dumps(bundle))
    _code, out, _err = run("review", path, *AS_OF)
    assert "No card: outside the scope of the rules (deceased)." in out


@pytest.mark.parametrize("command", ["review", "explain"])
def test_a_record_may_come_from_the_standard_input(command):
    words = [sys.executable, "-m", "cds_service", command]
    with PATIENT.open("rb") as stream:
        piped = subprocess.run([*words, "-", *AS_OF], stdin=stream, capture_output=True, check=True)
    named = subprocess.run([*words, str(PATIENT), *AS_OF], capture_output=True, check=True)
    assert piped.stdout == named.stdout


def test_explain_says_what_its_marks_mean(run):
    _code, out, _err = run("explain", PATIENT, *AS_OF)
    assert out.splitlines()[0].startswith("+ holds   - does not hold   ? cannot be told")


def test_review_reads_a_cds_hooks_request(run, tmp_path):
    bundle = json.loads(PATIENT.read_text())
    patient = bundle["entry"][0]["resource"]
    path = tmp_path / "request.json"
    path.write_text(
        json.dumps(
            {
                "hook": "patient-view",
                "hookInstance": "2f6f0a3e-5a5b-4a56-9f0e-0c5b1d2e3f40",
                "context": {"patientId": patient["id"], "userId": "Practitioner/x"},
                "prefetch": {"patient": patient, "problems": bundle},
                "extension": {"org.twitch-cds.asOf": "2026-11-20T12:00:00Z"},
            }
        )
    )
    code, out, _err = run("review", path, "--json")
    assert code == 0
    assert json.loads(out)["extension"]["org.twitch-cds.review"]["asOf"].startswith("2026-11-20T12:00:00")


@pytest.mark.parametrize(
    "text", ["", "no json", "[]", "{}", '{"resourceType": "Bundle"}', '{"hook": "unknown"}', "[" * 100_000]
)
def test_files_that_are_no_record_end_with_1_and_a_reason(run, tmp_path, text):
    path = tmp_path / "record.json"
    path.write_text(text)
    code, _out, err = run("review", path, *AS_OF)
    assert code == 1
    assert err.strip()


@pytest.mark.parametrize(
    "words",
    [
        ("review",),
        ("review", "absent.json"),
        ("review", PATIENT, "--as-of", "yesterday"),
        ("review", PATIENT, "--as-of", "2026-11-20T12:00:00"),
        ("unknown",),
        ("serve", "--port", "0"),
        ("serve", "--config", "absent.toml"),
        ("new-rule", "no-slash"),
    ],
    ids=range(8),
)
def test_wrong_usage_ends_with_2(run, words):
    code, _out, err = run(*words)
    assert code == 2
    assert err.strip()


def test_explain_tells_every_rule(run):
    code, out, _err = run("explain", PATIENT, *AS_OF)
    assert code == 0
    assert out.strip()
    code, out, _err = run("explain", PATIENT, *AS_OF, "--json")
    assert code == 0
    assert json.loads(out)["rules"]


def test_explain_one_rule(run):
    _code, listed, _err = run("rules", "list", "--json")
    rule_id = json.loads(listed)[0]["id"]
    code, out, _err = run("explain", PATIENT, *AS_OF, "--rule", rule_id)
    assert code == 0
    _legend, *lines = out.splitlines()
    (told,) = [line for line in lines if line and not line.startswith(" ")]
    assert f" {rule_id}: " in told
    code, _out, err = run("explain", PATIENT, "--rule", "no-such-rule")
    assert code == 1
    assert "K006" in err


def test_rules_list_and_show(run):
    code, out, _err = run("rules", "list", "--json")
    assert code == 0
    rules = json.loads(out)
    assert rules == sorted(rules, key=lambda rule: (rule["group"], rule["id"]))
    code, out, _err = run("rules", "show", rules[0]["id"])
    assert code == 0
    assert f"id: {rules[0]['id']}" in out
    code, _out, err = run("rules", "show", rules[0]["id"] + "x")
    assert code == 1
    assert f"Did you mean {rules[0]['id']}" in err


def test_config_show_hides_passwords_and_tells_the_environment(run):
    code, out, _err = run("config", "show", "--json", TWITCH_CDS_STORE_URL="postgresql://u:secret@h/d")
    assert code == 0
    assert json.loads(out)["store_url"] == "postgresql://u:***@h/d"
    assert "TWITCH_CDS_STORE_URL" in run("config", "show")[1]


def test_config_check_refuses_unknown_settings_and_open_hosts(run, tmp_path):
    path = tmp_path / "site.toml"
    path.write_text("allow_asof = true\n")
    code, _out, err = run("config", "check", "--config", path)
    assert code == 2
    assert "Did you mean allow_as_of" in err
    code, _out, err = run("config", "check", TWITCH_CDS_HOST="0.0.0.0")
    assert code == 2
    assert "no trusted clients" in err
    assert run("config", "check")[0] == 0


def test_serve_refuses_an_open_host_before_it_loads_anything(run):
    code, _out, err = run("serve", "--host", "0.0.0.0")
    assert code == 2
    assert "S020" in err


def test_validate_tells_that_the_bundled_knowledge_is_fine(run):
    code, out, err = run("validate")
    assert code == 0, out + err
