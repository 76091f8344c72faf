"""Measure how accuracy falls with the distance between labelled slices; draw the figure of docs/labelling.md.

    .venv/bin/python benchmarks/spacing.py --data-root /where/fib25/is [--cores 2] [--only demo fib25] [--every 8 16]
        [--minutes 20] [--views 8]

Every point is a run of its own in runs/spacing, whose network learned from the labels of that spacing alone.
Trainings of the demo are shorter than the defaults; those of fib25 are as in config/fib25.yaml. --minutes gives all of
them so much time instead, --views averages the maps over mirrored and turned views. Runs that are finished are not made
again. The figure shows what the last call found for every point, so that each data set may have a call of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import yaml
from common import ROOT, options

SPACINGS = {"demo": (8, 16, 32), "fib25": (10, 20, 40)}
DEPTH = {"demo": 64, "fib25": 120}
# As in config/fib25.yaml; about 20 minutes of processor time. All labelled slices train: of four slices, one that only
# watches would be missed.
FIB25 = {
    "z_context": 2,
    "batch": 2,
    "crop": 160,
    "steps_per_epoch": 250,
    "epochs": 17,
    "validation": 0,
    "views": 8,
}
MAPS = "work/probability/all/c/0/0/0/0"  # of a fib25 volume, which is one slab deep there
KINDS = {"cells": "cells", "nuclei": "organelle", "mitochondria": "organelle"}
SHOWN = {
    "cells": {"dice", "adapted_rand_error"},
    "nuclei": {"dice"},
    "mitochondria": {"dice"},
}


def labelled(name: str, every: int) -> list[int]:
    """Every so many slices, and the last one."""
    return sorted({*range(0, DEPTH[name], every), DEPTH[name] - 1})


def configuration(name: str, every: int, folder: Path, data_root: str, **network) -> dict:
    """The configuration of one point; no slice is held out, as the score is that of the slices without labels.

    ``network``: settings that take the place of the usual ones.
    """
    usual = {"test": 0, "epochs": 14, "tiles_per_slice": 16}
    network = usual | (FIB25 if name == "fib25" else {}) | network
    if name == "demo":
        volume = {
            "voxel_size_nm": [16, 16, 16],
            "phantom": {"shape": [64, 512, 512], "seed": 1, "label_every": every},
        }
        structures = list(KINDS)
        network |= {"structures": structures, "downsample": 2}
    else:
        given = [Path(data_root, f"fib25/cells/z{z:04d}.tif") for z in labelled(name, every)]
        (folder / "cells.txt").write_text("".join(f"{file}\n" for file in given))
        volume = {
            "image": str(Path(data_root, "fib25/image")),
            "voxel_size_nm": [10, 10, 10],
            "labels": {"cells": "cells.txt"},
            "truth": {"cells": str(Path(data_root, "fib25/truth/cells.tif"))},
        }
        structures = ["cells"]
        network |= {"structures": structures, "downsample": 1}
    return {
        "volumes": {name: volume},
        "structures": {structure: {"kind": KINDS[structure]} for structure in structures},
        "networks": {"all": network},
        "slab_depth": DEPTH[name],
        "pyramid_levels": 1,
    }


def make(name: str, every: int, data_root: str, cores: int, target: str, **network) -> Path:
    """Run one point up to a file of its results; returns the point's folder. ``network`` as in ``configuration``."""
    folder = ROOT / "runs/spacing" / "-".join([name, str(every), *(f"{k}{v}" for k, v in network.items())])
    folder.mkdir(parents=True, exist_ok=True)
    config = configuration(name, every, folder, data_root, **network)
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(cores),
        "--quiet",
        "all",
        "--rerun-incomplete",
    ]
    command += ["--configfile", str(folder / "config.yaml"), "--directory", str(folder)]
    start = time.monotonic()
    subprocess.run([*command, f"results/{name}/{target}"], cwd=ROOT, check=True)
    seconds = time.monotonic() - start
    print(f"{name}, labels on every {every}th slice: {target} took {seconds:.0f} s this time", flush=True)
    return folder


def network_settings(options: argparse.Namespace) -> dict:
    """The settings of the network that take the place of the usual ones, for ``make``."""
    network = {"epochs": 10_000, "max_minutes": options.minutes} if options.minutes else {}
    return network | ({"views": options.views} if options.views > 1 else {})


def run(name: str, every: int, data_root: str, cores: int, **network) -> pd.DataFrame:
    """Run one point up to its accuracy figures; returns its rows of the table."""
    folder = make(name, every, data_root, cores, "metrics.csv", **network)
    return figures(name, every, pd.read_csv(folder / f"results/{name}/metrics.csv"))


def figures(name: str, every: int, metrics: pd.DataFrame) -> pd.DataFrame:
    """The rows of one point: values against truth on the slices that have no label."""
    rows = metrics[metrics["split"] == "truth"]
    rows = rows[
        [metric in SHOWN[structure] for structure, metric in zip(rows.structure, rows.metric, strict=True)]
    ]
    point = {"data": name, "every": every, "labelled": len(labelled(name, every))}
    return rows[["structure", "metric", "value"]].assign(**point)


def table(points: pd.DataFrame) -> pd.DataFrame:
    """One row per point, one column per structure and metric."""
    column = points["structure"] + " " + points["metric"].str.replace("_", " ")
    wide = points.assign(column=column).pivot(
        index=["data", "every", "labelled"], columns="column", values="value"
    )
    return wide.round(3).reset_index().rename(columns={"every": "label every", "labelled": "labelled slices"})


def remembered(points: pd.DataFrame, file: Path) -> pd.DataFrame:
    """These points and, of those in the file, the ones that were not measured again; writes them there."""
    if file.exists():
        before = pd.read_csv(file)
        new = set(zip(points["data"], points["every"], strict=True))
        old = [key not in new for key in zip(before["data"], before["every"], strict=True)]
        points = pd.concat([before[old], points])
    points.to_csv(file, index=False)
    return points


def draw(points: pd.DataFrame, file: Path) -> None:
    """Dice against the distance between labelled slices, one line per data set and structure."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    plt.rcParams.update({"font.size": 10, "axes.spines.top": False, "axes.spines.right": False})
    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    styles = {  # colours of Okabe and Ito
        ("fib25", "cells"): ("#D55E00", "o", "cells, real tissue (fib25)"),
        ("demo", "cells"): ("#0072B2", "s", "cells, synthetic"),
        ("demo", "nuclei"): ("#009E73", "^", "nuclei, synthetic"),
        ("demo", "mitochondria"): ("#CC79A7", "v", "mitochondria, synthetic"),
    }
    dice = points[points["metric"] == "dice"]
    for (name, structure), (colour, marker, words) in styles.items():
        line = dice[(dice["data"] == name) & (dice["structure"] == structure)].sort_values("every")
        if len(line):
            axes.plot(line["every"], line["value"], color=colour, marker=marker, label=words)
    ticks = sorted(dice["every"].unique())
    axes.set_xscale("log", base=2)
    axes.set_xticks(ticks, [str(tick) for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("one slice in so many is labelled")
    axes.set_ylabel("Dice on slices without labels")
    axes.set_ylim(0, 1)
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False, loc="lower left")
    figure.savefig(file, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = options(__doc__, "data-root", "cores", "minutes", "views")
    parser.add_argument("--only", nargs="+", default=list(SPACINGS), choices=list(SPACINGS))
    parser.add_argument("--every", nargs="+", type=int, help="of the spacings only these")
    parser.add_argument("--figure", type=Path, default=ROOT / "docs/figures/spacing.png")
    settings = parser.parse_args()
    root = os.path.abspath(settings.data_root)
    network = network_settings(settings)
    points = [
        run(name, every, root, settings.cores, **network)
        for name in settings.only
        for every in SPACINGS[name]
        if not settings.every or every in settings.every
    ]
    found = pd.concat(points)
    print("\n" + table(found).to_string(index=False, na_rep="-"))
    draw(remembered(found, ROOT / "runs/spacing/points.csv"), settings.figure)
    print(f"\nFigure: {settings.figure}")


if __name__ == "__main__":
    main()
