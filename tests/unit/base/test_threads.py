"""A stage runs ahead of its consumer, ends with it, and hands its errors on."""

import subprocess
import sys
import threading
import time

import pytest
from ultraseg.base.threads import run_ahead


def test_items_come_in_order():
    assert list(run_ahead(range(100), 3)) == list(range(100))
    assert list(run_ahead([], 1)) == []


def test_errors_reach_the_consumer_after_what_came_before():
    def items():
        yield 1
        raise OSError("disk")

    found = run_ahead(items(), 2)
    assert next(found) == 1
    with pytest.raises(OSError, match="disk"):
        next(found)


def test_work_goes_on_while_the_consumer_is_busy_and_no_further_than_asked():
    made = []

    def items():
        for i in range(50):
            made.append(i)
            yield i

    found = run_ahead(items(), 2)
    assert next(found) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.1)
    assert len(made) == 4  # one given, two waiting, one in hand


def test_a_consumer_that_leaves_ends_all_stages():
    closed = []

    def items():
        try:
            while True:
                yield 1
        finally:
            closed.append(True)

    before = set(threading.enumerate())
    found = run_ahead(run_ahead(items(), 1), 1)
    next(found)
    stages = set(threading.enumerate()) - before
    found.close()
    for stage in stages:
        stage.join(10)
    assert len(stages) == 2 and closed and not any(stage.is_alive() for stage in stages)


def test_leaving_never_waits_for_the_stage():
    """The leaving thread may be the one for which the stage waits: Python collects garbage in any thread."""
    left = threading.Event()

    def items():
        yield 1
        left.wait(30)
        yield 2

    found = run_ahead(items(), 1)
    next(found)
    leaving = threading.Thread(target=found.close, daemon=True)
    leaving.start()
    leaving.join(10)
    stuck = leaving.is_alive()
    left.set()
    assert not stuck


def test_a_process_that_ends_by_an_error_does_not_wait_for_its_stages():
    """The error keeps the iterators alive until Python is being taken down, when no other thread runs any more.

    It then hung for ever under Python 3.13.
    """
    program = """
import itertools
from ultraseg.base.threads import run_ahead
def use():
    found = run_ahead(run_ahead(itertools.count(), 1), 1)
    for number in found:
        raise OSError("disk")
use()
"""
    env = {"PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", program], env=env, timeout=60, capture_output=True, text=True
    )
    assert done.returncode == 1 and "OSError: disk" in done.stderr
