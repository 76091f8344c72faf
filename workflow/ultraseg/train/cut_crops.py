"""Training crops for cuts between cells: ids move with the image, and their cuts are computed afterwards.

A cut is a difference between two pixels at a fixed distance. It cannot be moved like a mask: after a turn its pair of
pixels would point elsewhere. So the ids are moved, and the cuts are those of the moved ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.cuts import cut_targets
from ultraseg.grid.cut_maps import OFFSETS
from ultraseg.networks.channels import cut_of
from ultraseg.train.augment import Augmentation, Maps, augment_parts

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

    The truth holds the cuts (0 or 255), then their weights. What falls outside the plane is reflected in the image and
    has weight 0.
    """
    if plane.still:
        settings = replace(settings, rotation=0.0, scale=0.0, elastic=0.0)
    places = [(axis, offset) for axis in (0, 1) for offset in offsets]
    weight = plane.weight[..., None]
    moved = partial(_cuts_alone, plane.ids, places)
    image, target, weight = augment_parts(plane.image, weight, weight, crop, rng, settings, None, None, moved)
    return in_either_order(image, rng), np.concatenate([target, weight], axis=-1)


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
    numbers = _moved(ids, grid, cv2.BORDER_CONSTANT)
    for k, (cut, holds) in zip(cuts, _targets(numbers, numbers > 0, list(cuts.values())), strict=True):
        target[..., k], weight[..., k] = 255 * cut, 255 * holds
    return target, weight


def _cuts_alone(
    ids: NDArray[np.int32],
    places: list[tuple[int, int]],
    grid: Maps,
    target: NDArray[np.uint8],
    weight: NDArray[np.uint8],
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Cuts and their weights (crop, crop, len(places)), from ids (T, T) and the moved weight (crop, crop, 1)."""
    found = _targets(_moved(ids, grid, cv2.BORDER_REFLECT_101), weight[..., 0] > 0, places)
    cuts = np.stack([cut for cut, _ in found], -1) * np.uint8(255)
    return cuts, np.stack([holds for _, holds in found], -1) * weight


def _moved(ids: NDArray[np.integer[Any]], grid: Maps, border: int) -> NDArray[np.int32]:
    # OpenCV moves no 32-bit integers; float32 holds every id below 2^24 exactly.
    at_x, at_y = grid
    return cv2.remap(ids.astype(np.float32), at_x, at_y, cv2.INTER_NEAREST, borderMode=border).astype(
        np.int32
    )


def _targets(
    ids: NDArray[np.int32], known: NDArray[np.bool_], places: Sequence[tuple[int, int]]
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Cut and where it holds, for each axis and offset."""
    offsets = sorted({offset for _, offset in places})
    target, holds = cut_targets(ids, known, offsets)
    at = [axis * len(offsets) + offsets.index(offset) for axis, offset in places]
    return [(target[k], holds[k]) for k in at]


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
