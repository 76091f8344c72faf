"""Measures of agreement between two segmentations, from the table of how often their ids meet.

The table (truth id, predicted id, voxels) of a volume is the sum of the tables of its slices. So a measure that is
gathered slice by slice equals the measure of the whole volume.
"""

from __future__ import annotations

from typing import NamedTuple

import fastremap
import numpy as np
import pandas as pd
from numpy.typing import NDArray

LARGEST_DENSE_TABLE = 20_000_000  # entries; larger tables are counted by sorting
Ids = NDArray[np.integer]
Counts = NDArray[np.int64]


class Overlaps(NamedTuple):
    """How many voxels have the id ``truth[i]`` in the truth and ``predicted[i]`` in the prediction; each pair once."""

    truth: Counts
    predicted: Counts
    voxels: Counts


def count_overlaps(truth: Ids, predicted: Ids) -> Overlaps:
    """Count the pairs of ids, 0 included, of two label arrays of one shape. Raises ValueError for other shapes."""
    if truth.shape != predicted.shape:
        raise ValueError(f"truth has shape {truth.shape}, prediction {predicted.shape}")
    truth_ids, truth_index = _compact(truth)
    predicted_ids, predicted_index = _compact(predicted)
    size = truth_ids.size * predicted_ids.size
    key = truth_index * np.int64(predicted_ids.size) + predicted_index
    if size <= LARGEST_DENSE_TABLE:
        counts = np.bincount(key, minlength=size)
        pairs = np.flatnonzero(counts)
        counts = counts[pairs]
    else:
        pairs, counts = np.unique(key, return_counts=True)
    first, second = np.divmod(pairs, max(predicted_ids.size, 1))
    return Overlaps(truth_ids[first].astype(np.int64), predicted_ids[second].astype(np.int64), counts)


def merge_overlaps(parts: list[Overlaps]) -> Overlaps:
    """Add up the tables of parts of a volume."""
    if not parts:
        return Overlaps(*(np.zeros(0, np.int64) for _ in range(3)))
    columns = {name: np.concatenate([getattr(part, name) for part in parts]) for name in Overlaps._fields}
    table = pd.DataFrame(columns).groupby(["truth", "predicted"], as_index=False)["voxels"].sum()
    return Overlaps(*(table[name].to_numpy() for name in Overlaps._fields))


def dice_per_id(overlaps: Overlaps) -> tuple[Counts, Counts, NDArray[np.float64]]:
    """Dice of each id of the truth but 0 with the same id of the prediction.

    Returns the ids, their voxels in the truth, and their Dice: 2 * common / (truth + predicted) voxels.
    """
    ids, truth_voxels = _sum_by(overlaps.truth, overlaps.voxels)
    predicted_ids, predicted_voxels = _sum_by(overlaps.predicted, overlaps.voxels)
    same = overlaps.truth == overlaps.predicted
    common = _look_up(ids, overlaps.truth[same], overlaps.voxels[same])
    total = truth_voxels + _look_up(ids, predicted_ids, predicted_voxels)
    keep = ids != 0
    return ids[keep], truth_voxels[keep], 2.0 * common[keep] / total[keep]


def adapted_rand(overlaps: Overlaps) -> tuple[float, float, float]:
    """Adapted Rand error, its precision and its recall; voxels whose truth is 0 do not count.

    precision: the share of the pairs of voxels joined in the prediction that is joined in the truth (low: cells are
    merged); recall: the share of the pairs joined in the truth that is joined in the prediction (low: cells are
    split). The error is 1 - F score, as in Arganda-Carreras et al., Front. Neuroanat. 2015, 9:142. NaN where there is
    no pair.
    """
    truth_sizes, predicted_sizes, joint = _sizes(overlaps)
    voxels = joint.sum()
    both = (joint**2).sum() - voxels
    in_truth = (truth_sizes**2).sum() - voxels
    in_prediction = (predicted_sizes**2).sum() - voxels
    return (
        1.0 - _ratio(2.0 * both, in_truth + in_prediction),
        _ratio(both, in_prediction),
        _ratio(both, in_truth),
    )


def variation_of_information(overlaps: Overlaps) -> tuple[float, float]:
    """Variation of information in bits, as (split, merge); voxels whose truth is 0 do not count.

    split = H(prediction | truth), merge = H(truth | prediction), as in Meila, J. Multivar. Anal. 2007. NaN where there
    is no voxel.
    """
    truth_sizes, predicted_sizes, joint = _sizes(overlaps)
    voxels = joint.sum()
    if voxels == 0:
        return float("nan"), float("nan")
    joint_entropy = _entropy(joint / voxels)
    return (
        float(max(joint_entropy - _entropy(truth_sizes / voxels), 0.0)),
        float(max(joint_entropy - _entropy(predicted_sizes / voxels), 0.0)),
    )


class Matches(NamedTuple):
    """How many instances match, are missed and are invented, and the sum of the IoU of the matches."""

    hits: int
    missed: int
    invented: int
    iou_sum: float


def match_instances(overlaps: Overlaps, iou: float = 0.5, min_voxels: int = 0) -> Matches:
    """Match every true instance with the predicted instance whose intersection over union (IoU) exceeds ``iou``.

    An instance of fewer than ``min_voxels`` voxels is neither missed nor invented. Raises ValueError for an iou below
    0.5, where matches would not be unique, or from 1 on.
    """
    if not 0.5 <= iou < 1:
        raise ValueError(f"iou is {iou}, must lie in [0.5, 1)")
    truth_ids, truth_sizes = _sum_by(overlaps.truth, overlaps.voxels)
    predicted_ids, predicted_sizes = _sum_by(overlaps.predicted, overlaps.voxels)
    both = (overlaps.truth != 0) & (overlaps.predicted != 0)
    truth, predicted, common = (column[both] for column in overlaps)
    union = (
        _look_up(truth, truth_ids, truth_sizes) + _look_up(predicted, predicted_ids, predicted_sizes) - common
    )
    matched = common > iou * union
    large_truth = truth_ids[(truth_ids != 0) & (truth_sizes >= min_voxels)]
    large_predicted = predicted_ids[(predicted_ids != 0) & (predicted_sizes >= min_voxels)]
    counted = matched & np.isin(truth, large_truth)
    hits = int(counted.sum())
    return Matches(
        hits,
        int(large_truth.size - hits),
        int((~np.isin(large_predicted, predicted[matched])).sum()),
        float((common[counted] / union[counted]).sum()),
    )


def average_precision(found: Matches) -> float:
    """Matched / (matched + missed + invented) instances; NaN where there is no instance."""
    return _ratio(found.hits, found.hits + found.missed + found.invented)


def panoptic_quality(found: Matches) -> float:
    """Sum of the IoU of the matches / (matched + half of missed and invented instances).

    It is the mean IoU of the matches times the F score of matching, as in Kirillov et al., CVPR 2019. NaN where there
    is no instance.
    """
    return _ratio(found.iou_sum, found.hits + (found.missed + found.invented) / 2)


def boundary_distances(truth: Ids, predicted: Ids, pixel_nm: tuple[float, float]) -> dict[int, float]:
    """The mean distance in nm between the two outlines of each id that has one in both label slices (Y, X).

    pixel_nm: size of a pixel (y, x). The outline of a cell is its pixels that touch another label; the edge of the
    slice is no outline. The distance is the mean of truth to prediction and of prediction to truth (average symmetric
    surface distance).
    """
    from scipy.spatial import KDTree  # jobs that only read scores do not wait for it

    true, found = _outlines(truth, pixel_nm), _outlines(predicted, pixel_nm)
    return {
        cell: float(
            (KDTree(found[cell]).query(ours)[0].mean() + KDTree(ours).query(found[cell])[0].mean()) / 2
        )
        for cell, ours in true.items()
        if cell in found
    }


def _outlines(labels: Ids, pixel_nm: tuple[float, float]) -> dict[int, NDArray[np.float64]]:
    """The places (n, 2), in nm, of the outline of each id but 0."""
    from skimage.segmentation import find_boundaries

    y, x = np.nonzero(find_boundaries(labels, mode="inner") & (labels != 0))
    ids = labels[y, x]
    order = np.argsort(ids, kind="stable")
    cells, first = np.unique(ids[order], return_index=True)
    places = np.stack([y, x], 1)[order] * np.asarray(pixel_nm, float)
    return dict(zip(cells.tolist(), np.split(places, first[1:]), strict=True)) if len(cells) else {}


def binary_scores(common: int, truth: int, predicted: int) -> dict[str, float]:
    """Dice, precision and recall of a mask, from the voxels of truth, prediction and both; NaN for 0 / 0."""
    return {
        "dice": _ratio(2 * common, truth + predicted),
        "precision": _ratio(common, predicted),
        "recall": _ratio(common, truth),
    }


def _compact(labels: Ids) -> tuple[Ids, Counts]:
    """The ids in ascending order, and for each voxel the place of its id among them."""
    flat = np.ascontiguousarray(labels).ravel()
    if flat.dtype == bool:
        flat = flat.view(np.uint8)
    ids = fastremap.unique(flat)
    if ids.size == 0:
        return ids, flat.astype(np.int64)
    largest = int(ids[-1])
    if largest < 1 << 24 and int(ids[0]) >= 0:  # a look-up table is far faster than sorting
        table = np.zeros(largest + 1, np.int32)
        table[ids] = np.arange(ids.size)
        return ids, table[flat].astype(np.int64)
    return ids, np.searchsorted(ids, flat)


def _sum_by(ids: Counts, voxels: Counts) -> tuple[Counts, Counts]:
    """The different ids in ascending order, and the sum of the voxels of each."""
    unique, index = np.unique(ids, return_inverse=True)
    return unique, np.bincount(index, weights=voxels, minlength=unique.size).astype(np.int64)


def _look_up(wanted: Counts, ids: Counts, values: Counts) -> Counts:
    """The value of each wanted id, 0 where it is not among ``ids``, which ascend."""
    if ids.size == 0:
        return np.zeros(wanted.shape, np.int64)
    position = np.minimum(np.searchsorted(ids, wanted), ids.size - 1)
    return np.where(ids[position] == wanted, values[position], 0)


def _sizes(overlaps: Overlaps) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Voxels of the ids of the truth, of the ids of the prediction, and of their pairs, where the truth is not 0."""
    inside = overlaps.truth != 0
    truth, predicted, joint = (column[inside] for column in overlaps)
    # In doubles, as the squares of the sizes of large cells do not fit 64-bit integers.
    return (
        _sum_by(truth, joint)[1].astype(float),
        _sum_by(predicted, joint)[1].astype(float),
        joint.astype(float),
    )


def _entropy(probabilities: NDArray[np.float64]) -> float:
    """The entropy in bits; all probabilities are above 0."""
    return float(-(probabilities * np.log2(probabilities)).sum())


def _ratio(part: float, whole: float) -> float:
    """part / whole, NaN where whole is 0."""
    return float(part) / float(whole) if whole else float("nan")
