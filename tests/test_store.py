import sqlite3
from contextlib import closing

import pytest

from cds_service.errors import SettingsError
from cds_service.store import open_store


def test_a_new_store_is_readable_and_durable(tmp_path):
    path = tmp_path / "deep" / "feedback.sqlite3"
    store = open_store(f"sqlite:///{path}")
    assert store.fault() == ""
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM feedback").fetchone() == (0,)


def test_opening_twice_keeps_what_is_there(tmp_path):
    url = f"sqlite:///{tmp_path / 'feedback.sqlite3'}"
    open_store(url).close()
    store = open_store(url)
    assert store.fault() == ""
    store.close()


def test_a_store_that_lost_its_table_says_so(tmp_path):
    path = tmp_path / "feedback.sqlite3"
    store = open_store(f"sqlite:///{path}")
    connection = sqlite3.connect(path)
    connection.execute("DROP TABLE feedback")
    connection.commit()
    connection.close()
    assert "cannot be read" in store.fault()
    store.close()


@pytest.mark.parametrize(
    "url", ["", "no database", "unknown://host/name", "sqlite:////proc/no-such-folder/a.sqlite3"]
)
def test_a_store_that_cannot_be_opened_is_a_settings_error_without_the_address(url):
    with pytest.raises(SettingsError) as error:
        open_store(url)
    assert [issue.code for issue in error.value.issues] == ["S011"]


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_store_in_memory_is_refused(url):
    with pytest.raises(SettingsError) as error:
        open_store(url)
    assert [issue.code for issue in error.value.issues] == ["S012"]


def test_the_password_of_a_database_never_stands_in_a_message():
    with pytest.raises(SettingsError) as error:
        open_store("unknown://user:secret@host/name")
    assert "secret" not in str(error.value)


# --- what was shown

KEY = "k" * 32
OTHER = "o" * 32


@pytest.fixture
def store(tmp_path):
    store = open_store(f"sqlite:///{tmp_path / 'feedback.sqlite3'}")
    yield store
    store.close()


def test_what_was_shown_is_known_to_its_own_scope_only(store):
    memory = store.shown(KEY)
    assert memory.keep("u p", ["a", "b"], now=1000, since=0)
    assert memory.recall("u p", ["a", "b", "c"], since=0) == {"a", "b"}
    assert memory.recall("u q", ["a"], since=0) == frozenset()
    assert memory.recall("u p", [], since=0) == frozenset()


def test_another_process_of_the_same_key_remembers_too_and_of_another_key_does_not(store, tmp_path):
    store.shown(KEY).keep("u p", ["a"], now=1000, since=0)
    other = open_store(f"sqlite:///{tmp_path / 'feedback.sqlite3'}")
    assert other.shown(KEY).recall("u p", ["a"], since=0) == {"a"}
    assert other.shown(OTHER).recall("u p", ["a"], since=0) == frozenset()
    assert other.shown().recall("u p", ["a"], since=0) == frozenset()
    other.close()


def test_without_a_key_a_process_remembers_alone(store):
    store.shown().keep("u p", ["a"], now=1000, since=0)
    assert store.shown().recall("u p", ["a"], since=0) == {"a"}


def test_what_is_older_is_not_told_and_is_forgotten(store, tmp_path):
    memory = store.shown(KEY)
    memory.keep("u p", ["a"], now=1000, since=0)
    assert memory.recall("u p", ["a"], since=1000) == {"a"}
    assert memory.recall("u p", ["a"], since=1001) == frozenset()
    memory.keep("u p", ["b"], now=2000, since=1001)
    assert _rows(tmp_path) == 1


def test_shown_again_counts_from_the_last_time(store):
    memory = store.shown(KEY)
    memory.keep("u p", ["a"], now=1000, since=0)
    memory.keep("u p", ["a", "a"], now=2000, since=0)
    assert memory.recall("u p", ["a"], since=1500) == {"a"}


def test_the_memory_is_bounded_and_forgets_the_oldest(store, tmp_path):
    memory = store.shown(KEY, most=2)
    for now, mark in enumerate("abc", 1000):
        memory.keep("u p", [mark], now=now, since=0)
    assert memory.recall("u p", ["a", "b", "c"], since=0) == {"b", "c"}
    assert _rows(tmp_path) == 2


def test_nothing_of_patient_or_user_stands_in_the_database(store, tmp_path):
    store.shown(KEY).keep("Practitioner/zebra Patient/okapi", ["mark"], now=1000, since=0)
    store.close()
    data = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"zebra" not in data and b"okapi" not in data and KEY.encode() not in data


def test_a_memory_that_cannot_be_used_remembers_nothing(store, tmp_path):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        connection.execute("DROP TABLE shown")
    memory = store.shown(KEY)
    assert memory.keep("u p", ["a"], now=1, since=0) is False
    assert memory.recall("u p", ["a"], since=0) == frozenset()


def _rows(tmp_path):
    with closing(sqlite3.connect(tmp_path / "feedback.sqlite3")) as connection:
        return connection.execute("SELECT count(*) FROM shown").fetchone()[0]
