"""The volumes of the comparison: what a method is given, and the truth that only scores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from accuracy_data import load
from numpy.typing import NDArray
from spacing import labelled

# Name of a task -> its volume, and the labelled slices that a method is given (None: all that there are).
CELLS = {f"fib25-{every}": ("fib25", labelled("fib25", every)) for every in (10, 20, 40)}
ORGANELLES = {"vnc": ("vnc", None)}


@dataclass(frozen=True)
class Task:
    """One job on one volume. labels, truth: {structure: (Z, Y, X)}, labels 0 where nothing is known; given: slices."""

    job: str
    name: str
    image: NDArray[np.uint8]
    labels: dict[str, NDArray[np.uint32]]
    given: list[int]
    truth: dict[str, NDArray[np.integer]]

    @property
    def free(self) -> list[int]:
        """The slices without a label, which alone are scored."""
        return [z for z in range(len(self.image)) if z not in self.given]

    def write(self, folder: Path) -> None:
        """Write what a method is given, without the truth: image.npy, given.npy, and the labels by structure."""
        folder.mkdir(parents=True, exist_ok=True)
        np.save(folder / "image.npy", self.image)
        np.save(folder / "given.npy", self.given)
        for structure, labels in self.labels.items():
            np.save(folder / f"labels-{structure}.npy", labels)


def read(job: str, name: str, data_root: Path) -> Task:
    """The task of a name in ``CELLS`` or ``ORGANELLES``, from the public volumes in ``data_root``."""
    volume, given = (CELLS | ORGANELLES)[name]
    data = load(volume, data_root, data_root)
    given = data.labelled if given is None else given
    labels = {}
    for structure, slices in data.labels.items():
        labels[structure] = np.zeros(data.image.shape, np.uint32)
        for z in given:
            labels[structure][z] = slices[z] if structure == "cells" else slices[z] > 0
    return Task(job, name, data.image, labels, given, data.truth)
