"""What the builder writes is read back as what was described: no style loses or adds a fact unseen."""

import json

import pytest
from fhir.resources.R4B.bundle import Bundle

from cds_service.fhir import extract_facts, read_bundle
from tests.fhir_builder import STYLES, bundle_of
from tests.fhir_builder.coding import terminology, unit_for
from tests.vignettes.test_section_15 import ALL

PLAIN = [
    name
    for name, vignette in ALL.items()
    if not vignette.raw and not vignette.reason and not vignette.only_patient
]


def read_back(vignette, style):
    record = read_bundle(json.dumps(bundle_of(vignette.resources(style))).encode())
    return extract_facts(record, terminology(), as_of=vignette.as_of)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", PLAIN)
def test_described_facts_are_read_back(name, style):
    described, found = ALL[name].facts(), read_back(ALL[name], STYLES[style])
    assert (found.age_days, found.sex, found.encounter.setting) == (
        described.age_days,
        described.sex,
        described.encounter.setting,
    )
    assert found.set_aside == ()
    for kind, names in described.events.items():
        assert set(names) <= set(found.events.get(kind, {})), kind
    used = {
        ingredient: [(use.active, use.route) for use in uses if not use.draft]
        for ingredient, uses in described.drugs.items()
    }
    read = {ingredient: [(use.active, use.route) for use in uses] for ingredient, uses in found.drugs.items()}
    single = {use.ingredient for uses in described.drugs.values() for use in uses if use.administered}
    assert {key: value for key, value in read.items() if key not in single} == {
        key: value for key, value in used.items() if value and key not in single
    }


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", PLAIN)
def test_described_numbers_are_read_back(name, style):
    described, found = ALL[name].facts(), read_back(ALL[name], STYLES[style])
    assert set(found.numbers) == set(described.numbers)
    for test, rows in described.numbers.items():
        factor = terminology().analytes[test].factors[unit_for(test, STYLES[style].units)].times
        assert [row.value for row in found.numbers[test]] == pytest.approx(
            [row.value for row in rows], abs=factor / 100
        )


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", [name for name in PLAIN if ALL[name].facts().twitch])
def test_described_twitch_is_read_back(name, style):
    described, found = ALL[name].facts().twitch, read_back(ALL[name], STYLES[style]).twitch
    assert found.level >= 2
    assert described.sites <= found.sites
    assert found.side == described.side or described.side is None
    assert (found.onset is None) == (described.onset is None)


@pytest.mark.parametrize("style", STYLES)
def test_what_the_builder_writes_is_sound_fhir(style):
    for name in PLAIN:
        Bundle.model_validate(bundle_of(ALL[name].resources(STYLES[style])))


def test_styles_differ_where_they_say_so():
    written = {style: json.dumps(ALL["V3"].resources(STYLES[style])) for style in STYLES}
    assert "MedicationRequest" in written["american"] and "MedicationStatement" in written["european"]
    assert '"mg/dL"' in written["american"] and '"mg/dL"' not in written["billing"]
    assert "coding" in written["american"] and "snomed" not in written["billing"]
    assert "loinc" not in written["words"]
