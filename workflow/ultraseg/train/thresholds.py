"""Which probability a pixel must reach to belong to a structure: chosen at the size at which it will be cut."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from ultraseg.arrays.scale import enlarge_map
from ultraseg.networks.channels import is_of_cells

FOUND = 0.5  # Dice of a structure that a network has hardly found: its threshold would be chance
HALF = 128  # the level of a probability of a half
NEARLY = 0.005  # a few slices do not tell thresholds apart whose Dice differs by less than this


def scale_of(channel: str, downsample: int) -> int:
    """How much the map of a channel is enlarged before it is cut.

    Cells are made at the network's scale, all other structures at the scale of the image.
    """
    return 1 if is_of_cells(channel) else downsample


def level_counts(
    probability: NDArray[np.uint8], target: NDArray[np.uint8], weight: NDArray[np.uint8], enlarge: int
) -> NDArray[np.float64]:
    """Pixels per level of probability outside and inside of a structure, float64 (2, 256), where it is known.

    probability, target (share of the structure in a pixel) and weight (0: not known) are uint8 (y, x) at the
    network's scale. They are enlarged as the maps of the volume are before they are cut: at the network's scale the
    level hardly matters, as few pixels lie on an outline, and in the image it moves the outline.
    """
    levels, inside = enlarge_map(probability, enlarge), enlarge_map(target, enlarge) > 127
    known = (weight > 0).repeat(enlarge, 0).repeat(enlarge, 1)
    sides = [known & ~inside, known & inside]
    return np.stack(
        [cv2.calcHist([levels], [0], s.astype(np.uint8), [256], [0, 256]).ravel() for s in sides]
    ).astype(np.float64)


def dice_by_level(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dice (256,) for each level from which on a pixel belongs to the structure; ``counts`` as of ``level_counts``."""
    false, hit = counts[:, ::-1].cumsum(1)[:, ::-1]
    return 2 * hit / np.maximum(hit + false + counts[1].sum(), 1)


def best_level(dice: NDArray[np.float64]) -> tuple[int, float]:
    """The level (1-255) with the best Dice, and its Dice; of levels that are nearly as good, the one nearest to a half.

    dice: (256,) for each level (``dice_by_level``).
    """
    best = np.flatnonzero(dice[1:] >= dice[1:].max() - NEARLY) + 1
    level = int(best[np.abs(best - HALF).argmin()])
    return level, float(dice[level])
