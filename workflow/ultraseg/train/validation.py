"""Thresholds, Dice and loss of a network on validation tiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ultraseg.train.losses import loss_by_name, pack
from ultraseg.train.settings import VALIDATION_TILES
from ultraseg.train.thresholds import HALF, best_level, dice_by_level, level_counts, scale_of
from ultraseg.train.tiles import Tiles

if TYPE_CHECKING:
    import keras


KEPT = 0.7  # of what is remembered, at each epoch: the mean is over the last three epochs or so


@dataclass(frozen=True)
class Validation:
    """Dice (256,) by threshold of each channel of which anything is labelled, and the loss, None where nothing is."""

    channels: tuple[str, ...]
    curves: Mapping[str, NDArray[np.float64]]
    loss: float | None

    @property
    def thresholds(self) -> dict[str, int]:
        """The threshold (1-255) of each channel, a half where no label tells it."""
        return {
            name: best_level(self.curves[name])[0] if name in self.curves else HALF for name in self.channels
        }

    @property
    def dice(self) -> dict[str, float | None]:
        """Dice of each channel at its threshold, None where no label tells it."""
        return {
            name: best_level(self.curves[name])[1] if name in self.curves else None for name in self.channels
        }

    def after(self, earlier: Mapping[str, Sequence[float]], epochs: int) -> Validation:
        """The mean over the last epochs, in which earlier ones fade. ``earlier``: the mean of ``epochs`` epochs.

        On few slices Dice moves by 0.05 from epoch to epoch. So one epoch tells neither the best one nor a threshold.
        """
        share = (1 - KEPT) / (1 - KEPT ** (epochs + 1))  # all epochs count alike where there are few
        curves = {
            name: curve if not epochs else (1 - share) * np.asarray(earlier[name]) + share * curve
            for name, curve in self.curves.items()
        }
        return Validation(self.channels, curves, self.loss)

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
    curves = {name: dice_by_level(counts[k]) for k, name in enumerate(channels) if counts[k][1].any()}
    return Validation(tuple(channels), curves, float(np.mean(losses)) if losses else None)


def spread_rows(count: int, most: int) -> list[int]:
    """Up to ``most`` of the numbers below ``count``, spread evenly."""
    if not count:
        return []
    return np.unique(np.linspace(0, count - 1, min(most, count)).astype(int)).tolist()
