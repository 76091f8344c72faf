"""Label files of a few small slices."""

from pathlib import Path

import numpy as np
import tifffile
from ultraseg.labels.source import LabelSource, resolve_labels

SHAPE = (20, 30)


def cells(*ids: int) -> np.ndarray:
    """A slice uint16 (Y, X) with one rectangle of each id, side by side."""
    labels = np.zeros(SHAPE, np.uint16)
    for index, cell in enumerate(ids):
        labels[2:8, 5 * index : 5 * index + 4] = cell
    return labels


def write(folder: Path, settings: dict | None = None, **slices: np.ndarray) -> LabelSource:
    """Write the slices as files of their names; the labels of the folder."""
    folder.mkdir(exist_ok=True)
    for name, labels in slices.items():
        tifffile.imwrite(folder / f"{name}.tif", labels)
    return resolve_labels({"path": str(folder), **(settings or {})}, str)
