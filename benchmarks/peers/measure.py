"""Runs a program and its children, and records processor time, clock time and peak memory, also over several parts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil

LOG = "log.txt"  # what all calls printed
PARTS = "parts.jsonl"  # one line for each call of a program
EVERY = 0.5  # seconds from one look at the memory to the next, at most
PATIENCE = 60  # seconds that a program has to end after it was asked to
PAUSE = 10.0  # seconds between two looks from which on everything was suspended (Ctrl-Z) in between


@dataclass(frozen=True)
class Cost:
    """What one call of a program took: seconds of processor and of clock, MB at its peak, exit status."""

    cpu_seconds: float
    seconds: float
    peak_mb: float
    status: int
    stopped: bool = False


def measured(
    command: Sequence[str],
    folder: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    most_seconds: float | None = None,
) -> Cost:
    """Run a command; what it prints goes to ``folder/log.txt``, its cost is a line of ``folder/parts.jsonl``.

    most_seconds: clock time after which the program and its children are interrupted as by Ctrl-C (``stopped``). Time
    in which everything was suspended does not count.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clock = _Clock()
    with open(folder / LOG, "a") as log:
        log.write(f"$ {' '.join(command)}\n")
        log.flush()
        process = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            env=env,
            cwd=cwd,
            start_new_session=True,
            stdin=subprocess.DEVNULL,
            preexec_fn=_heed_interrupts,
        )
        tree, stopped, asked = _Tree(process.pid), False, 0.0
        try:
            while process.poll() is None:
                tree.look()
                now = clock.seconds()
                if most_seconds is not None and now > most_seconds and not stopped:
                    stopped, asked = True, now
                    os.killpg(process.pid, signal.SIGINT)
                elif stopped and now > asked + PATIENCE:
                    os.killpg(process.pid, signal.SIGKILL)
                time.sleep(min(EVERY, 0.02 + now / 10))  # short programs are looked at more often
        finally:
            if process.poll() is None:  # this program itself was interrupted
                os.killpg(process.pid, signal.SIGINT)
                process.wait(PATIENCE)
                stopped = True
            cost = Cost(
                round(tree.cpu_seconds, 1),
                round(clock.seconds(), 1),
                round(tree.peak / 1e6),
                process.returncode,
                stopped,
            )
            with open(folder / PARTS, "a") as parts:
                parts.write(json.dumps(asdict(cost)) + "\n")
    return cost


def _heed_interrupts() -> None:
    """Programs that a shell starts in the background ignore Ctrl-C, and so would what they start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def total(folder: Path) -> Cost:
    """The cost of all parts together: times are summed, memory is that of the largest part, status of the last one."""
    parts = [Cost(**json.loads(line)) for line in (folder / PARTS).read_text().splitlines()]
    return Cost(
        round(sum(p.cpu_seconds for p in parts), 1),
        round(sum(p.seconds for p in parts), 1),
        max(p.peak_mb for p in parts),
        parts[-1].status,
        parts[-1].stopped,
    )


class _Clock:
    """Seconds since it was made, without those in which this program and what it runs were suspended."""

    def __init__(self) -> None:
        self._last, self._sum = time.monotonic(), 0.0

    def seconds(self) -> float:
        now = time.monotonic()
        step = now - self._last
        self._sum += step if step < PAUSE else EVERY
        self._last = now
        return self._sum


class _Tree:
    """A process and all its descendants, of which some may have ended."""

    def __init__(self, pid: int):
        self.root, self.peak = psutil.Process(pid), 0.0
        # By process: its own seconds, and those of its children that ended before anybody looked at them.
        self._own: dict[tuple[int, float], float] = {}
        self._before = os.times()

    def look(self) -> None:
        memory = 0
        try:
            processes = [self.root, *self.root.children(recursive=True)]
        except psutil.Error:
            return
        for process in processes:
            try:
                times = process.cpu_times()
                self._own[process.pid, process.create_time()] = times.user + times.system
                memory += process.memory_full_info().pss  # memory that processes share counts once
            except psutil.Error:
                continue
        self.peak = max(self.peak, memory)

    @property
    def cpu_seconds(self) -> float:
        """What the operating system counts for children that were waited for, or what was seen, where that is more."""
        now = os.times()
        waited = now.children_user + now.children_system
        waited -= self._before.children_user + self._before.children_system
        return max(waited, sum(self._own.values()))
