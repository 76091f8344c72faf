"""Thresholds, Dice and loss of a network on validation tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ultraseg.train.losses import loss_by_name, pack
from ultraseg.train.settings import VALIDATION_TILES
from ultraseg.train.thresholds import best_level, level_counts, scale_of
from ultraseg.train.tiles import Tiles

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Validation:
    """Threshold (0-255) and Dice of each channel, and the loss; Dice and loss are None where no label tells them."""

    thresholds: dict[str, int]
    dice: dict[str, float | None]
    loss: float | None

    @property
    def score(self) -> float | None:
        """Mean Dice of the channels that have one; None where there is none."""
        known = [value for value in self.dice.values() if value is not None]
        return sum(known) / len(known) if known else None


def validate(
    model: keras.Model,
    tiles: Tiles,
    channels: Sequence[str],
    loss: str,
    most: int = VALIDATION_TILES,
    devices: int = 1,
    downsample: int = 1,
) -> Validation:
    """Validate a network on up to ``most`` tiles spread evenly.

    Thresholds and Dice are those of maps at the size at which the maps will be cut (``thresholds.level_counts``).
    """
    counts = np.zeros((len(channels), 2, 256))
    losses = []
    for i in spread_rows(len(tiles), most):
        image, target, weight = (a[i : i + 1] for a in (tiles.image, tiles.target, tiles.weight))
        # A network on several devices wants a tile for each of them, and returns as many or more.
        p = np.asarray(model.predict_on_batch(np.repeat(image.astype(np.float32), devices, axis=0)))[:1]
        losses.append(float(loss_by_name(loss)(pack(target, weight), p)))
        levels = np.rint(255 * p).astype(np.uint8)
        for k, name in enumerate(channels):
            enlarge = scale_of(name, downsample)
            counts[k] += level_counts(levels[0, ..., k], target[0, ..., k], weight[0, ..., k], enlarge)
    picked = {name: best_level(counts[k]) for k, name in enumerate(channels)}
    return Validation(
        {name: level for name, (level, _) in picked.items()},
        {name: dice for name, (_, dice) in picked.items()},
        float(np.mean(losses)) if losses else None,
    )


def spread_rows(count: int, most: int) -> list[int]:
    """Up to ``most`` of the numbers below ``count``, spread evenly."""
    if not count:
        return []
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)).tolist()
