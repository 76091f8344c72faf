"""How far a run is, from the events that ``progress_record`` wrote and from the logs of its jobs."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ultraseg.base.text import duration
from ultraseg.base.training_log import read_epoch

TOOK = re.compile(r" took ([\d.]+) s$")


@dataclass
class JobRecord:
    """What is known of one job that was started: ``status`` is started, done or failed; times in seconds since 1970."""

    rule: str = ""
    wildcards: tuple[str, ...] = ()
    log: tuple[str, ...] = ()
    status: str = "started"
    started: float = 0.0
    ended: float | None = None

    @property
    def name(self) -> str:
        return " ".join([self.rule, *self.wildcards])


@dataclass
class RunState:
    """A run: jobs by rule in the order of execution, and what became of those that were started."""

    start: float = 0.0
    last: float = 0.0
    pid: int = 0
    host: str = ""
    ended: bool = False
    stages: dict[str, str] = field(default_factory=dict)
    total: dict[str, int] = field(default_factory=dict)
    epochs: dict[str, int] = field(default_factory=dict)
    started: dict[int, JobRecord] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        """Add one event."""
        kind, self.last = event["event"], event["time"]
        if kind == "run":
            self.start, self.pid, self.host = event["time"], event["pid"], event["host"]
            self.stages, self.total, self.epochs = event["stages"], event["total"], event["epochs"]
        elif kind == "started":
            for number in event["jobs"]:  # again, when it is a retry
                self.started[number] = JobRecord(started=event["time"])
        elif kind == "job":
            job = self.started.setdefault(event["job"], JobRecord(started=event["time"]))
            job.rule, job.wildcards, job.log = event["rule"], tuple(event["wildcards"]), tuple(event["log"])
        elif kind in ("done", "failed"):
            job = self.started.setdefault(event["job"], JobRecord(started=event["time"]))
            job.status, job.ended = kind, event["time"]
            if kind == "failed":
                job.rule, job.log = event["rule"], tuple(event["log"])
        elif kind == "end":
            self.ended = True

    @property
    def jobs(self) -> int:
        """All jobs of the run that belong to a stage."""
        return sum(self.total.values())

    @property
    def done(self) -> int:
        return sum(self.count("done").values())

    def of(self, status: str) -> list[JobRecord]:
        """Jobs of stages with a status, in the order in which they were started."""
        return [job for job in self.started.values() if job.status == status and job.rule in self.stages]

    def count(self, status: str) -> Counter[str]:
        """Number of jobs with a status, by rule."""
        return Counter(job.rule for job in self.of(status))


def log_lines(job: JobRecord, folder: Path) -> list[str]:
    """The log of a job in its last try; empty before it has begun, as while it waits in the queue of a cluster."""
    file = folder / job.log[0] if job.log else None
    if file is None or not file.exists() or file.stat().st_mtime < job.started - 1:
        return []
    return file.read_text(errors="replace").splitlines()


def mark_done_from_logs(state: RunState, folder: Path) -> None:
    """Count jobs as done whose own log says that they ended.

    With --quiet progress Snakemake tells of no finished job.
    """
    for job in state.of("started"):
        if job_seconds(log_lines(job, folder)) is not None:
            job.status, job.ended = "done", (folder / job.log[0]).stat().st_mtime


def rests(state: RunState, folder: Path) -> dict[int, float]:
    """Seconds that each running training still takes, by the number of its job."""
    found: dict[int, float] = {}
    for number, job in state.started.items():
        epochs = state.epochs.get(job.wildcards[0] if job.wildcards else "")
        if job.rule == "train" and job.status == "started" and epochs:
            rest = training_seconds_left(log_lines(job, folder), epochs)
            found |= {number: rest} if rest is not None else {}
    return found


def read_run(file: str | Path) -> RunState:
    """The state of a run from its file; a last line that was cut off is left out."""
    state = RunState()
    for line in Path(file).read_text().splitlines():
        try:
            event = json.loads(line)
        except ValueError:
            continue
        state.take(event)
    return state


def job_seconds(lines: Iterable[str]) -> float | None:
    """Seconds that a job took, as ``run.job`` writes at the end of its log; None while it runs, and where it failed."""
    found = [match for line in lines if (match := TOOK.search(line))]
    return float(found[-1][1]) if found else None


def training_seconds_left(lines: Iterable[str], epochs: int) -> float | None:
    """Seconds that a training still takes, from the epochs in its log; None before the first epoch has ended."""
    found = [epoch for line in lines if (epoch := read_epoch(line))]
    if not found:
        return None
    done, seconds = found[-1]
    return max(0.0, (epochs - done) * seconds / done)


def mean_seconds(state: RunState, earlier: Mapping[str, float] | None = None) -> dict[str, float]:
    """Mean duration of a job by rule: of this run where one is done, else ``earlier`` (of former runs)."""
    sums: dict[str, list[float]] = {}
    for job in state.of("done"):
        if job.ended is not None:
            sums.setdefault(job.rule, []).append(job.ended - job.started)
    return {**(earlier or {}), **{rule: sum(found) / len(found) for rule, found in sums.items()}}


def seconds_left(
    state: RunState,
    now: float,
    earlier: Mapping[str, float] | None = None,
    left: Mapping[int, float] | None = None,
) -> tuple[float, list[str]]:
    """Seconds until the run ends, and the stages that these seconds leave out, because none of their jobs was timed.

    The remaining work is shared by as many jobs at a time as ran so far. ``left``: seconds that a running job still
    takes, by its number, where they are known.
    """
    means, done, left = mean_seconds(state, earlier), state.count("done"), left or {}
    work, longest, unknown = 0.0, 0.0, []
    running = {
        n: job for n, job in state.started.items() if job.status == "started" and job.rule in state.stages
    }
    for number, job in running.items():
        rest = left.get(number, max(0.0, means.get(job.rule, 0.0) - (now - job.started)))
        work, longest = work + rest, max(longest, rest)
        if number not in left and job.rule not in means:
            unknown.append(state.stages[job.rule])
    at_work = Counter(job.rule for job in running.values())
    for rule, total in state.total.items():
        waiting = max(0, total - done[rule] - at_work[rule])
        work += waiting * means.get(rule, 0.0)
        if waiting and rule not in means:
            unknown.append(state.stages[rule])
    spent = [(job.started, job.ended or now) for job in state.started.values() if job.rule in state.stages]
    busy = sum(end - start for start, end in spent)
    at_once = max(1.0, busy / max(now - state.start, 1e-9))
    return max(longest, work / at_once), list(dict.fromkeys(unknown))


def time_left(seconds: float, unknown: Iterable[str]) -> str:
    """The time left as a phrase."""
    unknown = list(unknown)
    if not unknown:
        return f"about {duration(seconds)} left"
    return f"at least {duration(seconds)} left (not timed yet: {', '.join(unknown)})"


def one_line(state: RunState, now: float, left: Mapping[int, float] | None = None) -> str:
    """The whole state in one line; ``left`` as in ``seconds_left``."""
    parts = [f"{state.done} of {state.jobs} jobs ({100 * state.done // max(state.jobs, 1)} %)"]
    started, done = state.count("started"), state.count("done")
    busy = [f"{rule} {done[rule]}/{state.total.get(rule, 0)}" for rule in state.total if started[rule]]
    parts += ["running: " + ", ".join(busy)] if busy else []
    failed = sum(state.count("failed").values())
    parts += [f"{failed} failed"] if failed else []
    parts.append(f"{duration(now - state.start)} so far")
    if state.done < state.jobs and not (failed and not busy):
        parts.append(time_left(*seconds_left(state, now, left=left)))
    return "; ".join(parts)
