"""What the workers counted is told whatever became of them."""

import multiprocessing
import os

from cds_service.batch.progress import Meters, quiet

FORK = multiprocessing.get_context("fork")


def test_workers_add_up():
    told = []
    meters = Meters("reading", 100, 1, told.append)
    workers = [FORK.Process(target=meters.add, args=(10, 1, 2)) for _ in range(3)]
    for worker in workers:
        worker.start()
        worker.join()
    meters.close()
    assert [(p.done, p.total, p.patients, p.findings) for p in told] == [(30, 100, 3, 6)]


def test_a_worker_that_was_ended_while_it_counted_leaves_nobody_waiting():
    """Ended on a full disk or by Ctrl-C, it took the lock with it: the run never came to its end."""
    meters = Meters("reading", 100, 1, quiet)

    def end_within_the_lock():
        meters._counts.get_lock().acquire()
        os._exit(1)

    ended = FORK.Process(target=end_within_the_lock)
    ended.start()
    ended.join()
    teller = FORK.Process(target=meters.close)
    teller.start()
    teller.join(20)
    hangs = teller.is_alive()
    teller.kill()
    assert not hangs
