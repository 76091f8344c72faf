"""How far a run is, told from another shell: ``ultraseg status``. It only reads files: no run is disturbed."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import dataclass
from pathlib import Path

from ultraseg.base.errors import UserError
from ultraseg.base.text import duration
from ultraseg.run.progress_record import FOLDER
from ultraseg.run.progress_state import (
    JobRecord,
    RunState,
    job_seconds,
    log_lines,
    mark_done_from_logs,
    read_run,
    rests,
    seconds_left,
    time_left,
)

BAR = 20  # characters
WATCH_S = 5
SHOWN = 12  # running jobs, and failed ones


@dataclass(frozen=True)
class Shown:
    """A run with what its folder tells beyond the events."""

    state: RunState
    folder: Path
    alive: bool | None  # None: Snakemake runs on another computer

    def lines(self, job: JobRecord) -> list[str]:
        """The log of a job; empty before it has begun."""
        return log_lines(job, self.folder)


def last_run(folder: str | Path) -> Shown:
    """The newest run in a folder. Raises UserError when there was none."""
    files = sorted(Path(folder, FOLDER).glob("*.jsonl"), key=lambda file: file.name)
    if not files:
        raise UserError(
            f"{Path(folder, FOLDER).absolute()}: no run was started in this folder",
            "Give the folder that Snakemake works in: --directory FOLDER (make status DIRECTORY=FOLDER).",
        )
    state = read_run(files[-1])
    mark_done_from_logs(state, Path(folder))
    return Shown(state, Path(folder), is_alive(state))


def is_alive(state: RunState) -> bool | None:
    """Whether Snakemake still runs; None if it would run on another computer, where it cannot be seen from here."""
    if state.ended:
        return False
    if state.host != socket.gethostname():
        return None
    import psutil

    try:
        process = psutil.Process(state.pid)
        # A number that another program has by now is not our Snakemake.
        return process.status() != psutil.STATUS_ZOMBIE and process.create_time() <= state.start + 1
    except psutil.NoSuchProcess:
        return False


def headline(run: Shown, now: float) -> str:
    """What became of the run."""
    state = run.state
    failed = len(state.of("failed"))
    since = time.strftime("%d %b %H:%M", time.localtime(state.start))
    if state.done == state.jobs:
        return f"Finished. Started {since}, took {duration(state.last - state.start)}."
    if run.alive:
        return f"Running since {since}."
    if run.alive is None:
        signs = [state.last, *(_changed(run, job) for job in state.of("started"))]
        return (
            f"Running since {since} on {state.host}, as far as the files tell: "
            f"the last sign of life is {duration(now - max(signs))} old."
        )
    if state.ended:
        why = f"{failed} job(s) failed" if failed else "it was interrupted"
        return f"Stopped after {duration(state.last - state.start)}: {why}. Started {since}."
    ago = duration(now - state.last)
    return f"Killed: Snakemake is gone and could not say why. Started {since}, last event {ago} ago."


def _changed(run: Shown, job: JobRecord) -> float:
    file = run.folder / job.log[0] if job.log else None
    return file.stat().st_mtime if file is not None and file.exists() else 0.0


def earlier_seconds(run: Shown) -> dict[str, float]:
    """Mean duration by rule that the logs of finished jobs tell, of this run and former ones."""
    means = {}
    for rule in run.state.total:
        files = [run.folder / "logs" / f"{rule}.log", *(run.folder / "logs" / rule).rglob("*.log")]
        logs = [file.read_text(errors="replace").splitlines() for file in files if file.is_file()]
        found = [seconds for lines in logs if (seconds := job_seconds(lines)) is not None]
        if found:
            means[rule] = sum(found) / len(found)
    return means


def summary(run: Shown, now: float) -> str:
    """The run as text: what became of it, a table of stages, running and failed jobs."""
    state = run.state
    going_on = run.alive is not False and state.done < state.jobs
    text = [headline(run, now), _counts(run, now, going_on), "", *_table(run, going_on)]
    if going_on:
        running = [job for job in state.of("started") if run.lines(job)]
        text += _listing("Running", [_running(run, job, now) for job in running])
    text += _listing("Failed", [line for job in state.of("failed") for line in _failed(run, job)])
    if not going_on and state.done < state.jobs:
        cut = [f"  {job.name}" for job in state.of("started")]
        text += _listing("Cut off", cut)
        text += ["", "Run the same snakemake command again: it goes on from here. Finished jobs stay."]
        if not state.ended:
            text += ["If it says that the folder is locked, first call it with --unlock."]
    return "\n".join(text)


def _counts(run: Shown, now: float, going_on: bool) -> str:
    state = run.state
    text = f"{state.done} of {state.jobs} jobs done ({100 * state.done // max(state.jobs, 1)} %)"
    if going_on:
        left = seconds_left(state, now, earlier_seconds(run), rests(state, run.folder))
        text += f", {duration(now - state.start)} so far, {time_left(*left)}"
    return text


def _table(run: Shown, going_on: bool) -> list[str]:
    """One line per stage: bar, jobs done and in all (a job is a slab, where a stage works slab by slab)."""
    state = run.state
    stages = list(dict.fromkeys(state.stages.values()))
    width = max([len(stage) for stage in stages] + [5])
    lines = []
    for stage in stages:
        rules = [rule for rule, of in state.stages.items() if of == stage]
        total = sum(state.total[rule] for rule in rules)
        jobs = [job for job in state.started.values() if job.rule in rules]
        done = sum(job.status == "done" for job in jobs)
        failed = sum(job.status == "failed" for job in jobs)
        begun = [job for job in jobs if job.status == "started" and going_on]
        at_work = sum(bool(run.lines(job)) for job in begun)
        notes = [(at_work, "running"), (len(begun) - at_work, "queued"), (failed, "failed")]
        filled = BAR * done // max(total, 1)
        line = f"{stage:{width}}  {'█' * filled}{'░' * (BAR - filled)}  {done}/{total}"
        lines.append("  ".join([line, *(f"{n} {what}" for n, what in notes if n)]))
    return lines


def _running(run: Shown, job: JobRecord, now: float) -> str:
    last = run.lines(job)[-1]
    said = last.split(" INFO ")[-1] if job.rule == "train" and "epoch" in last else ""
    return f"  {job.name}: {duration(now - job.started)}{', ' + said if said else ''} ({job.log[0]})"


def _failed(run: Shown, job: JobRecord) -> list[str]:
    """Name and logs of a job, and the error as its own log ends with it."""
    errors = [line for line in run.lines(job) if " ERROR " in line]
    lines = [f"  {job.name}: {', '.join(job.log) or 'no log'}"]
    return lines + ([f"    {errors[-1].split(' ERROR ')[-1][:300]}"] if errors else [])


def _listing(title: str, lines: list[str]) -> list[str]:
    more = [f"  and {len(lines) - SHOWN} more"] if len(lines) > SHOWN else []
    return ["", f"{title}:", *lines[:SHOWN], *more] if lines else []


def tell(directory: str, watch: bool = False) -> None:
    """Print how far the run in a folder is; with ``watch`` again and again until it ends.

    Raises UserError where no run was started.
    """
    while True:
        run = last_run(directory)
        clear = "\033[2J\033[H" if watch and os.isatty(1) else ""
        print(clear + summary(run, time.time()), flush=True)
        if not watch or run.alive is False or run.state.done == run.state.jobs:
            return
        try:
            time.sleep(WATCH_S)
        except KeyboardInterrupt:
            return
