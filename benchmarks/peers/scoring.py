"""One scorer for all methods: that of `ultraseg evaluate`, on the slices without labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from ultraseg.evaluate.scores import CellScore, MaskScore, ProtrusionScore, distance_to_labelled

from peers.volumes import ORPHAN, Task

MIN_VOXELS = 2400  # of a true cell that enters the mean Dice, as in the workflow


def scores(task: Task, found: dict[str, NDArray[np.integer]]) -> dict[str, float]:
    """Values by structure and metric, such as ``cells dice``.

    found: {structure: (Z, Y, X)}. Raises ValueError where a structure is missing or has another shape than the image.
    """
    values: dict[str, float] = {}
    for structure in task.truth:
        if structure not in found:
            raise ValueError(f"no result for {structure}")
        if found[structure].shape != task.image.shape:
            raise ValueError(
                f"{structure}: the result has shape {found[structure].shape}, the image {task.image.shape}"
            )
        if task.job == "protrusions":
            return protrusion_scores(task, found[structure])
        table = _score(task, structure, found[structure]).rows().set_index("metric")["value"]
        values |= {f"{structure} {metric}": float(value) for metric, value in table.items()}
    return values


def protrusion_scores(task: Task, found: NDArray[np.integer]) -> dict[str, float]:
    """Pixels of protrusions by the cell that they were given to, and pixels of orphans that any cell took.

    A new number, which no label shows, counts as no cell.
    """
    truth, top = task.truth["cells"], int(task.labels["cells"].max())
    known = np.where(found <= top, found, 0)
    score, orphans, taken = ProtrusionScore(), 0, 0
    for z in task.free:
        orphan = truth[z] > ORPHAN
        score.add(z, known[z], np.where(orphan, 0, truth[z]))
        orphans, taken = orphans + np.count_nonzero(orphan), taken + np.count_nonzero(known[z][orphan])
    values = score.rows().set_index("metric")["value"]
    return {f"cells {metric}": float(value) for metric, value in values.items()} | {
        "cells orphans_taken": taken / max(orphans, 1)
    }


def by_slice(task: Task, structure: str, found: NDArray[np.integer]) -> pd.Series:
    """Dice of each slice without a label; of cells the mean over the cells of the slice.

    In the job `protrusions` the share of their pixels with the right cell, of slices with a hundred pixels or more.
    """
    if task.job == "protrusions":
        truth = np.where(task.truth[structure] > ORPHAN, 0, task.truth[structure])
        right = {
            z: ((found[z] == truth[z]) & (truth[z] > 0)).sum() / (truth[z] > 0).sum()
            for z in task.free
            if (truth[z] > 0).sum() >= 100
        }
        return pd.Series(right)
    if structure == "cells":
        score = _score(task, structure, found)
        assert isinstance(score, CellScore)
        return score.pairs().groupby("z")["dice"].mean()
    values = {}
    for z in task.free:
        one = MaskScore(structure)
        one.add(z, found[z], task.truth[structure][z])
        values[z] = one.rows().set_index("metric")["value"]["dice"]
    return pd.Series(values)


def _score(task: Task, structure: str, found: NDArray[np.integer]) -> CellScore | MaskScore:
    distance = distance_to_labelled(len(task.image), task.given)
    score: CellScore | MaskScore = MaskScore(structure)
    if structure == "cells":
        shown = {int(i) for z in task.given for i in np.unique(task.labels[structure][z])}
        score = CellScore(structure, min_voxels=MIN_VOXELS, shown=shown)
    for z in range(len(task.image)):
        if z in task.free:
            score.add(z, found[z], task.truth[structure][z], int(distance[z]))
        elif isinstance(score, CellScore):
            score.count(task.truth[structure][z])
    return score


def with_ids_of(
    labels: NDArray[np.integer], given: list[int], objects: NDArray[np.integer]
) -> NDArray[np.uint32]:
    """Objects (Z, Y, X) under the ids of the labelled slices: each takes the id that it overlaps with in most voxels.

    For methods that number objects as they like. An object that overlaps no id keeps a new number above all ids.
    """
    top = int(labels.max()) + 1
    size = int(objects.max()) + 1
    number = np.arange(size, dtype=np.uint32) + np.uint32(top)
    pairs, voxels = np.unique(
        objects[given].astype(np.int64) * top + labels[given].astype(np.int64), return_counts=True
    )
    known = (pairs % top > 0) & (pairs >= top)
    order = np.argsort(voxels[known], kind="stable")  # the last one written has most voxels
    number[pairs[known][order] // top] = pairs[known][order] % top
    number[0] = 0
    return number[objects]
