"""Scores of a segmentation against labels, gathered slice by slice in bounded memory, and the table of scores."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
RESAMPLES = 1000  # draws of the bootstrap for an interval
MERGE_AFTER = 2_000_000  # rows of overlap tables that are kept before they are added up
ALONE = 2**32 - 1  # minus the number of a true cell that has no partner
Row = tuple[str, str, str, float, int]  # of metrics.csv: structure, metric, split, value, n_slices


class CellScore:
    """Scores of the ids of cells.

    min_voxels: a true cell with fewer voxels over all slices, added or counted, does not enter the mean Dice; pixel_nm:
    size of a pixel (y, x), without which the distance between outlines is not measured. Dice compares ids as they are:
    a cell under another id than in the truth is wrong. shown: the ids that labels show, where they are known; the
    number of any other cell cannot be known, so its Dice is that of the new id, one for each cell, that overlaps it
    most. Adapted Rand error, variation of information and average precision do not depend on the numbers.
    """

    def __init__(
        self,
        structure: str = "cells",
        split: str = "truth",
        min_voxels: int = 2400,
        pixel_nm: tuple[float, float] | None = None,
        shown: Collection[int] | None = None,
    ):
        self.structure, self.split, self.min_voxels, self.pixel_nm = structure, split, min_voxels, pixel_nm
        self._shown = None if shown is None else np.array(sorted({*shown, 0}), np.int64)
        self._unshown: list[pd.DataFrame] = []
        self._overlaps: list[Overlaps] = []
        self._pairs: list[pd.DataFrame] = []
        self._slices: set[int] = set()
        self._unscored: list[pd.Series] = []

    def count(self, truth: NDArray[np.integer]) -> None:
        """Count the truth (Y, X) of a slice that is not scored towards the sizes of cells, for ``min_voxels``."""
        ids, voxels = np.unique(truth[truth != 0], return_counts=True)
        self._unscored.append(pd.Series(voxels, index=ids))

    def add(
        self, z: int, prediction: NDArray[np.integer], truth: NDArray[np.integer], distance: int | None = None
    ) -> None:
        """Score slice ``z``: labels (Y, X), and the distance to the nearest labelled slice if known.

        Raises ValueError for slices of two shapes, and for a slice that was scored before.
        """
        _check_new(z, self._slices)
        overlaps = count_overlaps(truth, prediction)
        ids, voxels, dice = dice_per_id(overlaps)
        distance = -1 if distance is None else int(distance)
        pairs = pd.DataFrame({"z": z, "distance": distance, "cell": ids, "voxels": voxels, "dice": dice})
        apart = boundary_distances(truth, prediction, self.pixel_nm) if self.pixel_nm else {}
        self._pairs.append(pairs.assign(boundary_nm=pairs["cell"].map(apart).astype(float)))
        if self._shown is not None:
            self._unshown.append(_unshown(overlaps, self._shown).assign(z=z))
        self._overlaps.append(overlaps)
        if sum(part.voxels.size for part in self._overlaps[1:]) > MERGE_AFTER:
            self._overlaps = [merge_overlaps(self._overlaps)]

    def pairs(self) -> pd.DataFrame:
        """One row for each cell of ``min_voxels`` or more in each slice.

        Columns: z, distance (-1 = unknown), cell, voxels, dice, boundary_nm.
        """
        if not self._pairs:
            return pd.DataFrame(columns=["z", "distance", "cell", "voxels", "dice", "boundary_nm"])
        pairs = pd.concat(self._pairs, ignore_index=True)
        if self._shown is not None:
            hidden = ~pairs["cell"].isin(self._shown)
            pairs.loc[hidden, "dice"] = _dice_of_new_ids(pairs[hidden], self._unshown)
        total = pairs.groupby("cell")["voxels"].transform("sum")
        if self._unscored:
            elsewhere = pd.concat(self._unscored).groupby(level=0).sum()
            total = total + pairs["cell"].map(elsewhere).fillna(0)
        return pairs[total >= self.min_voxels].reset_index(drop=True)

    def rows(self) -> pd.DataFrame:
        """The scores as rows of metrics.csv; no row where no slice was scored."""
        if not self._slices:
            return table_of([])
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
        rows: list[Row] = [
            (self.structure, name, self.split, value, len(self._slices)) for name, value in values.items()
        ]
        for distance, group in pairs[pairs["distance"] >= 0].groupby("distance"):
            numbers = (group["dice"].mean(), *dice_interval(group))
            for end, number in zip(("", "_low", "_high"), numbers, strict=True):
                name = f"dice_distance_{distance}{end}"
                rows.append((self.structure, name, self.split, number, group["z"].nunique()))
        return table_of(rows)


class MaskScore:
    """Dice, precision and recall of one organelle or mask, from the sum of its voxels over all slices."""

    def __init__(self, structure: str, split: str = "truth"):
        self.structure, self.split = structure, split
        self._counts: list[tuple[int, int, int, int]] = []  # distance, common, truth, predicted
        self._slices: set[int] = set()

    def add(
        self, z: int, prediction: NDArray[np.generic], truth: NDArray[np.generic], distance: int | None = None
    ) -> None:
        """Score slice ``z``: arrays (Y, X) that are not 0 where the structure is; distance and errors as for cells."""
        if prediction.shape != truth.shape:
            raise ValueError(f"truth has shape {truth.shape}, prediction {prediction.shape}")
        _check_new(z, self._slices)
        found, there = prediction != 0, truth != 0
        common, true, predicted = (int(np.count_nonzero(mask)) for mask in (found & there, there, found))
        self._counts.append((-1 if distance is None else int(distance), common, true, predicted))

    def rows(self) -> pd.DataFrame:
        """The scores as rows of metrics.csv; no row where no slice was scored."""
        if not self._slices:
            return table_of([])
        counts = np.array(self._counts)
        values = binary_scores(*counts[:, 1:].sum(axis=0).tolist())
        rows: list[Row] = [
            (self.structure, name, self.split, value, len(self._slices)) for name, value in values.items()
        ]
        for distance in np.unique(counts[counts[:, 0] >= 0, 0]):
            chosen = counts[counts[:, 0] == distance]
            value = binary_scores(*chosen[:, 1:].sum(axis=0).tolist())["dice"]
            rows.append((self.structure, f"dice_distance_{distance}", self.split, value, len(chosen)))
        return table_of(rows)


class ProtrusionScore:
    """Scores of protrusions: to which cells their voxels were given."""

    def __init__(self, structure: str = "cells", split: str = "truth"):
        self.structure, self.split = structure, split
        self._counts = np.zeros(3, np.int64)  # right, wrong, none
        self._slices: set[int] = set()
        self._with_protrusion = 0

    def add(self, z: int, prediction: NDArray[np.integer], protrusions: NDArray[np.integer]) -> None:
        """Score slice ``z``: predicted ids of cells (Y, X), and the true ids where protrusions are, 0 elsewhere.

        Raises ValueError for slices of two shapes, and for a slice that was scored before.
        """
        if prediction.shape != protrusions.shape:
            raise ValueError(f"protrusions have shape {protrusions.shape}, prediction {prediction.shape}")
        _check_new(z, self._slices)
        inside = protrusions != 0
        given, true = prediction[inside], protrusions[inside]
        right, none = np.count_nonzero(given == true), np.count_nonzero(given == 0)
        self._counts += (right, given.size - right - none, none)
        self._with_protrusion += given.size > 0

    def rows(self) -> pd.DataFrame:
        """The scores as rows of metrics.csv, n_slices of slices with protrusions; no row without protrusions."""
        total = self._counts.sum()
        if total == 0:
            return table_of([])
        names = ("protrusion_right", "protrusion_wrong", "protrusion_none")
        return table_of(
            [
                (self.structure, name, self.split, count / total, self._with_protrusion)
                for name, count in zip(names, self._counts.tolist(), strict=True)
            ]
        )


def _unshown(overlaps: Overlaps, shown: NDArray[np.int64]) -> pd.DataFrame:
    """Of one slice: where true cells that no label shows and new ids meet.

    Columns: truth, predicted, common (voxels), dice, of each pair.
    """
    table = pd.DataFrame(overlaps._asdict())
    sizes = {name: table.groupby(name)["voxels"].sum() for name in ("truth", "predicted")}
    table = table[~table["truth"].isin(shown) & ~table["predicted"].isin(shown)]
    total = table["truth"].map(sizes["truth"]) + table["predicted"].map(sizes["predicted"])
    return table.rename(columns={"voxels": "common"}).assign(dice=2 * table["voxels"] / total)


def _dice_of_new_ids(pairs: pd.DataFrame, unshown: Sequence[pd.DataFrame]) -> NDArray[np.float64]:
    """The Dice of pairs of cell and slice, of cells that no label shows, with their new ids; 0 where they have none.

    Of cells and new ids the two with the most common voxels in all slices belong together, then the next two.
    """
    table = pd.concat(unshown, ignore_index=True)
    number = _partners(table)
    table = table[table["truth"].map(number) == table["predicted"]]
    own = pd.MultiIndex.from_frame(pairs[["z", "cell"]])
    return table.set_index(["z", "truth"])["dice"].reindex(own).fillna(0.0).to_numpy()


def _partners(table: pd.DataFrame) -> dict[int, int]:
    """True id -> predicted id, of the columns truth, predicted and common of a table."""
    common = table.groupby(["truth", "predicted"])["common"].sum().sort_values(ascending=False, kind="stable")
    number: dict[int, int] = {}
    taken: set[int] = set()
    for truth, predicted in common.index:
        if truth not in number and predicted not in taken:
            number[truth] = predicted
            taken.add(predicted)
    return number


class Partners:
    """Numbers of true cells as the result has them, where no label gave the result its numbers.

    Of true and predicted cells the two with the most common voxels belong together, then the next two.
    """

    def __init__(self) -> None:
        self._tables: list[pd.DataFrame] = []
        self._number: dict[int, int] | None = None

    def add(self, prediction: NDArray[np.integer], truth: NDArray[np.integer]) -> None:
        """Count where the cells of a slice (Y, X) meet."""
        overlaps = count_overlaps(truth, prediction)
        table = pd.DataFrame(overlaps._asdict()).rename(columns={"voxels": "common"})
        self._tables.append(table[(table["truth"] != 0) & (table["predicted"] != 0)])

    def renumbered(self, truth: NDArray[np.integer]) -> NDArray[np.uint32]:
        """The truth (Y, X) with the numbers of the result; true cells without a partner get numbers of their own."""
        if self._number is None:
            self._number = _partners(pd.concat(self._tables)) if self._tables else {}
        ids, inverse = np.unique(truth, return_inverse=True)
        # The numbers of cells end at half of this range, so these are free.
        new = [self._number.get(i, ALONE - i) if i else 0 for i in ids.tolist()]
        return np.array(new, np.uint32)[inverse].reshape(truth.shape)


def dice_interval(pairs: pd.DataFrame) -> tuple[float, float]:
    """The ends of the 95 % interval of the mean of the column ``dice``, from a percentile bootstrap of whole cells.

    Whole cells are drawn because the slices of one cell are alike: draws of single pairs would make the interval too
    narrow. NaN for fewer than two cells.
    """
    cells = pairs.groupby("cell")["dice"].agg(["sum", "count"])
    if len(cells) < 2:
        return float("nan"), float("nan")
    from scipy.stats import bootstrap  # takes longer to import than the table of scores to read

    found = bootstrap(
        (cells["sum"].to_numpy(), cells["count"].to_numpy()),
        lambda total, count, axis: total.sum(axis) / count.sum(axis),
        paired=True, vectorized=True, n_resamples=RESAMPLES, batch=50, method="percentile", rng=0,
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)


def distance_to_labelled(n_slices: int, labelled: Iterable[int]) -> NDArray[np.int64]:
    """Distance of each slice to the nearest labelled slice; -1 everywhere where no slice is labelled."""
    zs = np.unique(np.fromiter(labelled, np.int64))
    if zs.size == 0:
        return np.full(n_slices, -1, np.int64)
    return np.abs(np.arange(n_slices)[:, None] - zs[None, :]).min(axis=1)


def combine(tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One table of scores, with the columns of metrics.csv, from the rows of several scores."""
    tables = [table for table in tables if len(table)]
    return pd.concat(tables, ignore_index=True)[COLUMNS] if tables else table_of([])


def accuracy_by_distance(metrics: pd.DataFrame) -> pd.DataFrame:
    """Dice by the distance to the nearest labelled slice, from the table of scores.

    Columns: structure, split, distance, dice, low and high (95 % interval, NaN where there is none), n_slices.
    """
    key = ["structure", "split", "distance"]
    parts = metrics["metric"].astype(str).str.extract(DISTANCE)
    # Rows are chosen before columns are added: a table without rows takes over the rows of an added column.
    parts = parts[parts[0].notna()]
    found = metrics.loc[parts.index].assign(distance=parts[0].astype(int), end=parts[1].fillna("_dice"))
    wide = found.pivot(index=key, columns="end", values="value").rename(columns=lambda end: end.lstrip("_"))
    wide = wide.reindex(columns=["dice", "low", "high"]).join(found.groupby(key)["n_slices"].first())
    return wide.reset_index().sort_values(key, ignore_index=True).rename_axis(columns=None)


def _foreground_dice(overlaps: Overlaps) -> float:
    """Dice of any cell against no cell."""
    truth, predicted = overlaps.truth != 0, overlaps.predicted != 0
    counts = (int(overlaps.voxels[chosen].sum()) for chosen in (truth & predicted, truth, predicted))
    return binary_scores(*counts)["dice"]


def _check_new(z: int, slices: set[int]) -> None:
    """Note slice z. Raises ValueError where it was noted before."""
    if z in slices:
        raise ValueError(f"slice {z} was added twice")
    slices.add(z)


def table_of(rows: Sequence[Row]) -> pd.DataFrame:
    """A table of scores, with its types also where it has no rows."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    return table.astype({"value": float, "n_slices": int})
