"""Whole runs of the workflow in a folder of their own."""

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import snakemake_server
import yaml

ROOT = Path(__file__).parents[2]


TINY_NETWORK = {
    "epochs": 8, "steps_per_epoch": 20, "batch": 4, "crop": 48, "tile": 96, "filters": [8, 16, 24],
    "predict_tile": 96, "overlap": 16,
}  # fmt: skip


def copy_code(folder: Path) -> None:
    """Copy what a run needs of this repository, so that a test may edit it."""
    folder.mkdir()
    for name in ("Snakefile", "workflow", "config", "envs"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name
            )  # with what is compiled, which saves each job a part of a second
        else:
            shutil.copy(source, folder / name)


def tiny_config(data: Path, **changes) -> dict:
    """A complete configuration over TIFFs that ``write_phantom`` wrote to ``data``."""
    config = {
        "slab_depth": 7,
        "pyramid_levels": 2,
        # Both methods in every run would take too long; test_slab_depth.py lets a run choose.
        "propagate": {"method": "flow"},
        "volumes": {
            "tiny": {
                "image": str(data / "image"),
                "voxel_size_nm": [20, 16, 16],
                "labels": {
                    "cells": str(data / "labels/cells"),
                    "mitochondria": {"path": str(data / "labels/mitochondria"), "first_slice_number": 0},
                },
                "truth": {
                    "cells": str(data / "truth/cells.tif"),
                    "mitochondria": str(data / "truth/mitochondria.tif"),
                    "protrusions": str(data / "truth/protrusions.tif"),
                },
            }
        },
        "structures": {"cells": {"kind": "cells"}, "mitochondria": {"kind": "organelle", "min_voxels": 10}},
        "networks": {
            "context": {"structures": ["cells"], "downsample": 2, **TINY_NETWORK},
            "detail": {"structures": ["mitochondria"], "z_context": 0, **TINY_NETWORK},
        },
    }
    return config | changes


@cache
def server() -> str:
    """The address of a Snakemake that is loaded, for all runs of this process."""
    open_things = ExitStack()
    atexit.register(open_things.close)
    address = f"{open_things.enter_context(tempfile.TemporaryDirectory())}/socket"
    open_things.enter_context(snakemake_server.served(address, PYTHONDONTWRITEBYTECODE="1"))
    return address


class Run:
    """One working directory with its configuration, and a copy of the workflow that makes its results.

    alone: each script of a job is a Python of its own, as for users; otherwise it is a fork of one that is loaded.
    """

    def __init__(self, folder: Path, config: dict, code: Path = ROOT, *, alone: bool = False):
        self.folder, self.code, self.config, self.alone = folder, code, config, alone
        folder.mkdir(parents=True, exist_ok=True)
        self.write_config(config)

    @property
    def results(self) -> Path:
        return self.folder / "results"

    def write_config(self, config: dict) -> None:
        (self.folder / "config.yaml").write_text(yaml.safe_dump(config))

    def command(self, *arguments: str) -> list[str]:
        """The command of a run with these arguments."""
        return [sys.executable, "-m", "snakemake", *self.options(*arguments)]

    def options(self, *arguments: str) -> list[str]:
        """What the command says after the name of the program."""
        options = ["--snakefile", str(self.code / "Snakefile"), "--directory", str(self.folder)]
        options += ["--configfile", str(self.folder / "config.yaml"), "--cores", "2"]
        # Training on one thread is repeatable.
        return [*options, *arguments, "--set-threads", "train=1"]

    def call(self, *arguments: str, **how) -> subprocess.CompletedProcess:
        """Run Snakemake, whatever its status; ``how`` goes to ``subprocess.run``, of a process that loads Snakemake."""
        command = self.command(*arguments)
        if not how:
            ask = [sys.executable, "-SE", snakemake_server.__file__, server()]
            ask.append("ask-alone" if self.alone else "ask")
            command = [*ask, *self.options(*arguments)]
        env = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(command, capture_output=True, text=True, env=env, **how)

    def snakemake(self, *arguments: str, check: bool = True) -> str:
        """Run Snakemake; returns all it printed."""
        done = self.call(*arguments)
        text = done.stdout + done.stderr
        if check and done.returncode:
            raise AssertionError(f"snakemake {' '.join(arguments)} failed:\n{text[-6000:]}")
        return text

    def planned(self) -> dict[str, int]:
        """Rules that a dry run would execute, with the number of jobs."""
        return self.planned_for()

    def planned_for(self, *targets: str) -> dict[str, int]:
        """The same for some files alone."""
        text = self.snakemake(*targets, "--dry-run", "--quiet", "rules")
        table = re.findall(r"^(\w+) +(\d+)$", text, re.M)
        return {rule: int(count) for rule, count in table if rule not in ("total", "ultraseg")}
