"""The state of a run from its events, and how the time left is worked out."""

import time

import pytest
from run_events import NOW, RUN, job, state_of, write_log, write_run
from ultraseg.run.progress_state import (
    JobRecord,
    RunState,
    job_seconds,
    log_lines,
    mark_done_from_logs,
    mean_seconds,
    one_line,
    read_run,
    rests,
    seconds_left,
    time_left,
    training_seconds_left,
)


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


def test_time_is_not_lost_on_a_missing_log():
    assert seconds_left(RunState(), time.time()) == (0.0, [])


def test_events_tell_what_became_of_each_job():
    state = state_of(
        *job(1, "ingest", 90, "v", "0", end=80),
        *job(2, "ingest", 90, "v", "1", end=70, kind="failed"),
        *job(3, "objects", 60, "v", "0"),
        {"event": "end", "time": NOW - 5},
    )
    assert (state.jobs, state.done, state.ended, state.start, state.last) == (9, 1, True, NOW - 100, NOW - 5)
    assert [one.name for one in state.of("failed")] == ["ingest v 1"]
    assert state.count("started") == {"objects": 1}
    assert state.started[1] == JobRecord(
        "ingest", ("v", "0"), ("logs/ingest/v/0.log",), "done", NOW - 90, NOW - 80
    )


def test_jobs_that_belong_to_no_stage_do_not_count():
    state = state_of(*job(1, "all", 10, end=5), *job(2, "ingest", 10, "v", "0", end=5))
    assert (state.done, [one.rule for one in state.of("done")]) == (1, ["ingest"])


def test_a_line_that_was_cut_off_is_left_out(tmp_path):
    file = write_run(tmp_path, *job(1, "ingest", 90, "v", "0", end=80))
    whole = read_run(file)
    file.write_text(file.read_text() + '{"event": "fail')
    assert read_run(file) == whole and whole.done == 1


def test_the_log_of_a_former_try_is_not_that_of_a_job(tmp_path):
    one = JobRecord("ingest", ("v", "0"), ("logs/ingest/v/0.log",), started=NOW)
    assert log_lines(one, tmp_path) == []
    write_log(tmp_path, "ingest/v/0.log", "old\n", NOW - 60)
    assert log_lines(one, tmp_path) == []
    write_log(tmp_path, "ingest/v/0.log", "new\nlines\n", NOW + 1)
    assert log_lines(one, tmp_path) == ["new", "lines"]
    assert log_lines(JobRecord(), tmp_path) == []


def test_logs_tell_which_jobs_are_done(tmp_path):
    state = state_of(*job(1, "ingest", 90, "v", "0"), *job(2, "ingest", 90, "v", "1"))
    write_log(tmp_path, "ingest/v/0.log", "INFO took 5.0 s\n", NOW - 85)
    write_log(tmp_path, "ingest/v/1.log", "INFO reads z0.tif\n", NOW - 85)
    mark_done_from_logs(state, tmp_path)
    assert [one.wildcards[1] for one in state.of("done")] == ["0"]
    assert state.started[1].ended == NOW - 85 and state.started[2].ended is None


def test_the_rest_of_a_running_training_follows_from_its_epochs(tmp_path):
    state = state_of(*job(1, "train", 60, "net"), *job(2, "train", 60, "other"))
    assert rests(state, tmp_path) == {}
    write_log(tmp_path, "train/net.log", "2026-11-22 INFO epoch 5: loss 0.2, seconds 50.0\n", NOW - 1)
    write_log(tmp_path, "train/other.log", "2026-11-22 INFO epoch 5: loss 0.2, seconds 50.0\n", NOW - 1)
    assert RUN["epochs"] == {"net": 20} and rests(state, tmp_path) == {1: 150}


def test_durations_of_this_run_win_over_those_of_former_ones():
    state = state_of(*job(1, "ingest", 90, end=80), *job(2, "ingest", 90, end=70), *job(3, "objects", 9))
    assert mean_seconds(state, {"ingest": 99, "train": 7}) == {"ingest": 15, "train": 7}
