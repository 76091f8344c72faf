"""Training crops for cuts between cells: ids move with the image, and their cuts are computed afterwards.

A cut is a difference between two pixels at a fixed distance. It cannot be moved like a mask: after a turn its pair of
pixels would point elsewhere. So the ids are moved, and the cuts are those of the moved ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_targets
from ultraseg.networks.channels import cut_of
from ultraseg.train.augment import Maps


def in_either_order(image: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.uint8]:
    """A crop whose neighbouring planes (the last axis) are in reversed order in half of the cases."""
    return np.ascontiguousarray(image[..., ::-1]) if rng.random() < 0.5 else image


def cut_places(channels: Sequence[str]) -> dict[int, tuple[int, int]]:
    """Axis and offset of each channel of cuts, by its number among the channels."""
    return {k: cut for k, channel in enumerate(channels) if (cut := cut_of(channel))}


def moved_cuts(
    ids: NDArray[np.integer[Any]],
    cuts: dict[int, tuple[int, int]],
    grid: Maps,
    target: NDArray[np.uint8],
    weight: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Moved targets and weights (crop, crop, K) of a tile, with the cuts of its moved ids in the channels ``cuts``.

    ids: (T, T) of the tile, 0 where nothing is known. A cut counts where both of its pixels are known.
    """
    numbers = _moved(ids, grid)
    for k, (cut, holds) in zip(cuts, _targets(numbers, numbers > 0, list(cuts.values())), strict=True):
        target[..., k], weight[..., k] = 255 * cut, 255 * holds
    return target, weight


def _moved(ids: NDArray[np.integer[Any]], grid: Maps) -> NDArray[np.int32]:
    # OpenCV moves no 32-bit integers; float32 holds every id below 2^24 exactly.
    at_x, at_y = grid
    return cv2.remap(
        ids.astype(np.float32), at_x, at_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT
    ).astype(np.int32)


def _targets(
    ids: NDArray[np.int32], known: NDArray[np.bool_], places: Sequence[tuple[int, int]]
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cut and where it holds, for each axis and offset."""
    offsets = sorted({offset for _, offset in places})
    target, holds = cut_targets(ids, known, offsets)
    at = [axis * len(offsets) + offsets.index(offset) for axis, offset in places]
    return [(target[k], holds[k]) for k in at]
