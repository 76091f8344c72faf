"""Time Snakemake's planning of large volumes, and simulate runs of them with jobs that only touch their files.

    .venv/bin/python benchmarks/dag.py [--slabs 100 1000] [--against CHECKOUT] [--simulate] [--cprofile FILE]

No image is that large here: the slices are hard links to one tiny TIFF, as planning reads one header and many names.
The structures are those of the example in README.md: cells and two organelles, from two networks.

With ``--against``, dry runs of this code and of another checkout (git worktree add FOLDER COMMIT) take turns on the
same stack. Then the seconds are those of the processor, which other programs on the computer disturb less.
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
from typing import NamedTuple

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


class Measured(NamedTuple):
    """What a command printed, its seconds on the clock and on the processor, and its peak memory in MB."""

    text: str
    seconds: float
    cpu_seconds: float
    memory: float


def measured(command: list[str], folder: Path, checkout: Path = ROOT) -> Measured:
    """Run a command, with the package of a checkout."""
    path = os.pathsep.join([str(Path(__file__).parent / "simulation"), str(checkout / "workflow")])
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
    return Measured(text, seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def snakemake(folder: Path, *arguments: str, cprofile: str | None = None, checkout: Path = ROOT) -> list[str]:
    """Command that runs the workflow of a checkout on the stack in ``folder``."""
    profile = ["-m", "cProfile", "-o", cprofile] if cprofile else []
    command = [sys.executable, *profile, "-m", "snakemake", "--snakefile", str(checkout / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(folder / "config.yaml")]
    return [*command, *arguments]


def dry_run(folder: Path, cprofile: str | None = None, checkout: Path = ROOT) -> dict:
    """Jobs, seconds and memory of a dry run."""
    command = snakemake(folder, "--dry-run", "--quiet", "rules", cprofile=cprofile, checkout=checkout)
    found = measured(command, folder, checkout)
    jobs = int(re.findall(r"^total +(\d+)", found.text, re.M)[0])
    return {
        "jobs": jobs,
        "dry_run_s": round(found.seconds, 1),
        "cpu_s": round(found.cpu_seconds, 1),
        "dry_run_MB": round(found.memory),
    }


def turns(folder: Path, other: Path, repeats: int) -> dict:
    """Dry runs of this code and of another checkout in turns: the fewest processor seconds of each, and their ratio.

    What else the computer does only adds to the seconds, so the fewest are nearest to the truth.
    """
    runs: dict[Path, list[dict]] = {ROOT: [], other: []}
    for _ in range(repeats):
        for checkout, rows in runs.items():
            rows.append(dry_run(folder, checkout=checkout))
    new, old = (min(row["cpu_s"] for row in rows) for rows in runs.values())
    jobs, other_jobs = (rows[0]["jobs"] for rows in runs.values())
    row = {"jobs": jobs, "cpu_s": new, "other_jobs": other_jobs, "other_cpu_s": old}
    return row | {"ratio": round(new / old, 2)}


def simulation(folder: Path, most: int, scheduling: list[str]) -> dict:
    """A run of at most ``most`` jobs that touch their files: time to the first, jobs per second after it, memory.

    scheduling: further options of Snakemake.
    """
    os.environ["SIMULATION_JOBS"] = str(most)
    began = time.time()
    arguments = ("--executor", "touchfiles", "--cores", "500", "--quiet", "all", *scheduling)
    memory = measured(snakemake(folder, *arguments), folder).memory
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
    parser.add_argument(
        "--against", type=Path, help="checkout of another commit, whose dry run is measured too"
    )
    parser.add_argument("--repeats", type=int, default=3, help="dry runs of each checkout; default: 3")
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
            if settings.against:
                row |= turns(folder, settings.against.resolve(), settings.repeats)
            else:
                row |= dry_run(folder, settings.cprofile)
            row |= simulation(folder, settings.most_jobs, scheduling) if settings.simulate else {}
        if heading is None:
            heading = " ".join(f"{name:>11}" for name in row)
            print(heading)
        print(" ".join(f"{value:>11}" for value in row.values()), flush=True)


if __name__ == "__main__":
    main()
