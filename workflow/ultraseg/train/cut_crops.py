"""Training crops for cuts between cells: ids move with the image, and their cuts are computed afterwards.

A cut is a difference between two pixels at a fixed distance. It cannot be moved like a mask: after a turn its pair of
pixels would point elsewhere. So the ids are moved, and the cuts are those of the moved ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import OFFSETS, cut_targets
from ultraseg.train.augment import Augmentation, _artefacts, _intensity, _sample, _sampling_map

# Weight of a pixel, 1..255: pixels of planes across the labelled slices are few, and each counts for more.
IN_PLANE, ACROSS = 32, 255


@dataclass(frozen=True)
class IdPlane:
    """A plane of a volume with ids on it: image uint8 (Y, X, C), the plane itself in the middle of its C neighbours.

    ids: int32 (Y, X), below 2^24; weight: uint8 (Y, X), 0 where no id is known. still: the plane is neither turned,
    scaled nor bent, because its ids lie on single rows.
    """

    image: NDArray[np.uint8]
    ids: NDArray[np.int32]
    weight: NDArray[np.uint8]
    still: bool = False


def neighbours(volume: NDArray[np.uint8], index: int, context: int) -> NDArray[np.uint8]:
    """The planes index - context .. index + context along axis 0, as the last axis; the edge plane repeats."""
    at = np.clip(np.arange(index - context, index + context + 1), 0, len(volume) - 1)
    return np.ascontiguousarray(np.moveaxis(volume[at], 0, -1))


def cut_crop(
    plane: IdPlane,
    crop: int,
    rng: np.random.Generator,
    settings: Augmentation,
    offsets: Sequence[int] = OFFSETS,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A random crop of a plane, changed at random: image (crop, crop, C) and truth (crop, crop, 4 len(offsets)), uint8.

    The truth holds the cuts (0 or 255), then their weights. The order of the neighbouring planes is reversed in half of
    the crops. What falls outside the plane is reflected in the image and has weight 0.
    """
    if plane.still:
        settings = replace(settings, rotation=0.0, scale=0.0, elastic=0.0)
    grid = _sampling_map(plane.ids.shape, crop, rng, settings)
    image = _sample(plane.image, grid, cv2.INTER_LINEAR, cv2.BORDER_REFLECT_101)
    if rng.random() < 0.5:
        image = np.ascontiguousarray(image[..., ::-1])
    # OpenCV moves no 32-bit integers; float32 holds every id exactly.
    at_x, at_y = grid
    ids = cv2.remap(
        plane.ids.astype(np.float32), at_x, at_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_REFLECT_101
    )
    weight = cv2.remap(plane.weight, at_x, at_y, cv2.INTER_NEAREST, borderMode=cv2.BORDER_CONSTANT)
    image = _artefacts(_intensity(image, rng, settings), rng, settings)
    target, holds = cut_targets(ids.astype(np.int32), weight > 0, offsets)
    truth = np.concatenate([target * np.uint8(255), holds * weight])
    return image, np.ascontiguousarray(truth.transpose(1, 2, 0))


def labelled_planes(
    volume: NDArray[np.uint8], ids: dict[int, NDArray[np.int32]], context: int
) -> Iterator[IdPlane]:
    """The labelled slices of a volume (Z, Y, X), normalised: ``ids`` (Y, X) by slice."""
    for z, labels in ids.items():
        weight = np.full(labels.shape, IN_PLANE, np.uint8)
        yield IdPlane(neighbours(volume, z, context), labels.astype(np.int32), weight)


def crossing_planes(
    volume: NDArray[np.uint8], ids: dict[int, NDArray[np.int32]], context: int, axis: int
) -> Iterator[IdPlane]:
    """All planes perpendicular to ``axis`` (1 = y, 2 = x), with the rows that cross labelled slices as their ids.

    So the network sees the planes on which it will predict cuts along z, and learns there the cuts that are known.
    """
    across: NDArray[Any] = np.moveaxis(volume, axis, 0)
    rows = np.array(sorted(ids))
    drawn = np.stack([ids[z] for z in rows])  # (labelled, Y, X)
    for i in range(len(across)):
        labels = np.zeros(across.shape[1:], np.int32)
        weight = np.zeros(across.shape[1:], np.uint8)
        labels[rows] = np.take(drawn, i, axis=axis)
        weight[rows] = ACROSS
        yield IdPlane(neighbours(across, i, context), labels, weight, still=True)
