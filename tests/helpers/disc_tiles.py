"""Tiles with bright discs on dark noise, which a tiny network learns in seconds."""

import numpy as np
from ultraseg.train.augment import NONE
from ultraseg.train.settings import TrainSettings
from ultraseg.train.tiles import cut_tiles

SMALL = TrainSettings(
    filters=(6, 8), crop=32, batch=4, epochs=6, steps_per_epoch=12, learning_rate=1e-2, augmentation=NONE
)


def disc_tiles(z, weight=(1,), structures=1):
    """Bright discs on dark noise: structure 0; structure 1 is the background."""
    rng = np.random.default_rng(z)
    y, x = np.mgrid[:64, :64]
    mask = np.zeros((64, 64), bool)
    for cy, cx in rng.integers(8, 56, (4, 2)):
        mask |= (y - cy) ** 2 + (x - cx) ** 2 < 49
    image = (80 + 60 * mask + rng.normal(0, 12, mask.shape)).clip(0, 255).astype(np.uint8)
    target = np.stack([mask, ~mask])[:structures].astype(np.uint8) * 255
    return cut_tiles(image[None], target, np.array(weight), z=z, tile=64)
