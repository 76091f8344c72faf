"""Whole runs of the workflow on a tiny tissue, from a copy of the code so that tests may edit it."""

import fcntl
import os
import shutil
from pathlib import Path

import pytest
from ultraseg.phantom.volume import write_phantom
from workflow_run import Run, copy_code, tiny_config


@pytest.fixture(scope="session")
def tissue(tmp_path_factory) -> Path:
    """TIFF slices, labels on every 4th slice and truth of a tiny tissue."""
    folder = tmp_path_factory.mktemp("tissue")
    write_phantom(str(folder), (18, 96, 96), seed=3, label_slices=[0, 4, 8, 12, 17], scale=0.35)
    return folder


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory, tissue) -> Path:
    """A folder with data, code and a finished run, which no test changes: one for all processes of a test session."""
    shared = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        shared = shared.parent
    folder = shared / "whole"
    with open(shared / "whole.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "finished").exists():
            shutil.rmtree(folder, ignore_errors=True)
            _make_whole_run(folder, tissue)
            (folder / "finished").touch()
    return folder


def _make_whole_run(folder: Path, tissue: Path) -> None:
    shutil.copytree(tissue, folder / "data")
    copy_code(folder / "code")
    # Nothing in it is named by an absolute path, so that copies are finished as well.
    Run(folder / "run", tiny_config(Path("../data")), folder / "code").snakemake()


@pytest.fixture(scope="session")
def finished_run(tmp_path_factory, whole_run) -> Run:
    """A finished run over its own copies of data and code."""
    folder = tmp_path_factory.mktemp("finished") / "copy"
    shutil.copytree(whole_run, folder, symlinks=True)
    run = Run(folder / "run", tiny_config(Path("../data")), folder / "code")
    run.data = folder / "data"
    return run
