"""Tiles with one common, one rare and one missing structure."""

import numpy as np
from ultraseg.train.tiles import Tiles


def rare_tiles(count=6, size=128):
    """Structure 0 covers a third everywhere, structure 1 is one small patch in one tile, structure 2 is nowhere."""
    target = np.zeros((count, size, size, 3), np.uint8)
    target[:, :, ::3, 0] = 255
    target[2, 40:46, 50:56, 1] = 255
    weight = np.full_like(target, 255)
    sides = np.full(count, size, np.int32)
    zero = np.zeros(count, np.int32)
    return Tiles(target[..., :1].copy(), target, weight, zero, zero, zero, sides, sides, np.ones(count))
