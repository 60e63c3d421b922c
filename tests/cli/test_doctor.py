import json

from .conftest import PATIENT, ROOT

CALL = PATIENT.with_name("request.json")
BROKEN = ROOT / "fixtures" / "doctor" / "no-card.json"
DISCOVERY_OF_NOBODY = '{"services": []}'


def test_a_whole_call_ends_with_0_and_tells_what_the_service_answers(run):
    code, out, err = run("doctor", CALL)
    assert (code, err) == (0, "")
    assert "The service answers 200." in out
    assert "0 errors" in out
    assert "may be passed on" in " ".join(out.split())


def test_a_call_without_an_answer_ends_with_1_and_a_fix(run):
    code, out, _err = run("doctor", BROKEN, "--as-of", "2026-11-20")
    assert code == 1
    assert "D108" in out
    assert "-> Send 123, not Patient/123" in out


def test_json_tells_the_same_in_places(run):
    code, out, _err = run("doctor", BROKEN, "--json")
    assert code == 1
    report = json.loads(out)
    assert report["answer"]["status"] == 400
    assert {"D108", "D301", "D309", "D410"} <= {item["id"] for item in report["findings"]}
    assert all(item["fix"] and item["places"] for item in report["findings"])


def test_the_schema_is_printed_without_a_file(run):
    code, out, _err = run("doctor", "--schema")
    assert code == 0
    assert json.loads(out)["title"] == "What twitch-cds doctor found"


def test_a_token_is_looked_at_and_never_printed(run, tmp_path):
    token = tmp_path / "token.jwt"
    token.write_text("canary.of-the.token.\n")
    code, out, err = run("doctor", CALL, "--token", token)
    assert code == 1
    assert "D501" in out
    assert "canary" not in out + err


def test_a_discovery_is_compared(run, tmp_path):
    file = tmp_path / "discovery.json"
    file.write_text(DISCOVERY_OF_NOBODY)
    code, out, _err = run("doctor", CALL, "--discovery", file)
    assert code == 0
    assert "D802" in out


def test_values_are_shown_only_when_asked_for(run):
    assert "2.9 mmol/L" not in run("doctor", CALL)[1]
    code, out, _err = run("doctor", CALL, "--with-values")
    assert code == 0
    assert "2.9 mmol/L" in out
    assert "tells of the patient" in out


def test_wrong_usage_ends_with_2(run):
    for words in (
        ("--service", "twitch-of-old"),
        ("--token", "-", "--discovery", "-"),
        ("--config", "none.toml"),
    ):
        code, out, err = run("doctor", CALL, *words)
        assert (code, out) == (2, ""), words
        assert err
