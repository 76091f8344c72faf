"""Numbers of a map of another program as probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.predict.map_source import MapSource

Limits = tuple[float, float]  # the numbers that mean a probability of 0 and of 1
SLACK = 0.01  # share of the range by which interpolation may leave it


def probability(source: MapSource, row: int, plane: NDArray[Any], limits: Limits) -> NDArray[np.float32]:
    """Slice ``row`` (Y, X) of a map as probabilities from 0 to 1. Raises UserError for numbers beyond the limits."""
    low, high = limits
    values = (plane.astype(np.float32) - low) / (high - low)
    if not (-SLACK <= values.min() and values.max() <= 1 + SLACK):  # true for NaN as well
        raise UserError(
            f"{source.name}: {source.path}: slice {row} holds numbers from {float(plane.min()):g} to "
            f"{float(plane.max()):g}, beyond the range from {min(limits):g} to {max(limits):g}",
            "Give the numbers that mean a probability of 0 and of 1, such as range: [0, 255].",
        )
    return np.clip(values, 0, 1)
