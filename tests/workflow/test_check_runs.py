"""The check before a run, verification after it, names of every kind, and two runs in one folder."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import tifffile
from workflow_run import ROOT, Run, tiny_config

HOSTILE = "a b'c\"d$(touch pwned);`touch pwned`&|*?[0] ü {,} %s"
TARGETS = [f"results/tiny/{name}" for name in ("image.zarr/0/c/0/0/0", "work/labels/cells.h5")]


def test_check_prints_the_table_and_every_problem_and_starts_nothing(tmp_path, tissue):
    shutil.copytree(tissue, tmp_path / "data")
    run = Run(tmp_path / "run", tiny_config(tmp_path / "data"))
    text = run.snakemake("check")
    for words in ("Volume tiny", "18, in 3 slabs of 7", "split: context", "disk", "no problem found"):
        assert words in text
    assert not run.results.exists()
    (tmp_path / "data/image/z0003.tif").write_bytes(b"")
    tifffile.imwrite(tmp_path / "data/labels/cells/z0008.tif", np.ones((50, 96), np.uint16))
    for arguments in (["check"], ["check", "--no-hooks"], []):
        done = started(run, *arguments)
        text = done.communicate()[0]
        assert done.returncode == 1
        assert (
            "z0003.tif: is empty" in text and "z0008.tif: slice is 50 x 96" in text and "2 problems" in text
        )
    assert not run.results.exists() and not (run.folder / "logs/ingest").exists()
    assert "Volume tiny" in text and "Traceback" not in text


def started(run, *arguments):
    """A Snakemake that runs beside the test; the arguments of ``Run.snakemake`` but for threads."""
    command = [sys.executable, "-m", "snakemake", *arguments, "--snakefile", str(run.code / "Snakefile")]
    command += ["--configfile", str(run.folder / "config.yaml")]
    command += ["--directory", str(run.folder), "--cores", "2"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, start_new_session=True, **pipes)


def test_names_with_spaces_quotes_and_commands_go_through_and_are_never_run(tmp_path, tissue):
    data = tmp_path / HOSTILE
    shutil.copytree(tissue, data)
    for folder in ("image", "labels/cells"):
        for file in list((data / folder).iterdir()):
            file.rename(file.with_name(f"{HOSTILE} {file.name}"))
    run = Run(tmp_path / "run", tiny_config(data))
    run.snakemake(*TARGETS)
    assert all((run.folder / target).exists() for target in TARGETS)
    assert not [name for _, _, names in os.walk(tmp_path) for name in names if name == "pwned"]
    (data / "image").rename(data / "image {slab}")
    run.write_config(tiny_config(data) | {})
    config = tiny_config(data)
    config["volumes"]["tiny"]["image"] = str(data / "image {slab}")
    run.write_config(config)
    text = run.snakemake("--dry-run", check=False)
    assert "stands for a wildcard of Snakemake" in text and "Traceback" not in text


def test_a_second_run_in_the_same_folder_refuses(tmp_path, tissue):
    run = Run(tmp_path / "run", tiny_config(tissue))
    first = started(run, "results/models/context.keras")
    try:
        locks = run.folder / ".snakemake/locks"
        until = time.monotonic() + 60
        while not (locks.exists() and list(locks.iterdir())) and time.monotonic() < until:
            time.sleep(0.1)
        second = started(run, "results/models/context.keras", "--rerun-incomplete")
        text = second.communicate(timeout=60)[0]
        assert second.returncode == 1 and "Directory cannot be locked" in text
        assert first.poll() is None
    finally:
        # Not SIGTERM, after which Snakemake waits for a job that it had only just started and that missed the signal.
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate(timeout=60)
    for profile in (ROOT / "profiles").glob("*/config.yaml"):
        assert "nolock" not in profile.read_text()


def test_hostile_names_in_a_configuration_are_refused(tmp_path, tissue):
    config = tiny_config(tissue)
    for section in ("volumes", "structures", "networks"):
        name = "../../outside"
        bad = config | {section: {name: next(iter(config[section].values()))}}
        run = Run(tmp_path / section, bad)
        text = run.snakemake("--dry-run", check=False)
        assert "../../outside" in text and "does not match" in text and "Traceback" not in text
    assert not (tmp_path.parent / "outside").exists()
