"""Runs on a real SLURM through profiles/slurm as it is shipped: the result of a local run, whatever happens to jobs."""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from datetime import datetime
from pathlib import Path

import pytest
import yaml
import zarr
from cluster import GPU_NODE, Cluster, missing
from ultraseg.phantom.volume import write_phantom
from workflow_run import TINY_NETWORK, Run, tiny_config

ROOT = Path(__file__).parents[2]
PROFILE = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())


# ---------------------------------------------------------------- fixtures
@pytest.fixture(scope="module")
def cluster():
    with open("/tmp/ultraseg-slurm.lock", "w") as lock:  # /etc/slurm can serve one at a time
        fcntl.flock(lock, fcntl.LOCK_EX)
        reason = missing()
        if reason:
            # Where SLURM is meant to be, its absence is a failure.
            (pytest.fail if os.environ.get("ULTRASEG_SLURM") == "required" else pytest.skip)(reason)
        with Cluster() as started:
            yield started


@pytest.fixture(scope="module")
def config(tmp_path_factory) -> dict:
    """Two slabs and one network: few jobs, as each costs some seconds under SLURM."""
    data = tmp_path_factory.mktemp("slurm-tissue")
    write_phantom(str(data), (18, 96, 96), seed=3, label_slices=[0, 8, 17], scale=0.35)
    network = TINY_NETWORK | {"validation": 0, "test": 0}
    return tiny_config(
        data,
        slab_depth=9,
        pyramid_levels=1,
        networks={"both": {"structures": ["cells", "mitochondria"], "downsample": 2, **network}},
    )


@pytest.fixture(scope="module")
def local(tmp_path_factory, config):
    """A finished run on this computer, undisturbed."""
    run = Run(tmp_path_factory.mktemp("slurm-local") / "run", config)
    run.snakemake()
    return run


# Snakemake as it is, but for its patience: it looks at jobs each second, not after 10, 20 ... 180 seconds in vain.
IMPATIENT = """
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
main()
"""


class SlurmRun(Run):
    """A run through the shipped profile; on the command line is what a user of a small cluster would set."""

    def command(self, *arguments: str) -> list[str]:
        threads = PROFILE["set-threads"] | {"train": 1}  # training on one thread is repeatable
        command = [sys.executable, "-c", IMPATIENT, "--profile", "profiles/slurm", "--jobs", "4"]
        command += ["--slurm-init-seconds-before-status-checks", "1"]
        command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(self.folder / "config.yaml")]
        command += ["--directory", str(self.folder), *arguments]
        return [*command, "--set-threads", *(f"{rule}={n}" for rule, n in threads.items())]

    def start(self, *arguments: str, environment: dict | None = None) -> subprocess.Popen:
        return subprocess.Popen(
            self.command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"} | (environment or {}),
        )  # fmt: skip

    def snakemake(self, *arguments: str, check: bool = True, environment: dict | None = None) -> str:
        process = self.start(*arguments, environment=environment)
        text, _ = process.communicate(timeout=1500)
        assert not check or process.returncode == 0, text[-6000:]
        assert check or process.returncode != 0, f"this should fail:\n{text[-3000:]}"
        return text

    def requests(self, *arguments: str) -> dict[tuple[str, str], dict[str, str]]:
        """What a dry run says of each job, by rule and output: threads and resources; jobs that stay here left out."""
        found = {}
        for block in re.split(r"\n(?=rule )", self.snakemake("--dry-run", "--cores", "64", *arguments)):
            head = re.match(r"rule (\w+):", block)
            if head is None or not re.search(r"^    output: ", block, re.M):
                continue  # the list of all targets runs nowhere
            words = re.search(r"^    resources: (.*)$", block, re.M)
            resources = dict(word.split("=", 1) for word in words[1].split(", ")) if words else {}
            wildcards = re.search(r"^    wildcards: (.*)$", block, re.M)
            threads = re.search(r"^    threads: (\d+)$", block, re.M)
            key = (head[1], _values(wildcards[1]) if wildcards else "")
            found[key] = resources | {"threads": threads[1] if threads else "1"}
        return found


def _values(wildcards: str) -> str:
    """'volume=tiny, slab=0' as the comment of a SLURM job writes it."""
    return "_".join(part.split("=", 1)[1] for part in wildcards.split(", "))


def digest(run) -> dict[str, str]:
    """Hash of every label array."""
    labels = run.results / "tiny/image.zarr/labels"
    arrays = {name: zarr.open_array(labels / name / "0", mode="r")[:] for name in ("cells", "mitochondria")}
    assert all(array.any() for array in arrays.values())
    return {name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in arrays.items()}


def minutes(limit: str) -> int:
    """SLURM's [days-]hours:minutes:seconds in minutes."""
    days, _, clock = limit.rpartition("-")
    hours, mins, _ = (int(part) for part in clock.split(":"))
    return (int(days or 0) * 24 + hours) * 60 + mins


def _megabytes(job: dict) -> int:
    """Memory that a job asked for; SLURM counts in units of 1024."""
    number, unit = float(job["MinMemoryNode"][:-1]), job["MinMemoryNode"][-1]
    return round(number * {"M": 1, "G": 1024}[unit])


def seconds(job: dict) -> float:
    start, end = (datetime.fromisoformat(job[key]) for key in ("StartTime", "EndTime"))
    return (end - start).total_seconds()


# ---------------------------------------------------------------- one run, and all that may happen to it
class Saboteur(threading.Thread):
    """Does something to the first running job of each rule that ``acts`` names, once each."""

    def __init__(self, cluster: Cluster, first: int, acts: dict):
        super().__init__(daemon=True)
        self.cluster, self.first, self.acts, self.done = cluster, first, dict(acts), {}
        self.stopped = threading.Event()

    def run(self) -> None:
        while self.acts and not self.stopped.wait(0.3):
            for job in self.cluster.jobs()[self.first :]:
                act = self.acts.get(job["rule"])
                if act is None or job["JobState"] != "RUNNING":
                    continue
                del self.acts[job["rule"]]
                self.done[job["rule"]] = job["JobId"]
                act(job)


# flow gets too little memory at first. The rules' own requests grow with the tries in the same way.
GREEDY = ("--set-resources", "flow:mem_mb=180 if attempt == 1 else 2000")


@pytest.fixture(scope="module")
def disturbed(cluster, config, tmp_path_factory):
    """A whole run through the profile: Snakemake is killed in it, and after the rerun one job each is cancelled, runs
    out of time, of memory and of its node. Keeps what a dry run had said, and the jobs before and after the rerun."""
    run = SlurmRun(tmp_path_factory.mktemp("slurm-run") / "run", config)
    run.expected = run.requests(*GREEDY)
    start = len(cluster.jobs())

    # SIGKILL of Snakemake while its jobs run: they stay in the queue, and the folder stays locked.
    process = run.start(*GREEDY)
    _wait_for(
        lambda: any(j["rule"] == "ingest" and j["JobState"] == "RUNNING" for j in cluster.jobs()), process
    )
    process.send_signal(signal.SIGKILL)
    text, _ = process.communicate(timeout=60)
    run.noticed = len(re.findall(r"Finished jobid: \d+", text))
    run.left = [job for job in cluster.jobs()[start:] if job["JobState"] in ("RUNNING", "PENDING")]
    # As documented: cancel the old jobs, which may still write; unlock; run again.
    cluster.command("scancel", "--me")
    _wait_for(lambda: not cluster.command("squeue", "--me", "--noheader"))
    run.snakemake("--unlock")
    rerun = len(cluster.jobs())

    run.saboteur = Saboteur(
        cluster,
        rerun,
        {
            "predict": lambda job: cluster.command("scancel", job["JobId"]),
            "propagate": lambda j: cluster.command(
                "scontrol", "update", f"JobId={j['JobId']}", "EndTime=now"
            ),
            "cells": lambda job: cluster.lose_node(job["NodeList"]),
        },
    )
    run.saboteur.start()
    try:
        run.snakemake(*GREEDY)
    finally:
        run.saboteur.stopped.set()
        run.saboteur.join()
    run.before, run.after = cluster.jobs()[start:rerun], cluster.jobs()[rerun:]
    for node, state in cluster.sinfo().items():
        if state.startswith("down"):
            cluster.revive_node(node)
    return run


def _wait_for(done, process: subprocess.Popen | None = None) -> None:
    deadline = time.monotonic() + 120
    while not done():
        assert time.monotonic() < deadline, "waited 120 s in vain"
        assert process is None or process.poll() is None, process.stdout.read()[-3000:]
        time.sleep(0.2)


def test_every_rule_ran_as_a_slurm_job_with_its_memory_time_and_processors(disturbed):
    first = {}
    for job in disturbed.before + disturbed.after:
        first.setdefault((job["rule"], job["wildcards"]), job)
    assert disturbed.expected and set(first) == set(disturbed.expected)
    for key, asked in disturbed.expected.items():
        job = first[key]
        assert _megabytes(job) == int(asked["mem_mb"]), key
        if job["JobId"] != disturbed.saboteur.done["propagate"]:  # whose limit was moved
            assert minutes(job["TimeLimit"]) == int(asked["runtime"]), key
        assert int(job["CPUs/Task"]) == int(asked["threads"]) == int(job["NumCPUs"]), key
        assert "TresPerJob" not in job, f"{key} asked for {job['TresPerJob']} with device: cpu"
        assert int(asked["mem_mb"]) >= 500 or key[0] == "flow", f"{key}: two Pythons do not start in that"
    # Of the rules themselves, and of the profile: not its defaults.
    of = {rule: asked for (rule, _), asked in disturbed.expected.items()}
    assert of["predict"]["threads"] == str(PROFILE["set-threads"]["predict"])
    assert int(of["train"]["mem_mb"]) > int(of["image_layout"]["mem_mb"])


def test_results_equal_those_of_an_undisturbed_local_run(disturbed, local):
    assert digest(disturbed) == digest(local)
    assert (disturbed.results / "report.zip").stat().st_size > 10_000


def test_what_happened_to_the_jobs_did_happen(disturbed):
    """Without this the tests beside it might pass because nothing was disturbed."""
    assert disturbed.left, "no job was left when Snakemake was killed"
    states = {job["JobId"]: job["JobState"] for job in disturbed.after}
    found = {rule: states[number] for rule, number in disturbed.saboteur.done.items()}
    # SLURM calls a job that ends by the signal of its time limit before it is killed a failed one.
    assert found.pop("propagate") in ("TIMEOUT", "FAILED")
    assert found == {"predict": "CANCELLED", "cells": "NODE_FAIL"}
    flow = [(job["JobState"], _megabytes(job)) for job in disturbed.after if job["rule"] == "flow"]
    assert {mb for state, mb in flow if state in ("FAILED", "OUT_OF_MEMORY")} == {180}
    assert {mb for state, mb in flow if state == "COMPLETED"} == {2000}


def test_nothing_finished_ran_twice(disturbed):
    done = [(job["rule"], job["wildcards"]) for job in disturbed.after if job["JobState"] == "COMPLETED"]
    assert len(done) == len(set(done))
    # What had finished before Snakemake was killed was not made again, what had not was. Snakemake had seen what it
    # printed, or a few more: it prints a little later.
    spared = set(disturbed.expected) - set(done)
    before = {(job["rule"], job["wildcards"]) for job in disturbed.before if _finished(disturbed, job)}
    assert spared <= before and len(spared) >= disturbed.noticed >= 1
    assert "image_layout" not in {rule for rule, _ in done}


def _finished(run: SlurmRun, job: dict) -> bool:
    """Whether a job's work was done, be it that the job was cancelled in the moment between that and its end."""
    if job["JobState"] == "COMPLETED":
        return True
    logs = (run.folder / ".snakemake/slurm_logs").rglob(f"{job['JobId']}.log")
    return any("Finished jobid: 0" in log.read_text() for log in logs)


def test_every_retry_asks_for_more_memory_and_time(disturbed):
    for rule, number in disturbed.saboteur.done.items():
        failed = next(job for job in disturbed.after if job["JobId"] == number)
        same = [
            job for job in disturbed.after if (job["rule"], job["wildcards"]) == (rule, failed["wildcards"])
        ]
        retry = same[same.index(failed) + 1]
        assert _megabytes(retry) > _megabytes(failed)
        assert minutes(retry["TimeLimit"]) > int(disturbed.expected[rule, failed["wildcards"]]["runtime"])


def test_logs_of_slurm_are_kept(disturbed):
    logs = {log.stem for log in (disturbed.folder / ".snakemake/slurm_logs").rglob("*.log")}
    assert {job["JobId"] for job in disturbed.after if job["JobState"] == "COMPLETED"} <= logs


# ---------------------------------------------------------------- GPU
@pytest.fixture
def nvidia_smi(tmp_path) -> dict:
    """An environment in which nvidia-smi lists a good GPU; SLURM's own is a device file without one behind it."""
    file = tmp_path / "nvidia-smi"
    file.write_text("#!/bin/sh\necho 'NVIDIA A100-SXM4-40GB, 40960, 550.54.15, 8.0'\n")
    file.chmod(0o755)
    return {"PATH": f"{tmp_path}:{os.environ['PATH']}"}


def test_only_train_and_predict_ask_for_the_gpu_and_fail_at_once_with_the_cure(
    cluster, local, config, tmp_path, nvidia_smi
):
    """No GPU is at hand: what is asked for is checked with SLURM, and that jobs end soon where the GPU is of no use."""
    shutil.copytree(local.folder, tmp_path / "run", symlinks=True)
    run = SlurmRun(tmp_path / "run", config | {"device": "gpu"})
    asked = {
        rule: request["gpu"] for (rule, _), request in run.requests("--forceall").items() if "gpu" in request
    }
    assert asked == {"train": "1", "predict": "1"}
    before = len(cluster.jobs())
    # predict first: it takes the network that the local run made, which a failing train removes.
    maps = "results/tiny/work/probability/both/c/0/0/0/0"
    for rule, target in {"predict": maps, "train": "results/models/both.json"}.items():
        arguments = (target, "--force", "--allowed-rules", rule, "--retries", "0")
        run.snakemake(*arguments, check=False, environment=nvidia_smi)
    predict, train = cluster.jobs()[before:]
    for rule, job in (("train", train), ("predict", predict)):
        assert job["rule"] == rule and job["JobState"] == "FAILED"
        assert job["TresPerJob"] == "gres:gpu:1" and job["NodeList"] == GPU_NODE
        assert seconds(job) < 30
        logs = "".join(file.read_text() for file in (run.folder / f"logs/{rule}").rglob("*.log"))
        assert f"{rule}: the configuration says 'device: gpu', but tensorflow-cpu" in logs
        assert "make env ENV=gpu" in logs
