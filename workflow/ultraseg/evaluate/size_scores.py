"""How far sizes and counts of an organelle may be believed: held-out labels against what was found there."""

from __future__ import annotations

import cc3d
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.evaluate.scores import RESAMPLES, Row, table_of

PARTS = (
    4  # of a slice along y and along x: what is drawn for an interval, as one organelle lies in few of them
)


class SizeScore:
    """Truth per finding, of area and of the number of profiles, with the 95 % interval of both.

    A profile is what a single slice shows of an object: connected pixels. Volumes, fractions and counts of the result
    times these ratios are what the labels let one expect.
    """

    def __init__(self, structure: str, split: str):
        self.structure, self.split = structure, split
        self._parts: list[
            NDArray[np.float64]
        ] = []  # per slice: parts x (area true, found, profiles true, found)

    def add(self, prediction: NDArray[np.generic], truth: NDArray[np.generic]) -> None:
        """Take one slice: arrays (Y, X) that are not 0 where the structure is."""
        areas = [_area_of_parts(labels != 0) for labels in (truth, prediction)]
        profiles = [_profiles_of_parts(labels != 0) for labels in (truth, prediction)]
        self._parts.append(np.stack([*areas, *profiles], axis=1))

    def rows(self) -> pd.DataFrame:
        """The ratios as rows of metrics.csv; no row where no slice was added, or where nothing was found."""
        rows: list[Row] = []
        for name, column in (("area_ratio", 0), ("profile_ratio", 2)) if self._parts else ():
            true, found = np.concatenate(self._parts)[:, column : column + 2].T
            if not found.sum():
                continue
            drawn = np.random.default_rng(0).integers(len(true), size=(RESAMPLES, len(true)))
            total = found[drawn].sum(1)
            ratios = true[drawn].sum(1)[total > 0] / total[total > 0]
            values = (true.sum() / found.sum(), *np.percentile(ratios, [2.5, 97.5]))
            for end, value in zip(("", "_low", "_high"), values, strict=True):
                rows.append((self.structure, name + end, self.split, float(value), len(self._parts)))
        return table_of(rows)


def _area_of_parts(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Pixels of a mask (Y, X) in each part of the slice."""
    y, x = (_part_of(np.arange(size), size) for size in mask.shape)
    parts = (y[:, None] * PARTS + x)[mask]
    return np.bincount(parts, minlength=PARTS**2).astype(np.float64)


def _profiles_of_parts(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Connected areas of a mask (Y, X) whose middle lies in each part of the slice."""
    labels, count = cc3d.connected_components(mask, connectivity=8, return_N=True, binary_image=True)
    middles = np.asarray(cc3d.statistics(labels)["centroids"])[1 : count + 1]
    y, x = (_part_of(middles[:, axis], size) for axis, size in enumerate(mask.shape))
    return np.bincount(y * PARTS + x, minlength=PARTS**2).astype(np.float64)


def _part_of(place: NDArray[np.number], size: int) -> NDArray[np.int64]:
    return np.minimum(place * PARTS // size, PARTS - 1).astype(np.int64)
