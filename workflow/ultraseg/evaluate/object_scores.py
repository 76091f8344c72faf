"""Scores of organelles as objects in three dimensions, gathered slice by slice in bounded memory."""

from __future__ import annotations

import cc3d
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.arrays.labels import label_sizes
from ultraseg.evaluate.metrics import (
    Overlaps,
    average_precision,
    count_overlaps,
    match_instances,
    merge_overlaps,
    panoptic_quality,
)
from ultraseg.evaluate.scores import Row, table_of
from ultraseg.objects.organelles import face_pairs, merge_slabs


class ObjectScore:
    """Scores of the objects of one organelle against dense truth.

    Objects of the truth are its numbers; where it has one number only, they are its parts that touch across faces of
    voxels, in the whole stack. Only voxels of slices that are scored count, on both sides, and objects with fewer than
    ``min_voxels`` of them are neither missed nor invented.
    """

    def __init__(self, structure: str, min_voxels: int = 1, split: str = "truth"):
        self.structure, self.min_voxels, self.split = structure, min_voxels, split
        self._numbers: set[int] = set()
        self._by_number: list[Overlaps] = []
        self._by_part: list[tuple[int, Overlaps]] = []  # place of the slice, its numbers of parts and ids
        self._sizes: list[NDArray[np.int64]] = []
        self._pairs: list[NDArray[np.int64]] = []
        self._last: tuple[int, NDArray[np.uint32]] | None = None

    def add(self, z: int, truth: NDArray[np.integer], prediction: NDArray[np.integer] | None) -> None:
        """Take slice ``z`` of the truth (Y, X), in ascending order; ``prediction``: ids (Y, X), None where not scored.

        Raises ValueError for slices out of order or of two shapes.
        """
        if self._last is not None and z <= self._last[0]:
            raise ValueError(f"slice {z} was added after slice {self._last[0]}")
        labels, count = cc3d.connected_components(
            truth != 0, connectivity=4, return_N=True, binary_image=True, out_dtype=np.uint32
        )
        parts = labels.astype(np.uint32, copy=False)
        if self._last is not None:
            touch = face_pairs(self._last[1], parts) if self._last[0] == z - 1 else np.zeros((0, 2), np.int64)
            self._pairs.append(touch)
        self._sizes.append(label_sizes(parts[None], count))
        self._last = z, parts
        if prediction is not None:
            self._by_number.append(count_overlaps(truth, prediction))
            self._by_part.append((len(self._sizes) - 1, count_overlaps(parts, prediction)))
            self._numbers.update(self._by_number[-1].truth.tolist())

    def rows(self) -> pd.DataFrame:
        """The scores as rows of metrics.csv; no row where no slice was scored."""
        if not self._by_part:
            return table_of([])
        overlaps = merge_overlaps(self._by_number if len(self._numbers - {0}) > 1 else self._joined())
        found = {iou: match_instances(overlaps, iou / 100, self.min_voxels) for iou in (50, 75)}
        true, predicted = (self._count(ids, overlaps.voxels) for ids in (overlaps.truth, overlaps.predicted))
        values = {
            **{f"average_precision_{iou}": average_precision(matches) for iou, matches in found.items()},
            **{f"panoptic_quality_{iou}": panoptic_quality(matches) for iou, matches in found.items()},
            "objects_true": true,
            "objects_found": predicted,
            "count_error": (predicted - true) / true if true else float("nan"),
        }
        n = len(self._by_part)
        rows: list[Row] = [(self.structure, name, self.split, value, n) for name, value in values.items()]
        return table_of(rows)

    def _joined(self) -> list[Overlaps]:
        """The overlaps with the objects that the parts of all slices make up."""
        objects = merge_slabs(self._sizes, self._pairs)
        return [
            Overlaps(objects[place][part.truth].astype(np.int64), part.predicted, part.voxels)
            for place, part in self._by_part
        ]

    def _count(self, ids: NDArray[np.int64], voxels: NDArray[np.int64]) -> int:
        """Objects of at least ``min_voxels`` voxels."""
        sizes = pd.Series(voxels).groupby(ids).sum()
        return int((sizes[sizes.index != 0] >= self.min_voxels).sum())
