"""A site file is read strictly; every fault has its line."""

from pathlib import Path

import pytest

from cds_service.content import content_root
from cds_service.errors import SettingsError
from cds_service.site import SiteFile, read_site

WHY = "    because: our laboratory says so\n    by: board, 2026-10-01\n"


def read(folder: Path, text: str) -> SiteFile:
    path = folder / "site.yaml"
    path.write_text(text, encoding="utf-8")
    return read_site(path, content_root())


def faults(folder: Path, text: str) -> list[tuple[str, str]]:
    with pytest.raises(SettingsError) as error:
        read(folder, text)
    return [(issue.where, issue.code) for issue in error.value.issues]


def test_the_value_word_of_an_address_is_the_one_replaced(tmp_path: Path) -> None:
    site = read(
        tmp_path,
        f"site: Test\nthresholds:\n  - rule: low\n    lab: potassium\n    below: 3.5 mmol/L\n    use: 3.4 mmol/L\n{WHY}",
    )
    (override,) = site.overrides
    assert (override.kind, override.subject, override.word) == ("rule", "low", ("below",))
    assert override.published == "3.5 mmol/L"
    assert override.where == "site.yaml:3"


def test_a_nested_value_is_found(tmp_path: Path) -> None:
    site = read(
        tmp_path,
        f"site: Test\nthresholds:\n  - rule: low\n    drug: steroid\n    daily_dose: {{at_least: 20 mg/d}}\n    use: 25 mg/d\n{WHY}",
    )
    assert site.overrides[0].word == ("daily_dose", "at_least")


def test_two_values_need_the_word_change(tmp_path: Path) -> None:
    text = f"site: Test\nthresholds:\n  - rule: low\n    lab: k\n    below: 3.5 mmol/L\n    within: usual\n    use: 3.4 mmol/L\n{WHY}"
    assert faults(tmp_path, text) == [("site.yaml:3", "S101")]
    assert read(tmp_path, text.replace("    use:", "    change: below\n    use:")).overrides[0].word == (
        "below",
    )


def test_an_address_without_any_value_is_refused(tmp_path: Path) -> None:
    text = f"site: Test\nthresholds:\n  - rule: low\n    use: 3.4 mmol/L\n{WHY}"
    assert faults(tmp_path, text) == [("site.yaml:3", "S101")]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("sites: Test\n", "V101"),
        ("site: Test\nthresholds:\n  - {rule: low, lab: k, below: 1 g, use: 2 g, by: board}\n", "V102"),
        (
            f"site: Test\nthresholds:\n  - rule: low\n    definition: low\n    below: 1 g\n    use: 2 g\n{WHY}",
            "V107",
        ),
        ("site: Test\nswitch_off:\n  - {rule: low, by: board}\n", "V102"),
        ("site: Test\nsite: Again\n", "C008"),
        ("site: off\n", "C010"),
    ],
)
def test_form_is_checked(tmp_path: Path, text: str, code: str) -> None:
    assert code in [found for _, found in faults(tmp_path, text)]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "site: Test\nrxnorm: products.tsv\n") == [("site.yaml:2", "S102")]


def test_the_digest_covers_the_files_it_names(tmp_path: Path) -> None:
    (tmp_path / "map.json").write_text("{}")
    first = read(tmp_path, "site: Test\nconcept_maps: [map.json]\n").digest
    (tmp_path / "map.json").write_text("{ }")
    assert read(tmp_path, "site: Test\nconcept_maps: [map.json]\n").digest != first


def test_a_missing_site_file_is_a_settings_fault(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="C001"):
        read_site(tmp_path / "none.yaml", content_root())
