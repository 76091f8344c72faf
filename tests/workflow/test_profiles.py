"""The shipped profiles: what their comments tell a user to edit works when it is edited."""

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
SLURM = ROOT / "profiles/slurm/config.yaml"


def edited() -> str:
    """The SLURM profile with the # removed from all lines that are settings."""
    text = SLURM.read_text().replace("# set-resources:", "set-resources:")
    text = re.sub(r"^  # (slurm_\w+:)", r"  \1", text, flags=re.M)
    text = re.sub(r"^#   (\w+:)$", r"  \1", text, flags=re.M)
    return re.sub(r"^#     (\w+:)", r"    \1", text, flags=re.M)


def dry_run(profile: Path, folder: Path, *config: str) -> dict[str, dict[str, str]]:
    """Threads and resources of one job of each rule."""
    command = [sys.executable, "-m", "snakemake", "-n", "--profile", str(profile), "--directory", str(folder)]
    command += ["--cores", "64"]  # else a dry run shows one thread at most
    command += ["--snakefile", str(ROOT / "Snakefile"), "--configfile", str(ROOT / "config/demo.yaml")]
    done = subprocess.run([*command, "--config", *config], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    found = {}
    for block in re.split(r"\n(?=rule )", done.stdout + done.stderr):
        head, words = re.match(r"rule (\w+):", block), re.search(r"^    resources: (.*)$", block, re.M)
        if head and words:
            threads = re.search(r"^    threads: (\d+)$", block, re.M)
            found[head[1]] = dict(word.split("=", 1) for word in words[1].split(", "))
            found[head[1]]["threads"] = threads[1] if threads else "1"
    return found


def test_the_lines_to_edit_work_when_they_are_edited(tmp_path):
    before, after = yaml.safe_load(SLURM.read_text()), yaml.safe_load(edited())
    assert set(after) - set(before) == {"set-resources"}
    (tmp_path / "profile").mkdir()
    (tmp_path / "profile/config.yaml").write_text(edited())
    jobs = dry_run(tmp_path / "profile", tmp_path, "device=gpu", "gpus=2")
    on_gpus = {"train": "2", "predict": "1", "cuts": "1"}
    assert {rule: job["gpu"] for rule, job in jobs.items() if "gpu" in job} == on_gpus
    assert {rule for rule, job in jobs.items() if "gpu_model" in job} == {*on_gpus}
    assert jobs["train"]["nodes"] == "1" and jobs["train"]["runtime"] == "480"
    for rule, job in jobs.items():
        gpu = rule in on_gpus
        assert job["slurm_partition"] == ("my_gpu_partition" if gpu else "my_cpu_partition")
        assert job["slurm_account"] == "my_account" and job["slurm_extra"] == "--qos=normal"
        assert int(job["mem_mb"]) >= 500
    assert [jobs[rule]["threads"] for rule in ("train", "predict", "cuts")] == ["8", "4", "4"]


def test_without_a_gpu_in_the_configuration_no_job_asks_for_one(tmp_path):
    jobs = dry_run(ROOT / "profiles/slurm", tmp_path, "device=cpu")
    assert len(jobs) > 10 and not [rule for rule, job in jobs.items() if job.get("gpu", "0") != "0"]


def test_every_setting_of_a_profile_has_a_comment():
    for file in (SLURM, ROOT / "profiles/local/config.yaml"):
        for line in file.read_text().splitlines():
            setting = re.match(r"\s*[\w-]+:\s*\S", line) and not line.startswith("#")
            assert not setting or " # " in line, f"{file}: {line}"


def test_no_profile_is_named_default():
    """It would win over --profile."""
    assert not os.path.exists(ROOT / "profiles/default")


def test_the_workflow_has_nothing_that_snakemake_lints():
    command = [sys.executable, "-m", "snakemake", "--lint", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--configfile", str(ROOT / "config/demo.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
