"""How far maps are averaged over neighbouring slices, as pure numbers. Light to import.

A network predicts every slice alone, so noise makes its maps jitter from slice to slice where the tissue does not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

LEAST, MOST = (
    0.3,
    2.0,
)  # slices: below, neighbours weigh less than 0.4 % each; above, jobs would read far more
REACH = 2.0  # standard deviations


def deviation(voxel_size_nm: Sequence[float], downsample: int, smooth_z: float) -> float:
    """Standard deviation in slices for ``smooth_z`` in pixels at the network's scale; 0 where slices are too thick."""
    depth, *plane = voxel_size_nm
    found = min(smooth_z * downsample * min(plane) / depth, MOST)
    return round(found, 3) if found >= LEAST else 0.0


def reach(deviation: float) -> int:
    """Slices on either side that count."""
    return math.ceil(REACH * deviation)


def weights(deviation: float) -> list[float]:
    """Weights of a slice, of the slices next to it, and so on; those of all slices that count add up to 1."""
    if not deviation:
        return [1.0]
    found = [math.exp(-0.5 * (step / deviation) ** 2) for step in range(reach(deviation) + 1)]
    total = 2 * sum(found) - found[0]
    return [weight / total for weight in found]
