"""Run the demo and the two real data sets and print what docs/results.md shows.

    .venv/bin/python benchmarks/results.py --data-root /where/fib25/and/vnc/are [--cores 2] [--only demo fib25 vnc]

Results of earlier runs are used where they are up to date. Each run lies in runs/<name>.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version

from common import ROOT, options
from ultraseg.report.run_facts import job_costs


def run(name: str, data_root: str, cores: int) -> float:
    """Run one configuration to the end; returns the seconds it took."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    command += ["--configfile", f"config/{name}.yaml", "--directory", f"runs/{name}", "--rerun-incomplete"]
    if name != "demo":
        command += ["--config", f"data_root={data_root}"]
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True)
    return time.monotonic() - start


def show(name: str, seconds: float) -> None:
    """Print the figures of one finished run."""
    folder = ROOT / "runs" / name
    print(f"\n## {name}: this call took {seconds:.0f} s\n")
    for card_file in sorted((folder / "results/models").glob("*.json")):
        card = json.loads(card_file.read_text())
        split = {
            use: list(card["slices"][name].values()).count(use) for use in ("train", "validation", "test")
        }
        print(
            f"network {card['network']}: {card['parameters']} parameters, {card['training_seconds']:.0f} s of training "
            f"on {', '.join(card['device']['names'])}, labelled slices {split}"
        )
    print("\n" + (folder / f"results/{name}/summary.txt").read_text().strip() + "\n")
    print(job_costs(folder / "logs", {}).round(1).to_string(index=False))


def main() -> None:
    parser = options(__doc__, "data-root", "cores")
    parser.add_argument(
        "--only", nargs="+", default=["demo", "fib25", "vnc"], choices=["demo", "fib25", "vnc"]
    )
    settings = parser.parse_args()
    packages = ", ".join(
        f"{name} {version(name)}" for name in ("snakemake", "zarr", "keras", "tensorflow-cpu")
    )
    print(f"{settings.cores} cores, {platform.machine()}, Python {platform.python_version()}, {packages}")
    for name in settings.only:
        show(name, run(name, os.path.abspath(settings.data_root), settings.cores))


if __name__ == "__main__":
    main()
