"""Progress: what is told of a run's events, and how the time left is worked out."""

import json
import os
import socket
import time

import psutil
import pytest
from ultraseg.base.errors import UserError
from ultraseg.base.text import duration
from ultraseg.run.progress_state import (
    RunState,
    job_seconds,
    one_line,
    read_run,
    seconds_left,
    time_left,
    training_seconds_left,
)
from ultraseg.run.status import last_run, main, summary

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


@pytest.fixture(autouse=True)
def this_process_is_old(monkeypatch):
    """The recorded runs claim to be this process, which must then be older than they are."""
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: NOW - 200)


def test_time_left_is_the_work_that_remains_shared_by_the_jobs_at_a_time():
    """A slab takes 50 s; of two that run 30 and 10 s remain, and all other stages wait."""
    state = state_of(
        *job(1, "ingest", 100, "v", "0", end=50), *job(2, "ingest", 100, "v", "1", end=50),
        *job(3, "ingest", 20, "v", "2"), *job(4, "ingest", 40, "v", "3"),
    )  # fmt: skip
    means = {"train": 100.0, "objects_label": 10.0, "objects": 5.0}
    left, unknown = seconds_left(state, NOW, means)
    at_once = (50 + 50 + 20 + 40) / 100
    assert left == pytest.approx((30 + 10 + 100 + 2 * 10 + 2 * 5) / at_once)
    assert unknown == []
    left, unknown = seconds_left(state, NOW)
    assert unknown == ["train", "objects"]
    assert left == 30  # that one slab alone, although the work shared by all would be less


def test_the_longest_running_job_bounds_the_time_left():
    state = state_of(*job(1, "train", 50, "net"), *job(2, "ingest", 100, "v", "0", end=50))
    assert seconds_left(state, NOW, {"train": 0, "objects_label": 0, "objects": 0}, {1: 5000.0})[0] >= 5000


def test_training_tells_its_time_left():
    lines = [
        "2026-11-22 18:46:59,738 INFO epoch 4: loss 0.1856, val_loss 0.1275, seconds 40.0",
        "2026-11-22 18:47:06,893 INFO epoch 5: loss 0.1853, dice_nuclei 0.9691, seconds 50.0",
    ]
    assert training_seconds_left(lines, 20) == 150
    assert training_seconds_left([], 20) is None
    assert job_seconds(lines) is None
    assert job_seconds([*lines, "2026-11-22 18:47:19,084 INFO took 193.8 s"]) == 193.8


@pytest.mark.parametrize(
    "seconds, text",
    [
        (0, "0 s"),
        (99, "99 s"),
        (100, "2 min"),
        (3600, "60 min"),
        (11_100, "3 h 05 min"),
        (187_000, "2 d 3 h"),
    ],
)
def test_durations_are_for_people(seconds, text):
    assert duration(seconds) == text


def test_unknown_stages_are_named():
    assert time_left(60, []) == "about 60 s left"
    assert time_left(60, ["train"]) == "at least 60 s left (not timed yet: train)"


def test_one_line_names_what_runs_and_what_failed():
    state = state_of(
        *job(1, "ingest", 100, "v", "0", end=50),
        *job(2, "ingest", 100, "v", "1", end=40, kind="failed"),
        *job(3, "train", 30, "net"),
    )
    line = one_line(state, NOW)
    assert line.startswith("1 of 9 jobs (11 %); running: train 0/1; 1 failed; 2 min so far; ")


def test_a_retried_job_is_no_failed_one():
    state = state_of(
        *job(2, "ingest", 100, "v", "1", end=40, kind="failed"), *job(2, "ingest", 30, "v", "1", end=10)
    )
    assert (state.done, state.of("failed")) == (1, [])


def test_running_queued_and_failed_jobs_are_told_apart(tmp_path):
    write_run(
        tmp_path,
        *job(1, "ingest", 90, "v", "0", end=80),
        *job(2, "ingest", 90, "v", "1"),
        *job(3, "ingest", 90, "v", "2"),
        *job(4, "ingest", 90, "v", "3", end=70, kind="failed"),
        *job(5, "train", 60, "net"),
    )
    write_log(tmp_path, "ingest/v/1.log", "... INFO ingest: volume v, slab 1\n", NOW - 85)
    write_log(tmp_path, "ingest/v/2.log", "of a former run, took 3.0 s\n", NOW - 5000)
    error = "2026-11-22 ERROR ingest: z7.tif: is cut off\n  Cure: copy it again\n"
    write_log(tmp_path, "ingest/v/3.log", error, NOW - 70)
    write_log(tmp_path, "train/net.log", "2026-11-22 INFO epoch 10: loss 0.2, seconds 30.0\n", NOW - 1)
    text = summary(last_run(tmp_path), NOW)
    assert "Running since" in text and "1 of 9 jobs done (11 %), 2 min so far, at least" in text
    row = next(line for line in text.splitlines() if line.startswith("ingest "))
    assert row.endswith("1/4  1 running  1 queued  1 failed") and row.count("█") == 5
    assert "  train net: 60 s, epoch 10: loss 0.2, seconds 30.0 (logs/train/net.log)" in text
    assert "  ingest v 1: 90 s (logs/ingest/v/1.log)" in text and "ingest v 2" not in text
    assert "  ingest v 3: logs/ingest/v/3.log\n    ingest: z7.tif: is cut off" in text
    assert "objects " in text and "0/4" in text


def test_a_job_whose_log_says_so_is_done_without_an_event(tmp_path):
    """With --quiet progress Snakemake tells of no finished job."""
    write_run(tmp_path, *job(1, "ingest", 90, "v", "0"))
    write_log(tmp_path, "ingest/v/0.log", "... INFO took 5.0 s\n", NOW - 85)
    assert last_run(tmp_path).state.of("done")[0].ended == NOW - 85


def test_a_killed_run_is_told_from_one_that_stopped(tmp_path):
    gone = RUN | {"pid": 2**22 + 1}
    end = {"event": "end", "time": NOW - 10}
    started = job(1, "ingest", 90, "v", "0")
    file = write_run(tmp_path, *started)
    file.write_text(file.read_text().replace(json.dumps(RUN), json.dumps(gone)) + '{"time": 18000')
    text = summary(last_run(tmp_path), NOW)
    assert text.startswith("Killed") and "Cut off:\n  ingest v 0" in text and "--unlock" in text
    write_run(tmp_path, *started, end)
    assert "it was interrupted" in summary(last_run(tmp_path), NOW)
    write_run(tmp_path, *job(1, "ingest", 90, "v", "0", end=20, kind="failed"), end)
    text = summary(last_run(tmp_path), NOW)
    assert "1 job(s) failed" in text and "--unlock" not in text and "goes on from here" in text


def test_a_run_on_another_computer_is_judged_by_its_files(tmp_path):
    file = write_run(tmp_path, *job(1, "ingest", 90, "v", "0"))
    file.write_text(file.read_text().replace(json.dumps(RUN["host"]), '"login2"'))
    write_log(tmp_path, "ingest/v/0.log", "INFO begun\n", NOW - 30)
    assert "on login2" in summary(last_run(tmp_path), NOW)
    assert "the last sign of life is 30 s old" in summary(last_run(tmp_path), NOW)


def test_the_newest_run_counts_and_none_is_an_error(tmp_path, capsys):
    with pytest.raises(UserError, match="no run was started"):
        last_run(tmp_path)
    write_run(tmp_path, name="2027-01-01T000000-1")
    write_run(
        tmp_path,
        *[e for n, r in enumerate(["ingest"] * 4 + ["train"] + ["objects_label"] * 2 + ["objects"] * 2)
          for e in job(n, r, 50, str(n), end=20)],
        name="2027-01-02T000000-1",
    )  # fmt: skip
    main(["--directory", str(tmp_path), "--watch"])
    assert capsys.readouterr().out.startswith("Finished.")
    assert read_run(tmp_path / "logs/runs/2027-01-01T000000-1.jsonl").done == 0


def test_time_is_not_lost_on_a_missing_log():
    assert seconds_left(RunState(), time.time()) == (0.0, [])
