"""Run the demo and the two real data sets and print what docs/results.md shows.

    .venv/bin/python benchmarks/results.py --data-root /where/fib25/and/vnc/are [--cores 2] [--only demo fib25 vnc]

Results of earlier runs are used where they are up to date. Each run lies in runs/<name>.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.metadata import version
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[1]


def run(name: str, data_root: str, cores: int) -> float:
    """Run one configuration to the end; returns the seconds it took."""
    command = [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "all"]
    command += ["--configfile", f"config/{name}.yaml", "--directory", f"runs/{name}", "--rerun-incomplete"]
    if name != "demo":
        command += ["--config", f"data_root={data_root}"]
    start = time.monotonic()
    subprocess.run(command, cwd=ROOT, check=True)
    return time.monotonic() - start


def jobs(folder: Path) -> pd.DataFrame:
    """Seconds and memory of the steps, summed and maximised over jobs, from what Snakemake measured."""
    rows = []
    for file in sorted(folder.rglob("*.tsv")):
        table = pd.read_csv(file, sep="\t", na_values="-")
        step = file.relative_to(folder).with_suffix("").parts[0]
        rows.append(
            {"step": step, "jobs": 1, "seconds": table["s"].sum(), "max_rss_MB": table["max_rss"].max()}
        )
    found = pd.DataFrame(rows, columns=["step", "jobs", "seconds", "max_rss_MB"]).groupby("step", sort=False)
    return found.agg({"jobs": "sum", "seconds": "sum", "max_rss_MB": "max"}).round(1).reset_index()


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
    print(jobs(folder / "logs").to_string(index=False))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-root", default="data")
    parser.add_argument("--cores", type=int, default=os.cpu_count())
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
