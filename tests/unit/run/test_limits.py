"""Limits on a run are told with their cure: processor time, and folders that cannot be written to."""

import os
import resource
import signal
import subprocess
import sys

import pytest
from ultraseg.run.limits import processor_time_told, unwritable

JOB = """
import resource, sys
from types import SimpleNamespace
from ultraseg.run.job import job

class Wildcards(dict):
    pass

told = SimpleNamespace(
    rule="predict", log=["job.log"], wildcards=Wildcards(volume="a"), input=["in.tif"], output=["out.bin"], threads=1,
    params=SimpleNamespace(job={}),
)
with job(told, dict):
    %s
"""


def run_job(folder, body, **limits):
    def limit():
        for name, value in limits.items():
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), value)

    return subprocess.run(
        [sys.executable, "-c", JOB % body], cwd=folder, capture_output=True, text=True, preexec_fn=limit,
        env={"PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip


@pytest.mark.parametrize("limit", [(2, 20), (11, 11)])
def test_the_limit_on_processor_time_is_told(tmp_path, limit):
    """Also where the soft limit is the hard one, at which the kernel kills without a word."""
    done = run_job(tmp_path, "while True: pass", CPU=limit)
    assert done.returncode == 1, done
    assert (
        f"predict: the limit on processor time is reached ({limit[0]} seconds for a process)" in done.stderr
    )
    assert "ulimit -t" in done.stderr and "Traceback" not in done.stderr
    assert "ulimit -t" in (tmp_path / "job.log").read_text()


def test_the_limit_on_memory_is_told(tmp_path):
    done = run_job(tmp_path, "held = b'x' * 10**12", AS=(4 * 2**30, 4 * 2**30))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "predict: out of memory (" in done.stderr and "a process may have 4.29 GB" in done.stderr
    assert "ulimit -v" in done.stderr


def test_the_limit_on_the_size_of_files_is_told(tmp_path):
    done = run_job(tmp_path, "open('out.bin', 'wb').write(bytes(10**7))", FSIZE=(10**5, 10**5))
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert (
        "out.bin: the file would pass the limit on the size of files" in done.stderr
        and "ulimit -f" in done.stderr
    )


def test_the_limit_on_open_files_is_told(tmp_path):
    done = run_job(tmp_path, "held = [open('out.bin', 'wb') for _ in range(1000)]", NOFILE=(64, 64))
    assert done.returncode == 1 and "too many files are open" in done.stderr and "ulimit -n" in done.stderr


def test_what_was_set_before_holds_again():
    before = signal.getsignal(signal.SIGXCPU), resource.getrlimit(resource.RLIMIT_CPU)
    with processor_time_told():
        pass
    assert (signal.getsignal(signal.SIGXCPU), resource.getrlimit(resource.RLIMIT_CPU)) == before


def test_folders_that_are_none_or_cannot_be_written_to_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert unwritable(["ingest"]) == []
    (tmp_path / "results").mkdir()
    (tmp_path / "logs/ingest").mkdir(parents=True)
    assert unwritable(["ingest"]) == []
    (tmp_path / "logs/runs").write_text("a file")
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("ingest"))
    first, second = unwritable(["ingest", "link"])
    assert first.problem == f"{tmp_path}/logs/ingest: cannot be written to" and "--directory" in first.cure
    assert second.problem.startswith(f"{tmp_path}/logs/runs: is no folder")
