"""Trust in carried ids, and the confidence as which it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Trust is a weight that falls steeply with distance. Its tenth root is about the share of voxels that are right,
# measured on FIB-SEM neuropil with labels on every 10th to 40th slice. The root also keeps its precision in 8 bits.
CONFIDENCE_ROOT = 0.1


def to_confidence(trust: NDArray[np.floating[Any]]) -> NDArray[np.uint8]:
    """Trust 0..1 as confidence uint8, about the chance of being right times 255."""
    return np.rint(255 * np.clip(trust, 0, 1) ** CONFIDENCE_ROOT).astype(np.uint8)


def to_trust(confidence: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Confidence uint8 back to trust, float32 0..1."""
    return ((np.arange(256) / 255) ** (1 / CONFIDENCE_ROOT)).astype(np.float32)[confidence]


def fill_bad(
    labels: NDArray[Any],
    confidence: NDArray[Any],
    zs: Sequence[int],
    first: int,
    stand_ins: Sequence[int],
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Labels and confidence of all slices of a gap from those of its good slices.

    labels, confidence: (len(zs), Y, X) of the good slices ``zs``; stand_ins: for each slice of the gap, from
    ``first`` on, the good slice whose labels it shows (``Stepping.stand_ins``). Bad slices have confidence 0.
    """
    if len(zs) == len(stand_ins):
        return labels, confidence
    place = {z: i for i, z in enumerate(zs)}
    index = [place[z] for z in stand_ins]
    confidence = confidence[index]
    confidence[[i for i, z in enumerate(stand_ins) if z != first + i]] = 0
    return labels[index], confidence
