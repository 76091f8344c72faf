"""Scores of a segmentation against labels, gathered slice by slice, and their table for people."""

import re
from collections.abc import Iterable

import numpy as np
import pandas as pd
from scipy.stats import bootstrap

from ultraseg.evaluate.definitions import COLUMNS
from ultraseg.evaluate.metrics import (
    Overlaps,
    adapted_rand,
    average_precision,
    binary_scores,
    boundary_distances,
    count_overlaps,
    dice_per_id,
    match_instances,
    merge_overlaps,
    panoptic_quality,
    variation_of_information,
)

DISTANCE = re.compile(r"dice_distance_(\d+)(_low|_high)?$")
RESAMPLES = 1000  # for an interval
MERGE_AFTER = 2_000_000  # rows of overlap tables kept before they are summed


class CellScore:
    """Scores of cell ids, and of instances in general, gathered slice by slice in bounded memory.

    Predicted ids are compared as they are: a cell under another number than in the truth is wrong for Dice;
    adapted Rand error, variation of information and average precision do not depend on the numbers.
    ``min_voxels``: truth cells with fewer voxels over all slices, added or counted, do not enter the mean Dice.
    ``pixel_nm``: size of a pixel (y, x), for the distance between outlines, which is not measured without.
    """

    def __init__(
        self,
        structure: str = "cells",
        split: str = "truth",
        min_voxels: int = 2400,
        pixel_nm: tuple[float, float] | None = None,
    ):
        self.structure, self.split, self.min_voxels, self.pixel_nm = structure, split, min_voxels, pixel_nm
        self._overlaps: list[Overlaps] = []
        self._pairs: list[pd.DataFrame] = []
        self._slices: set[int] = set()
        self._unscored: list[pd.Series] = []

    def count(self, truth: np.ndarray) -> None:
        """Count the truth (Y, X) of a slice that is not scored: it makes cells larger, for ``min_voxels``."""
        ids, voxels = np.unique(truth[truth != 0], return_counts=True)
        self._unscored.append(pd.Series(voxels, index=ids))

    def add(self, z: int, prediction: np.ndarray, truth: np.ndarray, distance: int | None = None) -> None:
        """Add slice ``z``: label arrays (Y, X), and the distance to the nearest labelled slice if known."""
        _check_new(z, self._slices)
        overlaps = count_overlaps(truth, prediction)
        ids, voxels, dice = dice_per_id(overlaps)
        distance = -1 if distance is None else int(distance)
        pairs = pd.DataFrame({"z": z, "distance": distance, "cell": ids, "voxels": voxels, "dice": dice})
        apart = boundary_distances(truth, prediction, self.pixel_nm) if self.pixel_nm else {}
        self._pairs.append(pairs.assign(boundary_nm=pairs["cell"].map(apart).astype(float)))
        self._overlaps.append(overlaps)
        if sum(part.voxels.size for part in self._overlaps[1:]) > MERGE_AFTER:
            self._overlaps = [merge_overlaps(self._overlaps)]

    def pairs(self) -> pd.DataFrame:
        """Table z, distance (-1 = unknown), cell, voxels, dice, boundary_nm of cells of ``min_voxels`` or more."""
        if not self._pairs:
            return pd.DataFrame(columns=["z", "distance", "cell", "voxels", "dice", "boundary_nm"])
        pairs = pd.concat(self._pairs, ignore_index=True)
        total = pairs.groupby("cell")["voxels"].transform("sum")
        if self._unscored:
            elsewhere = pd.concat(self._unscored).groupby(level=0).sum()
            total = total + pairs["cell"].map(elsewhere).fillna(0)
        return pairs[total >= self.min_voxels].reset_index(drop=True)

    def rows(self) -> pd.DataFrame:
        """Scores as rows of metrics.csv; no rows when no slice was added."""
        if not self._slices:
            return _table([])
        overlaps = merge_overlaps(self._overlaps)
        pairs = self.pairs()
        error, precision, recall = adapted_rand(overlaps)
        split, merge = variation_of_information(overlaps)
        low, high = dice_interval(pairs)
        found = {iou: match_instances(overlaps, iou / 100, self.min_voxels) for iou in (50, 75)}
        values = {
            "dice": pairs["dice"].mean(),
            "dice_low": low,
            "dice_high": high,
            "dice_pairs": len(pairs),
            "foreground_dice": _foreground_dice(overlaps),
            "adapted_rand_error": error,
            "adapted_rand_precision": precision,
            "adapted_rand_recall": recall,
            "voi_split": split,
            "voi_merge": merge,
            **{f"average_precision_{iou}": average_precision(matches) for iou, matches in found.items()},
            **{f"panoptic_quality_{iou}": panoptic_quality(matches) for iou, matches in found.items()},
        }
        if self.pixel_nm:
            values["boundary_distance_nm"] = pairs["boundary_nm"].mean()
        rows = [
            (self.structure, name, self.split, value, len(self._slices)) for name, value in values.items()
        ]
        for distance, group in pairs[pairs["distance"] >= 0].groupby("distance"):
            numbers = (group["dice"].mean(), *dice_interval(group))
            for end, number in zip(("", "_low", "_high"), numbers, strict=True):
                name = f"dice_distance_{distance}{end}"
                rows.append((self.structure, name, self.split, number, group["z"].nunique()))
        return _table(rows)


class MaskScore:
    """Dice, precision and recall of one organelle, its voxels pooled over all slices added."""

    def __init__(self, structure: str, split: str = "truth"):
        self.structure, self.split = structure, split
        self._counts: list[tuple[int, int, int, int]] = []  # distance, common, truth, predicted
        self._slices: set[int] = set()

    def add(self, z: int, prediction: np.ndarray, truth: np.ndarray, distance: int | None = None) -> None:
        """Add slice ``z``: arrays (Y, X), not 0 = structure."""
        if prediction.shape != truth.shape:
            raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
        _check_new(z, self._slices)
        found, there = prediction != 0, truth != 0
        counts = (np.count_nonzero(found & there), np.count_nonzero(there), np.count_nonzero(found))
        self._counts.append((-1 if distance is None else int(distance), *map(int, counts)))

    def rows(self) -> pd.DataFrame:
        """Scores as rows of metrics.csv; no rows when no slice was added."""
        if not self._slices:
            return _table([])
        counts = np.array(self._counts)
        values = binary_scores(*counts[:, 1:].sum(axis=0).tolist())
        rows = [
            (self.structure, name, self.split, value, len(self._slices)) for name, value in values.items()
        ]
        for distance in np.unique(counts[counts[:, 0] >= 0, 0]):
            chosen = counts[counts[:, 0] == distance]
            value = binary_scores(*chosen[:, 1:].sum(axis=0).tolist())["dice"]
            rows.append((self.structure, f"dice_distance_{distance}", self.split, value, len(chosen)))
        return _table(rows)


class ProtrusionScore:
    """To which cells the voxels of true protrusions were given."""

    def __init__(self, structure: str = "cells", split: str = "truth"):
        self.structure, self.split = structure, split
        self._counts = np.zeros(3, np.int64)  # right, wrong, none
        self._slices: set[int] = set()
        self._with_protrusion = 0

    def add(self, z: int, prediction: np.ndarray, protrusions: np.ndarray) -> None:
        """Add slice ``z``: predicted cell ids (Y, X), and the true id at protrusion voxels (0 elsewhere)."""
        if prediction.shape != protrusions.shape:
            raise ValueError(f"protrusions have shape {protrusions.shape}, prediction {prediction.shape}")
        _check_new(z, self._slices)
        inside = protrusions != 0
        given, true = prediction[inside], protrusions[inside]
        right, none = np.count_nonzero(given == true), np.count_nonzero(given == 0)
        self._counts += (right, given.size - right - none, none)
        self._with_protrusion += given.size > 0

    def rows(self) -> pd.DataFrame:
        """Scores as rows of metrics.csv (n_slices: those with protrusions); no rows without protrusions."""
        total = self._counts.sum()
        if total == 0:
            return _table([])
        names = ("protrusion_right", "protrusion_wrong", "protrusion_none")
        return _table(
            [
                (self.structure, name, self.split, count / total, self._with_protrusion)
                for name, count in zip(names, self._counts.tolist(), strict=True)
            ]
        )


def dice_interval(pairs: pd.DataFrame) -> tuple[float, float]:
    """Ends of the 95 % interval of the mean of column ``dice``: a percentile bootstrap that draws whole cells.

    The slices of one cell are alike, so that drawing single pairs would make the interval too narrow. NaN of fewer than
    two cells.
    """
    cells = pairs.groupby("cell")["dice"].agg(["sum", "count"])
    if len(cells) < 2:
        return float("nan"), float("nan")
    found = bootstrap(
        (cells["sum"].to_numpy(), cells["count"].to_numpy()),
        lambda total, count, axis: total.sum(axis) / count.sum(axis),
        paired=True, vectorized=True, n_resamples=RESAMPLES, batch=50, method="percentile", rng=0,
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def distance_to_labelled(n_slices: int, labelled: Iterable[int]) -> np.ndarray:
    """For each slice the distance to the nearest labelled slice; -1 everywhere when none is labelled."""
    zs = np.unique(np.fromiter(labelled, np.int64))
    if zs.size == 0:
        return np.full(n_slices, -1, np.int64)
    return np.abs(np.arange(n_slices)[:, None] - zs[None, :]).min(axis=1)


def combine(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One metrics table (columns structure, metric, split, value, n_slices) from those of several scores."""
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else _table([])


def accuracy_by_distance(metrics: pd.DataFrame) -> pd.DataFrame:
    """Dice against the distance to the nearest labelled slice.

    Columns structure, split, distance, dice, low, high (95 % interval, NaN where there is none), n_slices.
    """
    key = ["structure", "split", "distance"]
    parts = metrics["metric"].astype(str).str.extract(DISTANCE)
    # Rows first, then columns: pandas gives a table without rows those of the column that it is assigned.
    parts = parts[parts[0].notna()]
    found = metrics.loc[parts.index].assign(distance=parts[0].astype(int), end=parts[1].fillna("_dice"))
    wide = found.pivot(index=key, columns="end", values="value").rename(columns=lambda end: end.lstrip("_"))
    wide = wide.reindex(columns=["dice", "low", "high"]).join(found.groupby(key)["n_slices"].first())
    return wide.reset_index().sort_values(key, ignore_index=True).rename_axis(columns=None)


def _foreground_dice(overlaps: Overlaps) -> float:
    truth, predicted = overlaps.truth != 0, overlaps.predicted != 0
    counts = (int(overlaps.voxels[chosen].sum()) for chosen in (truth & predicted, truth, predicted))
    return binary_scores(*counts)["dice"]


def _check_new(z: int, slices: set[int]) -> None:
    if z in slices:
        raise ValueError(f"slice {z} was added twice")
    slices.add(z)


def _table(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"value": float, "n_slices": int})
