"""Events of Snakemake become lines of a file, and now and then a line on the screen."""

import logging
import time
from types import SimpleNamespace

import pytest
from ultraseg.run import progress_record
from ultraseg.run.progress_record import ProgressHandler, record_progress
from ultraseg.run.progress_state import read_run

STAGES = {"ingest": "ingest", "train": "train"}


def record(event="", message="", level=logging.INFO, **about):
    made = logging.LogRecord("snakemake", level, "", 0, message, None, None)
    vars(made).update(about | ({"event": event} if event else {}))
    return made


@pytest.fixture
def handler(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    made = ProgressHandler(lambda: STAGES, {"net": 20})
    yield made
    made.close()


def start(handler, *jobs):
    handler.emit(record("run_info", stats={"ingest": 2, "all": 1, "total": 3}))
    handler.emit(record("job_started", jobs=list(jobs)))


def written(folder):
    (file,) = (folder / "logs/runs").glob("*.jsonl")
    return read_run(file)


def job_info(number, **about):
    told = {"rule_name": "ingest", "wildcards": {"volume": "v", "slab": number}, "log": ["logs/x.log"]}
    return record("job_info", jobid=number, **told | about)


def test_a_dry_run_leaves_no_file(handler, tmp_path):
    handler.emit(record("run_info", stats={"ingest": 2, "total": 2}))
    handler.emit(job_info(1))
    handler.emit(record("job_finished", job_id=1))
    handler.close()
    assert list(tmp_path.iterdir()) == []


def test_the_record_tells_what_became_of_each_job(handler, tmp_path, capsys):
    start(handler, 1, 2)
    handler.emit(job_info(1))
    handler.emit(job_info(2))
    handler.emit(record("job_finished", job_id=1))
    failed = record(
        "job_error", jobid=2, rule_name="ingest", log=["logs/x.log (check log file(s) for error)"]
    )
    handler.emit(failed)
    state = written(tmp_path)
    assert (state.stages, state.total, state.epochs) == ({"ingest": "ingest"}, {"ingest": 2}, {"net": 20})
    assert [one.name for one in state.of("done")] == ["ingest v 1"]
    assert [one.log for one in state.of("failed")] == [("logs/x.log",)]
    assert "failed: ingest v 2, see logs/x.log" in capsys.readouterr().err
    assert not state.ended
    handler.close()
    assert written(tmp_path).ended and "1 of 2 jobs" in capsys.readouterr().err


def test_trouble_with_the_record_never_stops_the_run(handler, monkeypatch, capsys):
    monkeypatch.setattr(logging, "raiseExceptions", False)
    start(handler, 1)
    handler.emit(record("job_info"))  # without anything that an event of a job has
    handler.emit(job_info(1))
    assert [one.name for one in handler._state.of("started")] == ["ingest v 1"]


def test_errors_are_told_where_snakemake_is_silent(tmp_path, capsys):
    for alone in (False, True):
        handler = ProgressHandler(lambda: STAGES, {}, alone, str(tmp_path / "logs/runs"))
        handler.emit(record("error", "MissingInputException", logging.ERROR))
        handler.emit(record("job_error", "told as a failed job", logging.ERROR))
        shown = capsys.readouterr().err
        assert ("MissingInputException" in shown) == alone and "told as" not in shown


def test_the_screen_tells_now_and_then_how_far_the_run_is(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress_record, "EVERY_S", 0.01)
    handler = ProgressHandler(lambda: STAGES, {}, folder=str(tmp_path / "logs/runs"))
    start(handler, 1)
    handler.emit(job_info(1))
    end, shown = time.monotonic() + 10, ""
    while "running: ingest 0/2" not in shown and time.monotonic() < end:
        time.sleep(0.02)
        shown += capsys.readouterr().err
    assert "0 of 2 jobs (0 %); running: ingest 0/2" in shown
    time.sleep(0.1)
    assert capsys.readouterr().err.count("jobs") <= 1  # the state has not changed since
    handler.close()


def test_single_jobs_are_not_recorded_and_runs_are(monkeypatch):
    from snakemake.logging import logger
    from snakemake.settings.enums import Quietness

    added = []
    monkeypatch.setattr(logger, "addHandler", added.append)
    rules = [
        SimpleNamespace(name="ingest", snakefile="rules/ingest.smk"),
        SimpleNamespace(name="all", snakefile="Snakefile"),
    ]
    quiet = SimpleNamespace(quiet={Quietness.ALL})
    workflow = SimpleNamespace(is_main_process=False, rules=rules, output_settings=quiet)
    record_progress(workflow, {})
    assert added == []
    workflow.is_main_process = True
    record_progress(workflow, {"net": 3})
    (handler,) = added
    assert handler._stages() == {"ingest": "ingest"} and handler._alone and handler._epochs == {"net": 3}


def test_without_a_folder_for_the_record_the_run_goes_on_and_says_so_once(handler, tmp_path, capsys):
    (tmp_path / "logs").write_text("a file")
    start(handler, 1, 2)
    handler.emit(job_info(1))
    handler.emit(record("job_error", jobid=1, rule_name="ingest", log=["logs/x.log"]))
    handler.close()
    shown = capsys.readouterr().err
    assert shown.count("no record of this run is kept") == 1 and "Traceback" not in shown
    assert "failed: ingest" in shown
