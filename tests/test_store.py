import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from sqlalchemy.exc import SQLAlchemyError

from cds_service.errors import SettingsError
from cds_service.store import open_store

from .databases import drop, empty, everything


def test_a_new_store_is_readable_and_durable(tmp_path):
    path = tmp_path / "deep" / "feedback.sqlite3"
    store = open_store(f"sqlite:///{path}")
    assert store.fault() == ""
    store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM card_answers").fetchone() == (0,)


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
    connection.execute("DROP TABLE card_answers")
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
DAY = 86_400
YEAR = 365 * DAY


def recalled(memory, *marks):
    """What another call right after the showing is told."""
    return memory.recall("u p", dict.fromkeys(marks, 99), now=1002, instance="another")


def test_what_was_shown_is_known_to_its_own_scope_only(store):
    memory = store.shown(KEY)
    assert memory.keep("u p", {"a": 99, "b": 99}, now=1000)
    assert recalled(memory, "a", "b", "c") == {"a", "b"}
    assert memory.recall("u q", {"a": 99}, now=1000, instance="other") == frozenset()
    assert recalled(memory) == frozenset()


def test_another_process_of_the_same_key_remembers_too_and_of_another_key_does_not(store, url):
    store.shown(KEY).keep("u p", {"a": 99}, now=1000)
    other = open_store(url)
    assert recalled(other.shown(KEY), "a") == {"a"}
    assert recalled(other.shown(OTHER), "a") == frozenset()
    assert recalled(other.shown(), "a") == frozenset()
    other.close()


def test_without_a_key_a_process_remembers_alone(store):
    store.shown().keep("u p", {"a": 99}, now=1000)
    assert recalled(store.shown(), "a") == {"a"}


def test_each_mark_counts_as_long_as_it_is_asked_for(store):
    memory = store.shown(KEY)
    memory.keep("u p", {"a": YEAR, "b": YEAR}, now=1000)
    assert memory.recall("u p", {"a": DAY, "b": YEAR}, now=1000 + DAY, instance="o") == {"a", "b"}
    assert memory.recall("u p", {"a": DAY, "b": YEAR}, now=1001 + DAY, instance="o") == {"b"}
    assert memory.recall("u p", {"a": DAY, "b": YEAR}, now=1000 + YEAR, instance="o") == {"b"}
    assert memory.recall("u p", {"b": YEAR}, now=1001 + YEAR, instance="o") == frozenset()


def test_what_is_over_is_forgotten_and_what_lasts_is_kept(store):
    memory = store.shown(KEY)
    memory.keep("u p", {"a": DAY, "b": YEAR}, now=1000)
    memory.keep("u p", {"c": DAY}, now=1000 + DAY)
    assert _rows(store) == 3
    memory.keep("u p", {}, now=1001 + DAY)
    assert _rows(store) == 2
    memory.keep("u p", {"c": DAY}, now=1001 + YEAR)
    assert _rows(store) == 1


def test_a_mark_of_a_year_outlives_the_process(url):
    first = open_store(url)
    first.shown(KEY).keep("p", {"a": YEAR}, now=1000)
    first.close()
    second = open_store(url)
    found = second.shown(KEY).recall("p", {"a": YEAR}, now=1000 + YEAR, instance="o")
    second.close()
    assert found == {"a"}


def test_the_same_call_sent_again_gets_the_same_answer(store):
    memory = store.shown(KEY)
    memory.keep("u p", {"a": 99}, now=1000, instance="call")
    assert memory.recall("u p", {"a": 99}, now=1000, instance="call") == frozenset()
    assert memory.recall("u p", {"a": 99}, now=1000, instance="another") == {"a"}


def test_shown_again_counts_from_the_last_time(store):
    memory = store.shown(KEY)
    memory.keep("u p", {"a": 999}, now=1000)
    memory.keep("u p", {"a": 999}, now=1900)
    assert memory.recall("u p", {"a": 100}, now=2000, instance="o") == {"a"}


def test_the_memory_is_bounded_and_forgets_the_oldest(store):
    memory = store.shown(KEY, most=2)
    for now, mark in enumerate("abc", 1000):
        memory.keep("u p", {mark: 99}, now=now)
    assert recalled(memory, "a", "b", "c") == {"b", "c"}
    assert _rows(store) == 2


def test_nothing_of_patient_or_user_stands_in_the_database(store):
    store.shown(KEY).keep("Practitioner/zebra Patient/okapi", {"mark": 9}, now=1000, instance="quagga")
    kept = repr(everything(store))
    assert not [word for word in ("quagga", "zebra", "okapi", "mark'", KEY) if word in kept]


def test_a_memory_that_fails_says_so(store, url):
    memory = store.shown(KEY)
    assert memory.keep("u p", {"a": 9}, now=1)
    drop(url, "shown_cautions")
    assert memory.keep("u p", {"a": 9}, now=1) is False
    with pytest.raises(SQLAlchemyError):
        recalled(memory, "a")


@pytest.mark.slow
def test_many_who_show_the_same_at_once_all_remember_it(url, monkeypatch):
    # As long a wait as is needed: how soon a busy machine gives up is not asked here.
    monkeypatch.setattr("cds_service.store._QUICK_MS", 60_000)
    with closing(open_store(url)) as store:
        _many_at_once(store)


def _many_at_once(store):
    memory, kept = store.shown(KEY), []
    marks = dict.fromkeys("abcdefgh", 99)

    def worker(turn):
        for now in range(1000, 1010):
            some = dict(list(marks.items())[turn % 4 : turn % 4 + 5])
            kept.append(memory.keep("u p", some, now=now, instance=str(turn)))

    threads = [threading.Thread(target=worker, args=(turn,)) for turn in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kept == [True] * 80
    assert recalled(memory, *marks) == set(marks)
    assert _rows(store) == len(marks)


def _rows(store):
    return len(everything(store)["shown_cautions"])


def test_workers_that_open_a_new_database_together_all_open_it(url):
    with ThreadPoolExecutor(8) as pool:
        for _ in range(5):
            empty(url)
            stores = list(pool.map(open_store, [url] * 8))
            assert [store.fault() for store in stores] == [""] * 8
            for store in stores:
                store.close()
