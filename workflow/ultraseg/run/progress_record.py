"""Progress of a run, written down while it goes on: one line of JSON per event, whatever --quiet hides on the screen.

Snakemake hands its events to logging handlers. The handler of a run writes them to ``logs/runs/<time>.jsonl``, which
``run.progress_state`` reads, and says on the screen now and then how far the run is.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TextIO

from ultraseg.run.progress_state import RunState, mark_done_from_logs, one_line, rests

FOLDER = "logs/runs"
EVERY_S = 10  # between two looks at the state; a line appears only where the state has changed
AT_LEAST_S = 600  # after so long a line appears in any case

Event = dict[str, Any]


class ProgressHandler(logging.Handler):
    """Writes the events of one run; the file is made when the first job starts, so a dry run leaves no file.

    stages(): the stage of each rule, in the order of execution; epochs: how many each network is trained for, because
    training takes most of the time of many runs; alone: nothing else is on the screen (--quiet all), so the handler
    tells errors too.
    """

    def __init__(
        self,
        stages: Callable[[], Mapping[str, str]],
        epochs: Mapping[str, int],
        alone: bool = False,
        folder: str = FOLDER,
    ):
        super().__init__()
        self._stages, self._epochs, self._alone = stages, dict(epochs), alone
        self._folder = Path(folder).absolute()
        self._total: dict[str, int] = {}
        self._file: TextIO | None = None
        self._state = RunState()
        self._over = threading.Event()
        self._begun = False

    def emit(self, record: logging.LogRecord) -> None:
        """Take an event of Snakemake. Trouble with the record never stops the run."""
        try:
            if self._alone and record.levelno >= logging.ERROR and not _kind(record).startswith("job"):
                self._say(record.getMessage())
            for event in self._events(record):
                self._write(event)
        except Exception:
            self.handleError(record)

    def _events(self, record: logging.LogRecord) -> Iterator[Event]:
        kind, about = _kind(record), vars(record)
        if kind == "run_info":
            self._total = {rule: n for rule, n in about["stats"].items() if rule != "total"}
        elif kind == "job_started":
            if not self._begun:
                yield self._start()
            yield {"event": "started", "jobs": list(about["jobs"])}
        elif not self._begun:
            return
        elif kind == "job_info":
            wildcards = [str(value) for value in dict(about["wildcards"]).values()]
            job = {"rule": about["rule_name"], "wildcards": wildcards, "log": _files(about["log"])}
            yield {"event": "job", "job": about["jobid"]} | job
        elif kind == "job_finished":
            yield {"event": "done", "job": about["job_id"]}
        elif kind == "job_error":
            job = {"rule": about["rule_name"], "log": _files(about["log"])}
            yield {"event": "failed", "job": about["jobid"]} | job

    def _start(self) -> Event:
        """Begin the record of the run, and the lines on the screen."""
        stages = self._stages()
        self._begun = True
        name = time.strftime("%Y-%m-%dT%H%M%S") + f"-{os.getpid()}.jsonl"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self._folder / name, "a", buffering=1)  # a line is on disk once it is written
        except OSError as error:
            self._say(
                f"{self._folder}: no record of this run is kept, and status cannot tell of it ({error})"
            )
        threading.Thread(target=self._tell, daemon=True).start()
        order = [rule for rule in stages if rule in self._total]
        return {
            "event": "run",
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "stages": {rule: stages[rule] for rule in order},
            "total": {rule: self._total[rule] for rule in order},
            "epochs": self._epochs,
        }

    def _write(self, event: Event) -> None:
        event["time"] = round(time.time(), 2)
        if self._file is not None:
            self._file.write(json.dumps(event) + "\n")
        self._state.take(event)
        if event["event"] == "failed":
            job = self._state.started[event["job"]]
            self._say(f"failed: {job.name}, see {', '.join(job.log) or 'above'}")

    def _tell(self) -> None:
        """Say how far the run is: whenever the state has changed, and now and then."""
        last, said = None, time.monotonic()
        while not self._over.wait(EVERY_S):
            self.acquire()
            try:
                now = (self._state.done, *sorted(self._state.count("started").items()))
                line = self._line()
            finally:
                self.release()
            if now != last or time.monotonic() - said > AT_LEAST_S:
                last, said = now, time.monotonic()
                self._say(line)

    def _line(self) -> str:
        root = self._folder.parents[1]
        mark_done_from_logs(self._state, root)
        return one_line(self._state, time.time(), rests(self._state, root))

    def _say(self, text: str) -> None:
        print(f"ultraseg {time.strftime('%H:%M:%S')}: {text}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Write that Snakemake ended by itself, with or without failed jobs; a killed Snakemake leaves no such line."""
        if self._begun:
            self._over.set()
            self._say(self._line())
            self._begun = False
        if self._file is not None:
            self._file.write(json.dumps({"time": round(time.time(), 2), "event": "end"}) + "\n")
            self._file.close()
            self._file = None
        super().close()


def _kind(record: logging.LogRecord) -> str:
    return str(getattr(record, "event", None) or "")


def _files(names: Iterable[Any] | None) -> list[str]:
    """Names of logs, without the "(check log file(s) ...)" that Snakemake adds for people."""
    return [str(name).partition(" (")[0] for name in names or []]


def record_progress(workflow: Any, epochs: Mapping[str, int]) -> None:
    """Record the run that the Snakefile is parsed for, but not a single job, for which Snakemake parses it as well.

    The rules of one file of ``rules/`` are one stage.
    """
    if not workflow.is_main_process:
        return
    from snakemake.logging import logger
    from snakemake.settings.enums import Quietness

    def stages() -> dict[str, str]:
        files = {rule.name: Path(str(rule.snakefile)) for rule in workflow.rules}
        return {name: file.stem for name, file in files.items() if file.suffix == ".smk"}

    alone = Quietness.ALL in (workflow.output_settings.quiet or ())
    logger.addHandler(ProgressHandler(stages, epochs, alone))
