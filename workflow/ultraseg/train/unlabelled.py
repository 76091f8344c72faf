"""Learning from slices without labels: what a network learns there is the mean of eight views of its own maps.

Views of one tile differ where the network is in doubt. Their mean is better than each of them, and one view can learn
it. Several snapshots of the training are averaged as well.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ultraseg.train.augment import augment_parts
from ultraseg.train.crops import CropDraw
from ultraseg.train.tiles import Tiles

Run = Callable[[NDArray[np.float32]], NDArray[np.float32]]

SNAPSHOTS = (0.6, 0.7, 0.8, 0.9)  # progress of the training at which its network is a teacher
KEPT = 0.5  # of the mean of earlier snapshots, at each one
SHARE = 0.3  # of the crops that are of slices without labels, from the first snapshot on


def snapshots_until(progress: float) -> int:
    """How many snapshots are due at this progress of a training, 0 to 1."""
    return sum(progress >= at for at in SNAPSHOTS)


def views_of(run: Run, image: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and standard deviation (T, T, K) of a network's maps of eight views of a tile (T, T, C)."""
    views = []
    for turn in range(4):
        for flip in (False, True):
            view = np.rot90(image, turn)
            seen = view[:, ::-1] if flip else view
            found = run(np.ascontiguousarray(seen, np.float32)[None])[0]
            views.append(np.rot90(found[:, ::-1] if flip else found, -turn))
    return np.mean(views, axis=0, dtype=np.float32), np.std(views, axis=0, dtype=np.float32)


def taught_by(tiles: Tiles, run: Run, earlier: Tiles | None) -> Tiles:
    """The tiles with what one more snapshot says of them: target, and weight by how far its views agree.

    ``tiles``: as they are cut, with weights where the slice is. ``earlier``: what this returned for the last snapshot.
    """
    target, weight = np.empty_like(tiles.target), np.empty_like(tiles.weight)
    for i, image in enumerate(tiles.image):
        mean, spread = views_of(run, image)
        # Views that say 0 and 1 half of the time deviate by a half: nothing is learned there.
        agreement = 1 - 2 * spread
        if earlier is not None:
            mean = KEPT * earlier.target[i] / 255 + (1 - KEPT) * mean
            agreement = KEPT * earlier.weight[i] / 255 + (1 - KEPT) * agreement
        target[i] = np.rint(255 * mean.clip(0, 1))
        weight[i] = np.where(tiles.weight[i] > 0, np.rint(255 * agreement.clip(0, 1)), 0)
    return replace(tiles, target=target, weight=weight)


class MixedDraw:
    """Draws crops of labelled tiles, and a share of them of tiles that a teacher labelled."""

    def __init__(self, labelled: CropDraw, taught: Tiles):
        self.labelled, self.taught = labelled, taught
        places = taught.stands_for.astype(np.float64)
        self.chance = places / places.sum()

    def __call__(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image (crop, crop, C) and truth (crop, crop, 2 K), uint8, as ``crops.CropDraw`` gives them."""
        if rng.random() >= SHARE:
            return self.labelled(rng)
        i = rng.choice(len(self.taught), p=self.chance)
        extent = int(self.taught.height[i]), int(self.taught.width[i])
        image, target, weight = augment_parts(
            self.taught.image[i],
            self.taught.target[i],
            self.taught.weight[i],
            self.labelled.crop,
            rng,
            self.labelled.augmentation,
            extent,
            None,
        )
        # Half of the labelled crops are drawn anywhere, and weigh about half of what is possible.
        return image, np.concatenate([target, weight // 2], axis=-1)
