"""Limits that a shell, a queue or a file system sets on a run: told before, or as the cause, with a cure."""

from __future__ import annotations

import os
import resource
import signal
import threading
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import FrameType

from ultraseg.base.errors import UserError
from ultraseg.grid.paths import LOGS, RESULTS

WARNING_S = 5  # before the hard limit on processor time, at which the kernel kills without a word


@contextmanager
def processor_time_told() -> Iterator[None]:
    """Raise UserError in the block where the limit on processor time (ulimit -t) is reached."""
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    limit = min((n for n in (soft, hard) if n != resource.RLIM_INFINITY), default=None)
    if limit is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def reached(number: int, frame: FrameType | None) -> None:
        signal.signal(
            signal.SIGXCPU, signal.SIG_IGN
        )  # it comes again every second, also while the message is written
        raise UserError(
            f"the limit on processor time is reached ({limit} seconds for a process)",
            "Raise the limit (ulimit -t unlimited, or ask who runs this computer), then run snakemake again: what is "
            "finished stays.",
        )

    before = signal.signal(signal.SIGXCPU, reached)
    early = limit == hard and limit > 2 * WARNING_S
    if early:
        resource.setrlimit(resource.RLIMIT_CPU, (limit - WARNING_S, hard))
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGXCPU) is reached:
            signal.signal(signal.SIGXCPU, before)
            resource.setrlimit(resource.RLIMIT_CPU, (soft, hard))


def unwritable(rules: Collection[str]) -> list[UserError]:
    """Problems of the folders that the jobs of some rules write to, in the working directory."""
    found = []
    folders = [RESULTS, LOGS, *(f"{LOGS}/{name}" for name in sorted({*rules, "runs"}))]
    for folder in folders:
        if not os.path.lexists(folder):
            continue
        if not os.path.isdir(folder):
            found.append(
                UserError(
                    f"{os.path.abspath(folder)}: is no folder, and the run writes files into it",
                    "Move or rename it, or run in another folder (--directory).",
                )
            )
        elif not os.access(folder, os.W_OK | os.X_OK):
            found.append(
                UserError(
                    f"{os.path.abspath(folder)}: cannot be written to",
                    "Ask its owner for permission (ls -ld shows who that is), have the disk mounted for writing, or "
                    "run in another folder (--directory).",
                )
            )
    return found
