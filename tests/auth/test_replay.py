"""Goal R12: a token is taken once, whoever asks at the same time and whatever restarts between."""

import pytest

from cds_service.errors import StoreError
from cds_service.store import open_store
from tests.databases import drop, everything

ISSUER = "https://ehr.example"


@pytest.fixture
def used(store):
    return store.used_tokens()


def test_R12_a_token_stays_used_after_a_restart(url):
    first = open_store(url)
    assert first.used_tokens().spend(ISSUER, "a", 2000, 1000)
    first.close()
    second = open_store(url)
    assert not second.used_tokens().spend(ISSUER, "a", 2000, 1001)
    second.close()


def test_the_same_id_of_another_issuer_is_another_token(used):
    assert used.spend(ISSUER, "a", 2000, 1000)
    assert used.spend("https://other.example", "a", 2000, 1000)
    assert used.spend(ISSUER + "a", "", 2000, 1000)
    assert not used.spend(ISSUER, "a", 2000, 1000)


def test_JWT_9_rows_go_when_the_token_is_over_and_not_before(used, store):
    used.spend(ISSUER, "short", 1100, 1000)
    used.spend(ISSUER, "long", 2000, 1000)
    used.spend(ISSUER, "third", 2000, 1100)
    assert _rows(store) == 3
    used.spend(ISSUER, "fourth", 2000, 1161)
    assert _rows(store) == 3
    assert not used.spend(ISSUER, "long", 2000, 1161)


def test_JWT_14_nothing_of_token_or_issuer_stands_in_the_database(used, store):
    used.spend(ISSUER, "okapi", 2000, 1000)
    kept = repr(everything(store))
    assert "okapi" not in kept and "ehr.example" not in kept


def test_a_database_that_fails_lets_nobody_in(used, url):
    drop(url, "used_tokens")
    with pytest.raises(StoreError, match="cannot be told"):
        used.spend(ISSUER, "a", 2000, 1000)


def _rows(store):
    return len(everything(store)["used_tokens"])
