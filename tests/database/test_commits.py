"""Many threads write in one commit; none is told before what it brought is written."""

import threading
from contextlib import closing

import pytest
from sqlalchemy import text

from cds_service.database.commits import Busy, Together, Writer
from cds_service.feedback.rest import QuickAccess
from cds_service.store import open_store

THREADS = 12


def in_threads(work):
    """Run ``work`` with 0, 1, ... at the same time and return what each gave or raised."""
    found = [None] * THREADS

    def run(number):
        try:
            found[number] = work(number)
        except Exception as error:
            found[number] = error

    threads = [threading.Thread(target=run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return found


def test_who_comes_while_another_writes_is_written_together_with_the_others():
    batches, all_came = [], threading.Event()

    def write(items):
        batches.append(list(items))
        if len(batches) == 1:
            assert all_came.wait(60)
        return [item * 10 for item in items]

    together = Together(write)

    def work(number):
        if number == THREADS - 1:
            while len(together._waiting) < THREADS - 2:
                threading.Event().wait(0.001)
            all_came.set()
        return together(number)

    assert in_threads(work) == [number * 10 for number in range(THREADS)]
    assert sorted(item for batch in batches for item in batch) == list(range(THREADS))
    assert len(batches[0]) == 1 and len(batches) <= 3


def test_a_failure_is_told_to_all_it_concerns_and_the_next_ones_are_written():
    def write(items):
        if 5 in items:
            raise OSError("disk")
        return items

    together = Together(write)
    found = in_threads(together)
    assert isinstance(found[5], OSError)
    assert all(isinstance(one, OSError) or one == number for number, one in enumerate(found))
    assert together(6) == 6


def test_a_result_too_few_is_a_failure_and_no_success():
    with pytest.raises(ValueError, match="shorter"):
        Together(lambda items: [])(1)


def test_a_writer_gives_up_after_its_time(url):
    with closing(open_store(url)) as store:
        lock = threading.Lock()
        writer = Writer(store._engine, lock, 0.01)
        with lock, pytest.raises(Busy), writer.begin():
            pass
        with writer.begin() as connection:
            assert connection.execute(text("select 1")).scalar() == 1
        assert not lock.locked()


def test_R12_of_many_who_spend_the_same_tokens_at_once_one_wins_each(url):
    with closing(open_store(url)) as store, closing(open_store(url)) as another:
        stores = [store.used_tokens(), another.used_tokens()]

        def work(number):
            return [stores[number % 2].spend("i", str(name), 2000, 1000) for name in range(20)]

        won = in_threads(work)
        assert [sum(column) for column in zip(*won, strict=True)] == [1] * 20


def test_a_database_is_not_left_alone_because_others_write_for_too_long(url):
    with closing(open_store(url)) as store:
        lock = threading.Lock()
        access = QuickAccess(Writer(store._engine, lock, 0.01))
        with lock, pytest.raises(Busy), access.write(1_000):
            pass
        with access.write(1_000) as connection:
            assert connection.execute(text("select 1")).scalar() == 1
