"""The volumes of the comparison: what a method is given, and the truth that only scores."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import protrusions
import scale
import tifffile
import tissue_pieces
from accuracy_data import PHANTOM as SMALL_PHANTOM
from accuracy_data import Data, load
from accuracy_data import read as read_folder
from common import ROOT
from numpy.typing import NDArray
from spacing import labelled

# Phantoms for cells: the demo's difficulty; fainter membranes with stronger noise. Nothing was chosen on their seed.
PHANTOMS = {"phantom": 0.5, "phantom-faint": 0.9}
PHANTOM = {"shape": (33, 512, 512), "seed": 17, "label_slices": [0, 8, 16, 24, 32]}
# Name of a task -> its volume, and the labelled slices that a method is given (None: all that there are).
CELLS = {f"fib25-{every}": ("fib25", labelled("fib25", every)) for every in (10, 20, 40)} | {
    name: (name, None) for name in PHANTOMS
}
ORGANELLES = {"vnc": ("vnc", None), "organelle-phantom": ("organelle-phantom", None)}
MADE = (*PHANTOMS, "organelle-phantom")
SLABS = {"slab-16": 16}  # slices of 4000 x 6000 pixels, as benchmarks/scale.py makes them
SLAB_SHAPE = (4000, 6000)
# Name of a task -> level of benchmarks/protrusions.py and seed.
PROTRUSIONS = {f"phantom-{level}": (level, 13) for level in ("demo", "thin", "noisy")} | {
    "tissue": ("tissue", 34)
}
ORPHAN = 1_000_000  # added in the truth of protrusions to tubes whose cell lies nowhere in the volume


@dataclass(frozen=True)
class Task:
    """One job on one volume. labels, truth: {structure: (Z, Y, X)}, labels 0 where nothing is known; given: slices.

    In the job `protrusions` the truth has the id of the cell where protrusions are, and 0 elsewhere. pieces: objects in
    single slices (Z, Y, X), and nodes: their table, where the task is to link them.
    """

    job: str
    name: str
    image: NDArray[np.uint8]
    labels: dict[str, NDArray[np.uint32]]
    given: list[int]
    truth: dict[str, NDArray[np.integer]]
    pieces: NDArray[np.int32] | None = None
    nodes: pd.DataFrame | None = None

    @property
    def free(self) -> list[int]:
        """The slices without a label, which alone are scored."""
        return [z for z in range(len(self.image)) if z not in self.given]

    def write(self, folder: Path) -> None:
        """Write what a method is given, without the truth.

        image.npy, given.npy, labels-STRUCTURE.npy; pieces.npy and nodes.parquet where pieces are to be linked.
        """
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "image.npy", self.image)
        np.save(folder / "given.npy", self.given)
        for structure, labels in self.labels.items():
            np.save(folder / f"labels-{structure}.npy", labels)
        if self.pieces is not None and self.nodes is not None:
            np.save(folder / "pieces.npy", self.pieces)
            self.nodes.to_parquet(folder / "nodes.parquet")


@lru_cache(maxsize=2)  # methods of one task follow one another
def read(job: str, name: str, data_root: Path) -> Task:
    """The task of a job: from the public volumes in ``data_root``, or a phantom that is made here."""
    if job == "protrusions":
        return phantom(name)
    if job == "slab":
        return full_size(name)
    volume, given = (CELLS | ORGANELLES)[name]
    data = load(volume, data_root, data_root) if name not in MADE else made(volume)
    given = data.labelled if given is None else given
    labels = {}
    for structure, slices in data.labels.items():
        labels[structure] = np.zeros(data.image.shape, np.uint32)
        for z in given:
            labels[structure][z] = slices[z] if structure == "cells" else slices[z] > 0
    return Task(job, name, data.image, labels, given, data.truth)


def phantom_folder(name: str) -> Path:
    """The folder of a phantom with image/, labels/ and truth/, which is made where it is missing."""
    from ultraseg.phantom.volume import write_phantom

    folder = ROOT / "runs/peers-phantoms" / name
    if not (folder / "whole").exists():
        settings = PHANTOM | {"difficulty": PHANTOMS[name]} if name in PHANTOMS else SMALL_PHANTOM
        write_phantom(str(folder), **settings)
        (folder / "whole").touch()
    return folder


def made(name: str) -> Data:
    """A phantom, with the structures that its job asks for."""
    folder = phantom_folder(name)
    structures = ["cells"] if name in PHANTOMS else ["nucleoli", "mitochondria", "endosomes", "lysosomes"]
    return read_folder(name, folder, folder / "labels", structures, downsample=1)


def slab_folder(name: str) -> Path:
    """The folder of full-size slices with image/ and cells/, which is made where it is missing."""
    folder = ROOT / "runs/peers-slabs" / name
    scale.write_volume(folder, SLAB_SHAPE, SLABS[name])
    return folder


def full_size(name: str) -> Task:
    """Full-size slices: a small phantom, repeated over the slice, every copy with cells of its own."""
    folder = slab_folder(name)
    image = np.stack([tifffile.imread(file) for file in sorted((folder / "image").glob("*.tif"))])
    labels, given = np.zeros(image.shape, np.uint32), []
    for file in sorted((folder / "cells").glob("*.tif")):
        given.append(int(file.stem[1:]))
        labels[given[-1]] = tifffile.imread(file)
    truth = np.stack([scale.true_cells(folder, SLAB_SHAPE, z) for z in range(len(image))])
    return Task("slab", name, image, {"cells": labels}, given, {"cells": truth})


def phantom(name: str) -> Task:
    """Pieces of the truth of a phantom, spoilt between the labelled slices; those of protrusions carry no id there."""
    level, seed = PROTRUSIONS[name]
    if level == "tissue":
        return tissue_task(name, seed)
    how = protrusions.LEVELS[level]
    tissue = protrusions.make(how, seed)
    pieces, nodes = protrusions.spoilt_pieces(tissue, how, seed)
    labels = np.zeros(tissue.cells.shape, np.uint32)
    for z in tissue.labelled:
        labels[z] = tissue.users(z)
    orphan = tissue.cells > tissue.cell_count
    truth = np.where(orphan, tissue.cells + ORPHAN, np.where(tissue.tubes > 0, tissue.cells, 0))
    found = {"cells": labels}, tissue.labelled, {"cells": truth}
    return Task("protrusions", name, tissue.image, *found, pieces, nodes)


def tissue_task(name: str, seed: int) -> Task:
    """Pieces as hard to link as those of real tumour tissue (benchmarks/tissue_pieces.py); there is no image.

    A piece belongs to the cell of most of its pixels; pieces of noise count as orphans.
    """
    volume = tissue_pieces.make(seed)
    owner = tissue_pieces.true_cells(volume)
    truth = on_pieces(volume.pieces, volume.nodes, np.where(owner == 0, ORPHAN + 1, np.maximum(owner, 0)))
    labels = np.zeros_like(truth)
    labels[volume.labelled] = on_pieces(volume.pieces, volume.nodes, volume.nodes["cell"])[volume.labelled]
    image = np.zeros(volume.pieces.shape, np.uint8)
    found = {"cells": labels}, volume.labelled, {"cells": truth}
    return Task("protrusions", name, image, *found, volume.pieces, volume.nodes)


def on_pieces(
    pieces: NDArray[np.int32], nodes: pd.DataFrame, values: NDArray[np.integer]
) -> NDArray[np.uint32]:
    """One value of each node at the pixels of its piece (Z, Y, X); nodes: all pieces in the order of z and number."""
    slices, values = nodes["z"].to_numpy(), np.asarray(values)
    luts = (np.append(0, values[slices == z]) for z in range(len(pieces)))
    return np.stack([lut[one].astype(np.uint32) for lut, one in zip(luts, pieces, strict=True)])
