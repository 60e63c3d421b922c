import dataclasses
import re
from pathlib import Path

import pytest

from cds_service.errors import ContentError
from cds_service.knowledge import content_hash, inspect_knowledge, load_knowledge
from tests.small_content import RULE, change, small_root, write

RULE_FILE = "cards/rules/electrolyte/low-magnesium.yaml"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return small_root(tmp_path)


def faults(root: Path) -> list[str]:
    with pytest.raises(ContentError) as raised:
        load_knowledge(root)
    return [str(issue) for issue in raised.value.issues]


def test_knowledge_holds_what_the_files_say(root: Path) -> None:
    knowledge = load_knowledge(root)
    assert list(knowledge.rules) == ["low-magnesium"]
    assert knowledge.rules["low-magnesium"].group == "electrolyte"
    assert re.fullmatch(r"\d{4}\.\d{2}\.\d{2}(\.\d+)?", knowledge.version)
    assert set(knowledge.gates) == {"twitch", "irritability"}
    assert knowledge.documents["rules/low-magnesium"].path == RULE_FILE


def test_knowledge_cannot_be_changed(root: Path) -> None:
    knowledge = load_knowledge(root)
    with pytest.raises(dataclasses.FrozenInstanceError):
        knowledge.version = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        knowledge.rules["other"] = knowledge.rules["low-magnesium"]  # type: ignore[index]
    assert hash(knowledge) == hash(knowledge)


def test_mappings_are_sorted_by_key(root: Path) -> None:
    knowledge = load_knowledge(root)
    for mapping in (knowledge.references, knowledge.order_sets, knowledge.documents):
        assert list(mapping) == sorted(mapping)


def test_every_fault_of_every_file_is_told_at_once(root: Path) -> None:
    change(root, RULE_FILE, "within: usual", "witin: usual")
    change(root, "cards/version.yaml", "released:", "relased:")
    write(root, "cards/order-sets/broken.yaml", "id: broken\ntitle: Broken\norders: no\n")
    told = "\n".join(faults(root))
    assert f"{RULE_FILE}:15" in told and "Did you mean 'within'?" in told
    assert "cards/version.yaml" in told and "'relased'" in told
    assert "cards/order-sets/broken.yaml:3" in told


def test_a_broken_rule_does_not_hide_the_others_from_inspection(root: Path) -> None:
    write(root, "cards/rules/workup/broken.yaml", "id: broken\n")
    knowledge, issues = inspect_knowledge(root)
    assert knowledge is not None and list(knowledge.rules) == ["low-magnesium"]
    assert any(issue.where.startswith("cards/rules/workup/broken.yaml") for issue in issues)


def test_drafts_are_loaded_only_when_asked_for_and_retired_rules_never(root: Path) -> None:
    change(root, RULE_FILE, "status: active", "status: draft")
    assert not load_knowledge(root).rules
    assert list(load_knowledge(root, drafts=True).rules) == ["low-magnesium"]
    change(root, RULE_FILE, "status: draft", "status: retired")
    assert not load_knowledge(root, drafts=True).rules


def test_an_id_is_the_name_of_its_file_and_unique_over_groups(root: Path) -> None:
    write(root, "cards/rules/workup/low-magnesium.yaml", RULE)
    write(root, "cards/rules/workup/other.yaml", RULE)
    told = faults(root)
    assert any("workup/low-magnesium.yaml:1: V111" in line and "taken" in line for line in told)
    assert any("workup/other.yaml:1: V111" in line and "another name" in line for line in told)


def test_a_missing_file_is_a_fault(root: Path) -> None:
    (root / "cards" / "gates.yaml").unlink()
    assert any("cards/gates.yaml: C001" in line for line in faults(root))


def test_the_hash_follows_content_and_not_place(root: Path, tmp_path: Path) -> None:
    first = load_knowledge(root).content_hash
    assert load_knowledge(root).content_hash == first
    change(root, RULE_FILE, "to confirm", "to confirm it")
    assert load_knowledge(root).content_hash != first
    assert content_hash(root, "one terminology") != content_hash(root, "another")


def test_services_have_one_id_per_hook_and_all_are_active(root: Path) -> None:
    services = load_knowledge(root).services
    assert all(service.active for service in services)
    hooks = [service.hook for service in services]
    assert len(set(hooks)) == len(hooks)
    assert all(service.id == f"twitch-{service.hook}" for service in services)
    assert all("not a medical device" in service.description for service in services)


def test_prefetch_templates_are_short_fhir_queries_with_plain_tokens(root: Path) -> None:
    for service in load_knowledge(root).services:
        assert set(service.prefetch) == set(service.promises)
        for key, query in service.prefetch.items():
            assert len(query) <= 2_000
            assert set(re.findall(r"\{\{(.*?)\}\}", query)) <= {"context.patientId"}
            assert not re.search(r"[{}]", re.sub(r"\{\{.*?\}\}", "", query)), query
            assert query.startswith(service.promises[key])


def test_every_lab_code_is_asked_for_once(root: Path) -> None:
    knowledge = load_knowledge(root)
    asked = [
        token
        for key, query in knowledge.services[0].prefetch.items()
        if key.startswith("labs")
        for token in re.findall(r"\|([0-9-]+)", query)
    ]
    wanted = {c.code for a in knowledge.terminology.analytes.values() if a.kind == "lab" for c in a.codes}
    assert sorted(asked) == sorted(wanted)


def test_override_reasons_are_coded(root: Path) -> None:
    reasons = load_knowledge(root).override_reasons
    assert len({reason.code for reason in reasons}) == len(reasons) >= 7
    assert [reason.code for reason in reasons if reason.defect] == ["data-incorrect"]


def test_what_passed_once_is_not_checked_again_and_a_change_is(root: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache" / "twitch-cds"
    load_knowledge(root)
    assert (cache / "checked-content.txt").read_text().split()
    change(root, RULE_FILE, "ages: adult", "ages: grown-up")
    assert any("'grown-up'" in line for line in faults(root))


@pytest.mark.parametrize("content", [b"\xff\xfe\x00garbage", b"", b"not a hash\n" * 5])
def test_a_damaged_cache_costs_nothing_but_time(root: Path, tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "cache" / "twitch-cds"
    cache.mkdir(parents=True)
    (cache / "checked-content.txt").write_bytes(content)
    assert list(load_knowledge(root).rules) == ["low-magnesium"]


def test_without_a_home_there_is_no_cache(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr("os.path.expanduser", lambda path: path)
    monkeypatch.chdir(root)
    assert list(load_knowledge(root).rules) == ["low-magnesium"]
    assert not (root / "~").exists() and not (root / "relative").exists()


def test_a_prefetch_key_without_a_query_is_told(root: Path) -> None:
    change(root, "cards/services.yaml", "prefetch: [patient, encounters", "prefetch: [patients, encounters")
    assert any("cards/services.yaml:" in line and "Did you mean 'patient'?" in line for line in faults(root))


def test_a_cache_that_cannot_be_written_is_no_fault(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a-file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a-file"))
    assert list(load_knowledge(root).rules) == ["low-magnesium"]
