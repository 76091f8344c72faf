"""Time Snakemake's planning of large volumes, and simulate runs of them with jobs that only touch their files.

    .venv/bin/python benchmarks/dag.py [--slabs 100 1000] [--simulate] [--cprofile FILE]

No image is that large here: the slices are hard links to one tiny TIFF, as planning reads one header and many names.
The structures are those of the example in README.md: cells and two organelles, from two networks.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
import yaml
from common import ROOT, options
from scale import volume_settings

LABEL_EVERY = 64
STRUCTURES = ("cells", "nuclei", "mitochondria")


def write_stack(folder: Path, slabs: int, depth: int) -> dict:
    """Slices (hard links to one TIFF) and labels of a stack; returns its configuration."""
    (folder / "image").mkdir(parents=True)
    n_slices = slabs * depth
    for z in range(n_slices):
        if z % 10_000 == 0:  # file systems limit the links to one file
            source = folder / f"slice{z}.tif"
            tifffile.imwrite(source, np.zeros((64, 64), np.uint8))
        os.link(source, folder / f"image/z{z:06d}.tif")
    tifffile.imwrite(folder / "labels.tif", np.kron([[1, 2], [3, 0]], np.ones((32, 32))).astype(np.uint8))
    for structure in STRUCTURES:
        (folder / structure).mkdir()
        for z in range(0, n_slices, LABEL_EVERY):
            os.link(folder / "labels.tif", folder / f"{structure}/z{z:06d}.tif")
    return volume_settings(folder, STRUCTURES) | {
        "networks": {
            "context": {"structures": ["cells", "nuclei"], "downsample": 4},
            "detail": {"structures": ["mitochondria"], "downsample": 1},
        },
        "slab_depth": depth,
    }


def measured(command: list[str], folder: Path) -> tuple[str, float, float]:
    """Run a command; returns its output, its seconds and its peak memory in MB."""
    path = os.pathsep.join([str(Path(__file__).parent / "simulation"), os.environ.get("PYTHONPATH", "")])
    env = os.environ | {"PYTHONPATH": path, "SIMULATION_LOG": str(folder / "simulation.json")}
    with open(folder / "output.txt", "w+") as out:
        start = time.monotonic()
        process = subprocess.Popen(command, cwd=folder, stdout=out, stderr=subprocess.STDOUT, env=env)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        out.seek(0)
        text = out.read()
    if status:
        raise SystemExit(f"{' '.join(command)} failed:\n{text[-4000:]}")
    return text, seconds, usage.ru_maxrss / 1024


def snakemake(folder: Path, *arguments: str, cprofile: str | None = None) -> list[str]:
    """Command that runs the workflow on the stack in ``folder``."""
    profile = ["-m", "cProfile", "-o", cprofile] if cprofile else []
    command = [sys.executable, *profile, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "config.yaml")]
    return [*command, *arguments]


def dry_run(folder: Path, cprofile: str | None = None) -> dict:
    """Jobs, seconds and memory of a dry run."""
    command = snakemake(folder, "--dry-run", "--quiet", "rules", cprofile=cprofile)
    text, seconds, memory = measured(command, folder)
    jobs = int(re.findall(r"^total +(\d+)", text, re.M)[0])
    return {"jobs": jobs, "dry_run_s": round(seconds, 1), "dry_run_MB": round(memory)}


def simulation(folder: Path, most: int, scheduling: list[str]) -> dict:
    """A run of at most ``most`` jobs that touch their files: time to the first, jobs per second after it, memory.

    scheduling: further options of Snakemake.
    """
    os.environ["SIMULATION_JOBS"] = str(most)
    began = time.time()
    arguments = ("--executor", "touchfiles", "--cores", "500", "--quiet", "all", *scheduling)
    _, _, memory = measured(snakemake(folder, *arguments), folder)
    found = json.loads((folder / "simulation.json").read_text())
    records = sum(len(files) for _, _, files in os.walk(folder / ".snakemake/metadata"))
    return {
        "first_job_s": round(found["first"] - began, 1),
        "jobs_per_s": round(found["jobs"] / (found["last"] - found["first"])),
        "jobs_run": found["jobs"],
        "run_s": round(found["last"] - began),
        "run_MB": round(memory),
        "files": found["files"],
        "records": records,
    }


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--slabs", type=int, nargs="+", default=[100, 1000])
    parser.add_argument("--slab-depth", type=int, default=16)
    parser.add_argument(
        "--simulate", action="store_true", help="also run all jobs, which only touch their files"
    )
    parser.add_argument(
        "--most-jobs", type=int, default=10**9, help="cut the simulated run off after so many jobs"
    )
    parser.add_argument("--scheduler", choices=("greedy", "ilp"), default="greedy", help="of the simulation")
    parser.add_argument("--subsample", type=int, help="ready jobs that the scheduler looks at in a round")
    parser.add_argument("--cprofile", help="write a profile of the last dry run to this file")
    settings = parser.parse_args()
    scheduling = ["--scheduler", settings.scheduler]
    scheduling += ["--scheduler-subsample", str(settings.subsample)] if settings.subsample else []
    heading = None
    for slabs in settings.slabs:
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary)
            (folder / "config.yaml").write_text(
                yaml.safe_dump(write_stack(folder, slabs, settings.slab_depth))
            )
            row = {"slabs": slabs, "slices": slabs * settings.slab_depth}
            row |= dry_run(folder, settings.cprofile)
            row |= simulation(folder, settings.most_jobs, scheduling) if settings.simulate else {}
        if heading is None:
            heading = " ".join(f"{name:>11}" for name in row)
            print(heading)
        print(" ".join(f"{value:>11}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
