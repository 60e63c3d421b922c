"""What is weak in settings is told, each for its own reason; what is well chosen is not."""

import pytest

from cds_service.auth import Clients, TrustedClient
from cds_service.errors import SettingsError
from cds_service.settings import Settings, shown_settings
from cds_service.settings.advice import settings_advice
from cds_service.store import check_store

CLIENT = TrustedClient(issuer="https://ehr.example", jwks_url="https://ehr.example/jwks.json")
WELL = {
    "clients": Clients([CLIENT]),
    "public_base_url": "https://cds.example",
    "memory_key": "k" * 40,
    "store_url": "sqlite:////var/lib/twitch-cds/feedback.sqlite3",
}
WEAK = [
    ("S060", {"clients": Clients()}),
    ("S061", {"public_base_url": ""}),
    ("S062", {"public_base_url": "http://cds.example"}),
    ("S063", {"clients": Clients([TrustedClient("https://e", "", "https://e/k", max_life_seconds=600)])}),
    ("S064", {"clients": Clients([TrustedClient("https://e", "", "https://e/k", ("RS256",))])}),
    ("S065", {"allow_as_of": True}),
    ("S066", {"cors_origins": ("*",)}),
    ("S067", {"cors_origins": ("http://page.example",)}),
    ("S068", {"keep_comments": True}),
    ("S069", {"log_level": "debug"}),
    ("S070", {"memory_key": ""}),
    ("S071", {"sandbox": True}),
    ("S072", {"store_url": "sqlite:///feedback.sqlite3"}),
    ("S073", {"fhir_servers": ("http://127.0.0.1:8080/fhir",)}),
    ("S074", {"fhir_servers": ("https://fhir.example/r4 for https://other.example",)}),
    (
        "S075",
        {
            "clients": Clients([CLIENT, TrustedClient("https://e", "", "https://e/k")]),
            "fhir_servers": ("https://fhir.example/r4",),
        },
    ),
    ("S076", {"clients": Clients(), "fhir_networks": ("10.1.0.0/16",)}),
    ("S077", {"fhir_networks": ("0.0.0.0/0",)}),
    ("S077", {"fhir_networks": ("::/0",)}),
    ("S078", {"fhir_deadline_ms": 8000}),
]


def codes(settings, path=None):
    return {issue.code for issue in settings_advice(settings, path)}


def test_good_settings_need_no_advice():
    assert codes(Settings(**WELL)) == set()


@pytest.mark.parametrize(
    ("code", "values"), WEAK, ids=[f"{code}-{next(iter(values))}" for code, values in WEAK]
)
def test_a_weak_choice_is_told(code, values):
    assert code in codes(Settings(**{**WELL, **values}))


def test_every_advice_is_proven_and_says_what_to_do():
    found = [issue for _code, values in WEAK for issue in settings_advice(Settings(**{**WELL, **values}))]
    assert {issue.code for issue in found} == {code for code, _values in WEAK}
    assert all(issue.what.endswith(".") and issue.remedy for issue in found)


def test_an_evaluation_on_this_machine_may_be_open():
    open_ones = {"S065", "S066"}
    assert codes(Settings(allow_as_of=True, cors_origins=("*",))) & open_ones == set()


def test_a_file_with_secrets_is_for_its_owner_alone(tmp_path):
    path = tmp_path / "site.toml"
    path.write_text("")
    path.chmod(0o644)
    assert codes(Settings(**WELL), path) == {"S079"}
    path.chmod(0o600)
    assert codes(Settings(**WELL), path) == set()


def test_a_store_is_checked_without_being_made(tmp_path):
    check_store(f"sqlite:///{tmp_path}/new/feedback.sqlite3")
    assert list(tmp_path.iterdir()) == []
    other = tmp_path / "letter.txt"
    other.write_text("Dear colleague, this is no database.")
    for url in (f"sqlite:///{other}", f"sqlite:///{other}/feedback.sqlite3", "nosuch://host/db", "sqlite://"):
        with pytest.raises(SettingsError):
            check_store(url)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://me:canary@host/db",
        "postgresql+psycopg://me@host/db?password=canary&sslmode=require",
    ],
)
def test_no_way_of_writing_a_password_is_shown(url):
    assert "canary" not in str(shown_settings(Settings(store_url=url)))
