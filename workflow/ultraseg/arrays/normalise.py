"""Grey values as networks see them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MEAN, SPREAD = 128.0, 40.0  # mean and standard deviation of every normalised slice


def normalise_slice(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bring a slice (y, x) to mean 128 and standard deviation 40, not counting pure black and white.

    Where fewer than 1 % of the pixels are neither black nor white, all pixels count. Training and prediction both
    normalise the whole slice, at the network's scale.
    """
    counts = np.bincount(image.ravel(), minlength=256).astype(np.float64)
    grey = counts.copy()
    grey[[0, 255]] = 0  # these are padding of aligned stacks, and saturation
    if grey.sum() < 0.01 * counts.sum():
        grey = counts
    values = np.arange(256.0)
    mean = (grey * values).sum() / grey.sum()
    spread = np.sqrt((grey * (values - mean) ** 2).sum() / grey.sum())
    table = MEAN + (values - mean) * (SPREAD / max(spread, 1.0))
    return np.clip(np.rint(table), 0, 255).astype(np.uint8)[image]
