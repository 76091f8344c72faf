"""Every command of README.md and docs/ does what it should: in a copy of the repository with a finished tiny run."""

import functools
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import urllib.request
from functools import cache
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
import yaml
import zarr
from documented import (
    AS_WRITTEN,
    DRY,
    INSTEAD,
    NOT_RUN,
    ROOT,
    SERVE,
    commands,
    documented,
    in_text,
    shell_line,
)
from errors_page import SNAKEMAKE
from rule_graph import BEGIN, END, block
from snakemake_server import served

CLASSES = (AS_WRITTEN, SERVE, DRY, INSTEAD, NOT_RUN)
RUNNABLE = sorted({*AS_WRITTEN, *DRY, *INSTEAD})


def test_every_command_is_classified_once_and_none_that_is_gone():
    found = documented()
    known = [command for group in CLASSES for command in group]
    assert not set(found) - set(known), "say in tests/workflow/documented.py how to run these"
    assert not set(known) - set(found), "no page has these any more"
    assert len(known) == len(set(known))


def test_blocks_that_are_not_run_are_not_called_shell():
    for page in {ROOT / "README.md", *(ROOT / "docs").glob("*.md")}:
        assert not re.findall(r"```(?:bash|console|shell|zsh)\n", page.read_text()), page


def test_commands_are_found_in_blocks_and_in_the_text():
    assert commands("make a  # why\n# all of this\n\nsnakemake \\\n  -n\n") == ["make a", "snakemake -n"]
    text = "Type `make demo`, or `snakemake --rulegraph \\| dot`; `snakemake` and `other words` are names.\n"
    assert in_text(text + "```sh\nignored `make test`\n```\n") == ["make demo", "snakemake --rulegraph | dot"]


@pytest.mark.parametrize("command", sorted(NOT_RUN))
def test_what_cannot_be_run_can_be_parsed(command):
    assert NOT_RUN[command]
    if "<" not in command:  # a placeholder for the reader
        assert subprocess.run(["bash", "-n", "-c", command]).returncode == 0


# ---------------------------------------------------------------- the copy of the repository
def write_volume(folder: Path, n_slices: int, every: int, kinds: dict[str, str], last: bool = True) -> None:
    """A stand-in for a volume: 64 x 64 pixels, ``kinds``: names of label folders and 'cells' or 'mask'."""
    random = np.random.default_rng(0)
    (folder / "image").mkdir(parents=True)
    for z in range(n_slices):
        tifffile.imwrite(folder / f"image/z{z:04d}.tif", random.integers(0, 255, (64, 64), np.uint8))
    cells = np.kron([[1, 2], [3, 0]], np.ones((32, 32))).astype(np.uint16)
    dense = {"cells": cells, "mask": (cells == 2).astype(np.uint8) * 255}
    for name, kind in kinds.items():
        for z in sorted({*range(0, n_slices, every), *([n_slices - 1] if last else [])}):
            (folder / name).mkdir(exist_ok=True)
            tifffile.imwrite(folder / f"{name}/z{z:04d}.tif", dense[kind])
        (folder / "truth").mkdir(exist_ok=True)
        tifffile.imwrite(
            folder / f"truth/{name}.tif", np.stack([dense[kind]] * n_slices), photometric="minisblack"
        )


def example(page: str, name: str) -> str:
    """The configuration on a page that has this volume."""
    texts = re.findall(r"```yaml\n(volumes:.*?)```", (ROOT / page).read_text(), re.S)
    return next(text for text in texts if name in yaml.safe_load(text)["volumes"])


def write_examples(folder: Path) -> None:
    """The configurations of README.md and of the tutorial as they stand there, and data to go with them."""
    (folder / "my.yaml").write_text(example("README.md", "biopsy1"))
    data = folder / "data/biopsy1"
    write_volume(data, 101, 50, {"cells": "cells"})
    mask = (tifffile.imread(data / "cells/z0000.tif") == 3).astype(np.uint8)
    tifffile.imwrite(data / "nuclei.tif", np.stack([mask] * 3), photometric="minisblack")
    (data / "mito").mkdir()
    for number in (1, 51, 101):
        tifffile.imwrite(data / f"mito/z{number:04d}.tif", mask)
    (folder / "hela.yaml").write_text(example("docs/tutorial.md", "hela"))
    (folder / "data/hela/mitochondria").mkdir(parents=True)
    for z in (0, 30, 60, 90, 127):
        tifffile.imwrite(folder / f"data/hela/mitochondria/z{z:04d}.tif", np.tile(mask[::2, :50], 16))
    write_volume(folder / "data/vnc", 14, 3, {"mitochondria": "mask", "membrane": "mask"}, last=False)
    (folder / "data/data").symlink_to(folder / "data")


def write_archives(folder: Path) -> None:
    """Stand-ins for what the archives of the tutorial hold, in their formats: FIB-25 in HDF5, a level of a Zarr."""
    random = np.random.default_rng(1)
    cells = np.kron([[1, 2], [3, 0]], np.ones((32, 32))).astype(np.uint64)
    (folder / "public").mkdir()
    with h5py.File(folder / "public/raw.h5", "w") as raw, h5py.File(folder / "public/ids.h5", "w") as ids:
        raw["raw"] = random.integers(0, 255, (125, 64, 64), np.uint8)
        ids["stack"] = np.stack([cells] * 125)
    how = {"shape": (728, 32, 1800), "chunks": (64, 32, 600), "dtype": "u1", "zarr_format": 2}
    level = zarr.create_array(folder / "public/em.zarr/s2", **how)
    level[600:, :, 1000:1800] = random.integers(0, 255, (128, 32, 800), np.uint8)


def write_programs(folder: Path, address: Path) -> None:
    """What the documented commands call: an environment whose Snakemake is served from a process that has it loaded."""
    folder.mkdir(parents=True)
    real = Path(sys.executable)
    server = ROOT / "tests/helpers/snakemake_server.py"
    programs = {
        "python": f'#!/bin/sh\nexec {shlex.quote(str(real))} "$@"\n',
        "ultraseg": f"#!{real}\nfrom ultraseg.cli.main import main\nmain()\n",
        "snakemake": f"#!{real} -SE\nimport sys\nsys.path.insert(0, {str(server.parent)!r})\n"
        f"from snakemake_server import ask\nsys.exit(ask({str(address)!r}))\n",
        "activate": f'VIRTUAL_ENV="$PWD/.venv"\nPATH="{folder}:$PATH"\nexport VIRTUAL_ENV PATH\n',
    }
    for name, text in programs.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    (folder.parent / "installed-cpu").touch()  # newer than the lock file: make installs nothing


class Copy:
    """A copy of the repository with a finished run in runs/demo, and a Snakemake that is loaded."""

    def __init__(self, folder: Path, whole_run: Path, address: Path):
        shutil.copytree(whole_run, folder, symlinks=True)
        self.folder = folder / "code"
        for name in ("Makefile", "pyproject.toml", "profiles", "benchmarks"):
            source = ROOT / name
            shutil.copytree(source, self.folder / name) if source.is_dir() else shutil.copy(
                source, self.folder
            )
        # The demo is the tiny run here, and plain `snakemake` would run it as well.
        for name in ("demo", "config"):
            shutil.copy(folder / "run/config.yaml", self.folder / f"config/{name}.yaml")
        (self.folder / "runs").mkdir()
        (self.folder / "runs/demo").symlink_to(folder / "run")
        (self.folder / "ultraseg").symlink_to(self.folder)
        (folder / "run/results/demo").mkdir()
        shutil.copy(folder / "run/results/tiny/summary.txt", folder / "run/results/demo")
        write_examples(self.folder)
        write_archives(self.folder)
        write_programs(self.folder / ".venv/bin", address)
        self.run = cache(self._run)
        for command in AS_WRITTEN:  # the tutorial cuts its data out of archives before it uses them
            if command.startswith("ultraseg cut "):
                self.run(command)

    def environment(self) -> dict[str, str]:
        path = f"{self.folder}/.venv/bin:{os.environ['PATH']}"
        # As if this copy had been installed.
        more = {
            "PYTHONPATH": str(self.folder / "workflow"),
            "PATH": path,
            "SNAKEMAKE_PROFILE": f"{self.folder}/profiles/local",
            "BROWSER": "true",
        }
        return os.environ | more | {"PYTHONDONTWRITEBYTECODE": "1"}

    def here(self, line: str) -> str:
        """A line with the names of this copy: where data are, and what the volume is called."""
        line = re.sub(r"s3://\S+/s2", f"file://{self.folder}/public/em.zarr/s2", line)
        line = line.replace("/path/to/data", f"{self.folder}/data")
        return re.sub(r"(--volume |VOLUME=|/results/)demo\b", r"\1tiny", line)

    def _run(self, line: str) -> subprocess.CompletedProcess:
        how = {
            "cwd": self.folder,
            "env": self.environment(),
            "capture_output": True,
            "text": True,
            "timeout": 120,
        }
        return subprocess.run(["bash", "-o", "pipefail", "-c", self.here(line)], **how)

    def serves(self, line: str) -> str:
        """Start a line, fetch the page that it tells of, interrupt it; returns what it said."""
        how = {"cwd": self.folder, "env": self.environment(), "text": True, "start_new_session": True}
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
        # Tests in the background of a shell inherit that interrupts are ignored.
        heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = subprocess.Popen(["bash", "-c", self.here(line)], preexec_fn=heed, **how, **pipes)
        try:
            said = ""
            while "Ctrl-C" not in said:
                more = process.stdout.readline()
                assert more, said
                said += more
            address = re.search(r"http://\S+", said)[0]
            with urllib.request.urlopen(address, timeout=20) as page:
                assert page.status == 200 and b"Viewer" in page.read()
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=20)
        return said


@pytest.fixture(scope="module")
def copy(tmp_path_factory, whole_run):
    folder = tmp_path_factory.mktemp("documented")
    with served(str(folder / "socket")):
        yield Copy(folder / "copy", whole_run, folder / "socket")


@pytest.mark.parametrize("command", RUNNABLE)
def test_command_runs(copy, command):
    done = copy.run(shell_line(command))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]


@pytest.mark.parametrize("command", sorted(SERVE))
def test_command_serves(copy, command):
    assert "Viewer: http" in copy.serves(command)


def test_a_run_that_is_finished_has_nothing_to_do(copy):
    """So the commands above that make nothing were not spared by an error in the copy."""
    done = copy.run("snakemake --configfile config/demo.yaml -n --directory runs/demo")
    assert "Nothing to be done" in done.stdout + done.stderr


# ---------------------------------------------------------------- pages that are written from what Snakemake says
def test_the_graph_of_rules_is_up_to_date(copy):
    printed = copy.run(
        f"snakemake --rulegraph mermaid-js --configfile {ROOT}/config/demo.yaml --directory graph"
    )
    page = (ROOT / "docs/design.md").read_text()
    assert BEGIN + page.partition(BEGIN)[2].partition(END)[0] + END == block(printed.stdout), "run: make docs"


def test_messages_of_snakemake_are_as_the_page_has_them(copy):
    lines = {
        "snakemake: command not found": "PATH=/usr/bin:/bin snakemake -n",
        "cores have to be specified for local execution": "unset SNAKEMAKE_PROFILE; snakemake",
        "unrecognized arguments": "snakemake --no-such-option",
        "UnicodeDecodeError: 'utf-8' codec can't decode byte": (
            r"printf 'a: 4 \265m\n' > latin.yaml; snakemake -n --configfile latin.yaml"
        ),
        "MissingRuleException": "snakemake -n results/biopsy1/tables/wrong.csv",
    }
    # Two runs at a time are those of test_check_runs.
    assert set(SNAKEMAKE) - set(lines) == {
        "Directory cannot be locked",
        "The files below seem to be incomplete",
    }
    for told, line in lines.items():
        done = copy.run(line)
        assert told in " ".join((done.stdout + done.stderr).split()), (line, done.stdout, done.stderr)
