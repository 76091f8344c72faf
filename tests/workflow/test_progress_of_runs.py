"""Progress of real, tiny runs of Snakemake: while they go on, when a job fails, and after a kill."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ultraseg.run.status import last_run

WORKFLOW = Path(__file__).parents[2] / "workflow"
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(WORKFLOW)!r})
from ultraseg.run.progress_record import record_progress
record_progress(workflow, {{}})
include: "slabs.smk"
rule all:
    input: "joined"
"""
# Slab 2 waits as long as the file "wait" is there, and fails while there is a file "bad".
RULES = """
rule slab:
    output: "slab/{i}"
    log: "logs/slab/{i}.log"
    shell:
        "echo 'INFO slab: {wildcards.i}' > {log};"
        "if [ {wildcards.i} = 2 ]; then while [ -e wait ]; do sleep 0.1; done;"
        "  if [ -e bad ]; then echo '2026 ERROR slab: z2.tif is cut off' >> {log}; exit 1; fi; fi;"
        "touch {output}; echo 'INFO took 0.1 s' >> {log}"

rule join:
    input: expand("slab/{i}", i=range(4))
    output: "joined"
    log: "logs/join.log"
    shell: "echo 'INFO took 0.1 s' > {log}; touch {output}"
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "slabs.smk").write_text(RULES)
    return tmp_path


def start(folder, *arguments) -> subprocess.Popen:
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *arguments]
    env = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
    return subprocess.Popen(
        command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=env,
        start_new_session=True,
    )  # fmt: skip


def status(folder) -> str:
    command = [sys.executable, "-m", "ultraseg.cli.main", "status", "--directory", str(folder)]
    env = os.environ | {"PYTHONPATH": str(WORKFLOW)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=env)
    return done.stdout + done.stderr


def wait_until(ready, seconds=60):
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "did not come about"
        time.sleep(0.1)


def test_a_run_is_followed_from_another_shell_killed_and_gone_on_with(folder):
    (folder / "wait").touch()
    run = start(folder)
    try:
        wait_until(lambda: list((folder / "logs/runs").glob("*")) and last_run(folder).state.done == 3)
        text = status(folder)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()
    assert text.startswith("Running since") and "3 of 5 jobs done (60 %)" in text
    assert "3/5  1 running" in text and "slab 2: " in text and "(logs/slab/2.log)" in text
    text = status(folder)
    assert text.startswith("Killed") and "Cut off:\n  slab 2" in text and "--unlock" in text
    locked = start(folder, "--quiet", "all")
    assert "cannot be locked" in locked.communicate()[0] and locked.returncode
    assert start(folder, "--unlock").wait() == 0
    (folder / "wait").unlink()
    again = start(folder, "--rerun-incomplete", "--quiet", "progress")
    assert again.wait() == 0, again.stdout.read()
    text = status(folder)
    assert text.startswith("Finished.") and "2 of 2 jobs done (100 %)" in text
    assert len(list((folder / "logs/runs").glob("*.jsonl"))) == 2


def test_a_failed_run_names_jobs_logs_and_errors_even_when_all_is_quiet(folder):
    (folder / "bad").touch()
    run = start(folder, "--quiet", "all", "--keep-going")
    said = run.communicate()[0]
    assert run.returncode == 1
    assert "failed: slab 2, see logs/slab/2.log" in said and "3 of 5 jobs (60 %); 1 failed" in said
    assert "Finished jobid" not in said
    text = status(folder)
    assert text.startswith("Stopped after") and "1 job(s) failed" in text
    assert "slab 2: logs/slab/2.log\n    slab: z2.tif is cut off" in text


def test_a_dry_run_leaves_no_trace(folder):
    assert start(folder, "--dry-run").wait() == 0
    assert not (folder / "logs").exists()
    assert "no run was started" in status(folder)
