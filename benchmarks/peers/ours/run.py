"""ultraseg as it is shipped: the runs of benchmarks/spacing.py and config/vnc.yaml, up to final labels.

Settings are those of config/fib25.yaml, but no labelled slice is held out for a test, as the other methods use all of
them as well. The results of a run that was cut off are used.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import read_slices, shape_of

HERE = Path(__file__).parents[2]
sys.path.insert(0, str(HERE))
from common import ROOT  # noqa: E402
from spacing import make  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument("out", type=Path)
parser.add_argument("--job", choices=("cells", "organelles"))
parser.add_argument("--every", type=int)
parser.add_argument("--data-root")
parser.add_argument("--cores", type=int)
o = parser.parse_args()


def final(folder: Path, volume: str, structure: str) -> np.ndarray:
    path = str(folder / f"results/{volume}/image.zarr/labels/{structure}/0")
    return read_slices(path, 0, shape_of(path)[0])


if o.job == "cells":
    folder = make("fib25", o.every, o.data_root, o.cores, "metrics.csv")
    np.save(o.out / "result-cells.npy", final(folder, "fib25", "cells"))
    # What the methods are given that link cells found in single slices.
    files = VolumeFiles.of("fib25")
    depth = shape_of(str(folder / files.pieces))[0]
    np.save(o.out / "pieces.npy", read_slices(str(folder / files.pieces), 0, depth))
    maps = read_slices(str(folder / files.probability("all")), 0, depth)[:, :2]  # interior and boundary
    np.save(o.out / "maps.npy", maps.transpose(1, 0, 2, 3))
else:
    folder = ROOT / "runs/peers-vnc"
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        str(o.cores),
        "--quiet",
        "all",
        "--rerun-incomplete",
    ]
    command += ["--configfile", "config/vnc.yaml", "--directory", str(folder)]
    command += ["--config", f"data_root={o.data_root}", "--", "results/vnc/metrics.csv"]
    subprocess.run(command, cwd=ROOT, check=True)
    for structure in ("mitochondria", "membrane"):
        np.save(o.out / f"result-{structure}.npy", final(folder, "vnc", structure))
