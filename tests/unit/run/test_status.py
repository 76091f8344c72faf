"""What another shell is told of a run."""

import json

import psutil
import pytest
from run_events import NOW, RUN, job, write_log, write_run
from ultraseg.base.errors import UserError
from ultraseg.run.progress_state import read_run
from ultraseg.run.status import earlier_seconds, last_run, summary, tell


@pytest.fixture(autouse=True)
def this_process_is_old(monkeypatch):
    """The recorded runs claim to be this process, which must then be older than they are."""
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: NOW - 200)


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
    tell(str(tmp_path), watch=True)
    assert capsys.readouterr().out.startswith("Finished.")
    assert read_run(tmp_path / "logs/runs/2027-01-01T000000-1.jsonl").done == 0


def test_another_process_with_the_number_of_snakemake_is_not_taken_for_it(tmp_path, monkeypatch):
    write_run(tmp_path, *job(1, "ingest", 90, "v", "0"))
    assert last_run(tmp_path).alive is True
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: NOW)
    assert last_run(tmp_path).alive is False


def test_logs_of_former_runs_tell_how_long_jobs_take(tmp_path):
    write_run(tmp_path)
    write_log(tmp_path, "ingest/v/0.log", "INFO took 4.0 s\n", NOW - 5000)
    write_log(tmp_path, "ingest/w/0.log", "INFO took 8.0 s\n", NOW - 5000)
    write_log(tmp_path, "objects.log", "INFO begun\n", NOW - 5000)
    assert earlier_seconds(last_run(tmp_path)) == {"ingest": 6}


def test_of_many_failed_jobs_some_are_named(tmp_path):
    failed = [e for n in range(20) for e in job(n, "ingest", 50, "v", str(n), end=20, kind="failed")]
    write_run(tmp_path, *failed, {"event": "end", "time": NOW - 5})
    text = summary(last_run(tmp_path), NOW)
    assert "20 job(s) failed" in text and text.count("  ingest v ") == 12 and "and 8 more" in text
