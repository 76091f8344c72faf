"""What a program takes: processor time of its children too, peak memory, and the sum over parts."""

import os
import signal
import sys
import time

import pytest
from peers import measure
from peers.measure import measured, total


def python(code: str) -> list[str]:
    return [sys.executable, "-S", "-c", code]


BURN = "import time; t = time.process_time()\nwhile time.process_time() < t + {}: pass"


def test_processor_time_counts_children_and_not_sleep(tmp_path):
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-S', '-c', {BURN.format(0.6)!r}])"
    cost = measured(python(f"{child}; import time; time.sleep(0.5)"), tmp_path)
    assert cost.status == 0 and not cost.stopped
    assert 0.55 <= cost.cpu_seconds < 3 and cost.seconds >= 1


def test_peak_memory_is_that_of_the_program(tmp_path):
    cost = measured(python("x = bytearray(200_000_000); import time; time.sleep(1.5)"), tmp_path)
    assert 190 < cost.peak_mb < 400


def test_what_a_program_prints_and_its_status_are_kept(tmp_path):
    cost = measured(python("import sys; print('out'); sys.exit('no GPU')"), tmp_path)
    assert cost.status == 1
    assert "out" in (tmp_path / "log.txt").read_text() and "no GPU" in (tmp_path / "log.txt").read_text()


def test_a_program_is_interrupted_with_its_children_after_its_time(tmp_path):
    code = (
        "import subprocess, sys, time\n"
        "p = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print(p.pid, flush=True)\ntime.sleep(60)"
    )
    start = time.monotonic()
    cost = measured(python(code), tmp_path, most_seconds=1)
    assert cost.stopped and time.monotonic() - start < 20
    child = int(next(s for s in (tmp_path / "log.txt").read_text().splitlines() if s.isdigit()))
    for _ in range(50):
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            break
        time.sleep(0.1)
    else:
        pytest.fail("the child goes on")


def test_parts_are_summed_and_the_largest_memory_counts(tmp_path):
    measured(python("x = bytearray(150_000_000); import time; time.sleep(1.2)"), tmp_path)
    measured(python(BURN.format(0.4)), tmp_path)
    whole = total(tmp_path)
    assert whole.peak_mb > 140 and whole.cpu_seconds >= 0.35 and whole.seconds > 1.2 and whole.status == 0


def test_a_program_is_interrupted_also_where_interrupts_are_ignored(tmp_path):
    """As they are in what a shell starts in the background; what it starts inherits that."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        start = time.monotonic()
        assert measured(python("import time; time.sleep(60)"), tmp_path, most_seconds=1).stopped
        assert time.monotonic() - start < 20
    finally:
        signal.signal(signal.SIGINT, before)


def test_time_in_which_everything_was_suspended_does_not_count(monkeypatch):
    times = iter([0.0, 0.5, 1.0, 601.0, 601.5])  # ten minutes between two looks: Ctrl-Z
    monkeypatch.setattr(measure.time, "monotonic", lambda: next(times))
    clock = measure._Clock()
    assert [clock.seconds() for _ in range(4)] == [0.5, 1.0, 1.5, 2.0]
