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
