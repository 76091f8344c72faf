"""Whole runs of the workflow on a tiny tissue, from a copy of the code so that tests may edit it."""

import shutil
from pathlib import Path

import pytest
from once import once
from ultraseg.phantom.volume import write_phantom
from workflow_run import Run, copy_code, tiny_config


@pytest.fixture(scope="session")
def tissue(tmp_path_factory) -> Path:
    """TIFF slices, labels on every 4th slice and truth of a tiny tissue."""
    how = {"seed": 3, "label_slices": [0, 4, 8, 12, 17], "scale": 0.35}
    return once(tmp_path_factory, "tissue", lambda folder: write_phantom(str(folder), (18, 96, 96), **how))


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory, tissue) -> Path:
    """A folder with data, code and a finished run, which no test changes."""
    return once(tmp_path_factory, "whole", lambda folder: _make_whole_run(folder, tissue))


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
