"""Labelled slices that are held back for validation: which of their labels training needs all the same, and when."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, replace

import numpy as np
from numpy.typing import NDArray

from ultraseg.networks.channels import is_of_cells
from ultraseg.train.tiles import Tiles

FEW, SHARE = 3, 0.6  # so few labelled slices are held back for this share of the training only
SCARCE = 0.5  # a structure is scarce where training has less than this share of what is held back


def share_of(wanted: float | None, slices: int) -> float:
    """The share of a training for which validation slices are held back, of so many that train or validate.

    ``wanted``: of the settings, None where they leave it open. Of few slices, each one that is held back is missed.
    """
    if wanted is not None:
        return wanted
    return SHARE if slices <= FEW else 1.0


def scarce_channels(train: Tiles, held: Tiles, channels: Sequence[str]) -> list[int]:
    """Positions of the channels of which training would lose most examples to validation.

    Their pixels are fewer, and they cover a smaller share of what is labelled: so it is no matter of how many slices
    each split has. Cells are never scarce, as every slice is full of them.
    """
    if not len(held):
        return []
    (learned, area), (kept, held_area) = _pixels(train), _pixels(held)
    fewer = (learned < SCARCE * kept) & (learned * held_area < SCARCE * kept * area)
    return [k for k in np.flatnonzero(fewer).tolist() if not is_of_cells(channels[k])]


def without(held: Tiles, channels: Sequence[int]) -> Tiles:
    """Tiles that tell nothing of some channels: what training learns from cannot validate it."""
    if not channels or not len(held):
        return held
    weight = held.weight.copy()
    weight[..., list(channels)] = 0
    return replace(held, weight=weight)


def only(held: Tiles, channels: Sequence[int]) -> Tiles:
    """Tiles that tell of some channels alone, and of no cells."""
    rest = [k for k in range(held.weight.shape[-1]) if k not in channels]
    return replace(without(held, rest), ids=np.zeros_like(held.ids))


def together(first: Tiles, second: Tiles) -> Tiles:
    """Tiles of both; sides of tiles are padded to the larger ones, with nothing known."""
    side = max(first.image.shape[1], second.image.shape[1])
    parts = [_padded(tiles, side) for tiles in (first, second) if len(tiles)]
    return Tiles(**{f.name: np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(Tiles)})


def _padded(tiles: Tiles, side: int) -> Tiles:
    more = side - tiles.image.shape[1]
    if not more:
        return tiles
    pad = [(0, 0), (0, more), (0, more)]
    return replace(
        tiles,
        image=np.pad(tiles.image, [*pad, (0, 0)], mode="edge"),
        target=np.pad(tiles.target, [*pad, (0, 0)]),
        weight=np.pad(tiles.weight, [*pad, (0, 0)]),
        ids=np.pad(tiles.ids, pad) if tiles.ids.shape[1] else tiles.ids,
    )


def _pixels(tiles: Tiles) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Pixels of each channel, and those where it is labelled, on whole slices."""
    known = tiles.weight > 0
    counts = [part.sum((1, 2)) for part in ((tiles.target > 127) & known, known)]
    inside, labelled = (np.asarray((tiles.stands_for[:, None] * count).sum(0)) for count in counts)
    return inside, np.maximum(labelled, 1)
