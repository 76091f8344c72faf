"""One picture for each task: of every method its worst slice, beside the truth of that slice."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from common import ROOT
from numpy.typing import NDArray
from PIL import Image
from ultraseg.base.colours import id_colours

from peers.methods import METHODS, RESULT, result_of
from peers.scoring import by_slice
from peers.volumes import Task

FIGURES = ROOT / "docs/figures"
OPACITY = 0.5
SHOWN = ("fib25-40", "phantom-noisy", "vnc")  # the tasks whose pictures are on the page


def draw(runs: Path, task: Task, file: Path | None = None) -> Path | None:
    """Draw the picture of a task; returns its file, or None where no method has finished.

    Of every method and structure the slice of lowest Dice (of cells: the lowest mean over cells).
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    done = finished(runs, task.job, task.name)
    if not done:
        return None
    structure = next(iter(task.truth))
    figure, axes = plt.subplots(
        2, len(done), figsize=(1.9 * len(done), 4.1), squeeze=False, layout="constrained"
    )
    for column, method in zip(axes.T, done, strict=True):
        found = result_of(runs, task, method)[structure]
        values = by_slice(task, structure, found)
        z = int(values.idxmin())
        truth, seen, word = task.truth[structure][z], found[z], "Dice"
        part = np.s_[:, :]
        if task.job == "protrusions":  # bodies are not what is asked for
            seen, word = np.where(truth > 0, seen, 0), "right"
            part = window((truth > 0) & (seen != truth))
        for ax, labels in zip(column, (seen, truth), strict=True):
            ax.imshow(overlay(task.image[z], labels)[part], interpolation="nearest")
            ax.set_axis_off()
        column[0].set_title(
            f"{METHODS[task.job][method].title}\nslice {z}, {word} {values[z]:.3f}", fontsize=7
        )
    axes[1, 0].set_title("truth of the same slices", fontsize=7, loc="left")
    file = file or FIGURES / f"peers_{task.name}.png"
    memory = io.BytesIO()
    figure.savefig(memory, dpi=110)
    plt.close(figure)
    # 128 colours tell the cells apart as well, in a third of the bytes.
    Image.open(memory).convert("RGB").quantize(128).save(file, optimize=True)
    return file


def window(wrong: NDArray[np.bool_], side: int = 200) -> tuple[slice, slice]:
    """The part of a slice (Y, X), at most ``side`` wide, with the most wrong pixels."""
    sides = [min(side, n) for n in wrong.shape]
    sums = np.pad(wrong.astype(np.int64), ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    h, w = sides
    inside = sums[h:, w:] - sums[:-h, w:] - sums[h:, :-w] + sums[:-h, :-w]
    y, x = np.unravel_index(int(inside.argmax()), inside.shape)
    return slice(int(y), int(y) + h), slice(int(x), int(x) + w)


def finished(runs: Path, job: str, name: str) -> list[str]:
    """The methods that have a result for a task."""
    return [method for method in METHODS[job] if (runs / job / name / method / RESULT).exists()]


def overlay(image: NDArray[np.uint8], labels: NDArray[np.integer]) -> NDArray[np.uint8]:
    """Grey slice (Y, X) with ids in colour, uint8 (Y, X, 3); an id has the same colour in every slice and method."""
    grey = np.repeat(image[..., None], 3, axis=2).astype(float)
    mixed = (1 - OPACITY) * grey + OPACITY * id_colours(labels)
    return np.where((labels > 0)[..., None], mixed, grey).astype(np.uint8)
