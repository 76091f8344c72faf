"""What one training step sees: random crops of the tiles, changed at random, rare structures often."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import cv2
import keras
import numpy as np
from numpy.typing import NDArray

from ultraseg.train.augment import Augmentation, augment_parts
from ultraseg.train.cut_crops import cut_places, in_either_order, moved_cuts
from ultraseg.train.settings import TrainSettings
from ultraseg.train.tiles import Tiles

Draw = Callable[[np.random.Generator], tuple[NDArray[np.uint8], NDArray[np.uint8]]]

FOCUSED = 0.5  # share of the crops that are drawn around a pixel of some structure


class TileCrops(keras.utils.PyDataset):
    """Augmented crops of training tiles; batch i of epoch e is the same in every run with the same seed."""

    def __init__(self, draw: Draw, settings: TrainSettings, epoch: int, devices: int = 1):
        # Spread over several devices, Keras starts its workers twice and mixes the order of the batches.
        workers = 2 if devices == 1 else 1
        super().__init__(workers=workers, use_multiprocessing=False, max_queue_size=6)
        self.draw, self.settings, self.epoch = draw, settings, epoch

    def __len__(self) -> int:
        return self.settings.steps_per_epoch

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
        rng = np.random.default_rng([self.settings.seed, self.epoch, index])
        images, truths = zip(*(self.draw(rng) for _ in range(self.settings.batch)), strict=True)
        return np.stack(images).astype(np.float32), np.stack(truths)


class CropDraw:
    """Draws crops: half of them anywhere in what is labelled, half around a pixel of a structure, each as often.

    So rare structures are seen often. Their share is not faked: a crop that is drawn more often, because of what it
    shows, weighs less by the same factor. Sums over crops then mean what they mean on whole slices. Looks at all tiles
    once, when it is made.
    """

    def __init__(self, tiles: Tiles, crop: int, augmentation: Augmentation, channels: Sequence[str] = ()):
        self.tiles, self.crop, self.augmentation = tiles, crop, augmentation
        self.cuts = cut_places(channels)
        known = tiles.weight > 0
        places = tiles.stands_for
        labelled = places * known.any(-1).mean((1, 2))
        count = len(tiles)
        self.even = labelled / labelled.sum() if labelled.any() else np.full(count, 1 / count)
        area = places[:, None] * ((tiles.target > 127) & known).mean((1, 2))  # (tiles, structures)
        self.present = np.flatnonzero(area.sum(0) > 0)
        self.chance = {k: area[:, k] / area[:, k].sum() for k in self.present}
        self.usual = area.sum(0) / np.maximum((places[:, None] * known.mean((1, 2))).sum(0), 1e-9)

    def __call__(self, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """Image (crop, crop, C) and truth (crop, crop, 2 K), uint8; see ``augment.crop_and_augment``."""
        near: tuple[int, int] | None = None
        if len(self.present) and rng.random() < FOCUSED:
            k = rng.choice(self.present)
            i = rng.choice(len(self.tiles), p=self.chance[k])
            places = np.flatnonzero((self.tiles.target[i, ..., k] > 127) & (self.tiles.weight[i, ..., k] > 0))
            y, x = np.unravel_index(rng.choice(places), self.tiles.target.shape[1:3])
            near = int(y), int(x)
        else:
            i = rng.choice(len(self.tiles), p=self.even)
        extent = (int(self.tiles.height[i]), int(self.tiles.width[i]))
        image, target, weight = augment_parts(
            self.tiles.image[i],
            self.tiles.target[i],
            self.tiles.weight[i],
            self.crop,
            rng,
            self.augmentation,
            extent,
            near,
            partial(moved_cuts, self.tiles.ids[i], self.cuts) if self.cuts else None,
        )
        # Cuts are learned on slices and predicted on planes of all directions: none of them has an upper side.
        image = in_either_order(image, rng) if self.cuts else image
        if len(self.present):
            known = weight > 0
            weight = known * self._weight_of(target, known)
        return image, np.concatenate([target, weight], axis=-1)

    def _weight_of(self, target: NDArray[np.uint8], known: NDArray[np.bool]) -> np.uint8:
        """What a crop weighs."""
        share = _counts((target > 127) & known) / np.maximum(_counts(known), 1)
        often = (1 - FOCUSED) + FOCUSED * float(np.mean(share[self.present] / self.usual[self.present]))
        # The rarest draw is that of a crop without any structure: it weighs 255.
        return np.uint8(max(1, round(255 * (1 - FOCUSED) / often)))


def _counts(mask: NDArray[np.bool]) -> NDArray[np.int64]:
    """Pixels of a mask (y, x, K) that are set, per channel; NumPy's sum over the first axes takes ten times as long."""
    values = mask.view(np.uint8)
    channels = range(mask.shape[-1])
    return np.array([cv2.countNonZero(cv2.extractChannel(values, k)) for k in channels], np.int64)
