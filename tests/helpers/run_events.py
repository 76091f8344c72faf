"""Events of a run as Snakemake's progress is recorded, and the logs of its jobs."""

import json
import os
import socket

from ultraseg.run.progress_state import RunState

NOW = 1_800_000_000.0
RUN = {
    "event": "run", "time": NOW - 100, "pid": os.getpid(), "host": socket.gethostname(),
    "stages": {"ingest": "ingest", "train": "train", "objects_label": "objects", "objects": "objects"},
    "total": {"ingest": 4, "train": 1, "objects_label": 2, "objects": 2}, "epochs": {"net": 20},
}  # fmt: skip


def events(*more):
    return [RUN, *more]


def job(number, rule, at, *wildcards, end=None, kind="done"):
    """Events of a job that started ``at`` seconds before now, and ended ``end`` seconds before now."""
    log = [f"logs/{rule}/{'/'.join(wildcards)}.log"]
    found = [
        {"event": "started", "time": NOW - at, "jobs": [number]},
        {
            "event": "job",
            "time": NOW - at,
            "job": number,
            "rule": rule,
            "wildcards": list(wildcards),
            "log": log,
        },
    ]
    last = {"event": kind, "time": NOW - (end or 0), "job": number, "rule": rule, "log": log}
    return found + ([last] if end is not None else [])


def state_of(*more) -> RunState:
    state = RunState()
    for event in events(*more):
        state.take(event)
    return state


def write_run(folder, *more, name="2027-01-01T000000-1"):
    file = folder / "logs/runs" / f"{name}.jsonl"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(event) + "\n" for event in events(*more)))
    return file


def write_log(folder, name, text, at=NOW):
    file = folder / "logs" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    os.utime(file, (at, at))
