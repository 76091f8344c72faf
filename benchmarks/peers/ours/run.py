"""ultraseg as it is shipped: the runs of benchmarks/spacing.py and of the configurations, up to final labels.

Settings of fib25 are those of config/fib25.yaml, but no labelled slice is held out for a test, as the other methods use
all of them as well. vnc has config/vnc.yaml. Phantoms for cells have the structures cells and nuclei, and their
network, from config/demo.yaml; the phantom with organelles and full-size slices have defaults alone. The results of a
run that was cut off are used.
"""

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import read_slices, shape_of

HERE = Path(__file__).parents[2]
sys.path.insert(0, str(HERE))
from common import ROOT  # noqa: E402
from peers.volumes import PHANTOMS, SLABS, phantom_folder, slab_folder  # noqa: E402
from scale import volume_settings  # noqa: E402
from spacing import make  # noqa: E402


def final(folder: Path, volume: str, structure: str) -> np.ndarray:
    path = str(folder / f"results/{volume}/image.zarr/labels/{structure}/0")
    return read_slices(path, 0, shape_of(path)[0])


def snakemake(folder: Path, volume: str, config: Path, cores: int, *more: str) -> Path:
    """Run a configuration up to the accuracy of its volume; returns the folder."""
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
    command += ["--configfile", str(config), "--directory", str(folder), *more]
    subprocess.run([*command, "--", f"results/{volume}/metrics.csv"], cwd=ROOT, check=True)
    return folder


def phantom_config(name: str, structures: list[str]) -> dict[str, Any]:
    """A volume of the files of a phantom, and of config/demo.yaml what concerns cells where it has cells."""
    data = phantom_folder(name)
    volume = {
        "image": str(data / "image"),
        "voxel_size_nm": [16, 16, 16],
        "labels": {s: str(data / "labels" / s) for s in structures},
        "truth": {s: str(data / f"truth/{s}.tif") for s in structures},
    }
    config: dict[str, Any] = {"volumes": {"phantom": volume}, "slab_depth": 32}
    if name not in PHANTOMS:
        config["structures"] = {s: {"kind": "organelle"} for s in structures}
        config["networks"] = {"detail": {"structures": structures, "downsample": 2, "test": 0}}
        return config
    demo = yaml.safe_load((ROOT / "config/demo.yaml").read_text())
    config["structures"] = {s: demo["structures"][s] for s in structures}
    config["networks"] = {"context": demo["networks"]["context"] | {"test": 0}}
    return config | {"cells": demo["cells"], "evaluate": demo["evaluate"]}


def save_pieces(out: Path, folder: Path, volume: str, network: str) -> None:
    """What the methods are given that link cells found in single slices: our pieces, and interior and boundary."""
    files = VolumeFiles.of(volume)
    depth = shape_of(str(folder / files.pieces))[0]
    np.save(out / "pieces.npy", read_slices(str(folder / files.pieces), 0, depth))
    maps = read_slices(str(folder / files.probability(network)), 0, depth)[:, :2]
    np.save(out / "maps.npy", maps.transpose(1, 0, 2, 3))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("out", type=Path)
    parser.add_argument("--task")
    parser.add_argument("--data-root")
    parser.add_argument("--cores", type=int)
    o = parser.parse_args()
    structures, volume = ["cells"], "phantom"
    if o.task.startswith("fib25-"):
        volume, every = "fib25", int(o.task.partition("-")[2])
        folder = make(volume, every, o.data_root, o.cores, "metrics.csv")
        save_pieces(o.out, folder, volume, "all")
    elif o.task in SLABS:
        volume, folder = "big", ROOT / f"runs/peers-{o.task}"
        folder.mkdir(parents=True, exist_ok=True)
        network = {"structures": structures, "downsample": 4, "test": 0}
        config = volume_settings(slab_folder(o.task), structures) | {"networks": {"context": network}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        snakemake(folder, volume, folder / "config.yaml", o.cores)
        save_pieces(o.out, folder, volume, "context")
    elif o.task == "vnc":
        volume, structures = "vnc", ["mitochondria", "membrane"]
        data = ("--config", f"data_root={o.data_root}")
        folder = snakemake(ROOT / "runs/peers-vnc", volume, ROOT / "config/vnc.yaml", o.cores, *data)
    else:
        of_cells = o.task in PHANTOMS
        if not of_cells:
            structures = ["nucleoli", "mitochondria", "endosomes", "lysosomes"]
        folder = ROOT / f"runs/peers-{o.task}"
        folder.mkdir(parents=True, exist_ok=True)
        config = phantom_config(o.task, ["cells", "nuclei"] if of_cells else structures)
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        snakemake(folder, volume, folder / "config.yaml", o.cores)
        if of_cells:
            save_pieces(o.out, folder, volume, "context")
    for structure in structures:
        np.save(o.out / f"result-{structure}.npy", final(folder, volume, structure))


if __name__ == "__main__":
    main()
