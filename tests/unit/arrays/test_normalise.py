"""Slices are brought to one mean and spread."""

import numpy as np
from ultraseg.arrays.normalise import MEAN, SPREAD, normalise_slice


def test_normalise_slice_ignores_black_padding_and_gain():
    rng = np.random.default_rng(1)
    image = rng.normal(100, 15, (200, 200)).clip(1, 254).astype(np.uint8)
    padded = image.copy()
    padded[:, :80] = 0
    normal = normalise_slice(padded)[:, 80:]
    assert abs(normal.mean() - 128) < 1 and abs(normal.std() - 40) < 1
    darker = (image * 0.5).astype(np.uint8)
    assert np.abs(normalise_slice(darker).astype(int) - normalise_slice(image)).mean() < 3
    assert (normalise_slice(np.zeros((4, 4), np.uint8)) == 128).all()


def test_mean_and_spread_are_those_that_training_takes():
    grey = np.random.default_rng(2).integers(90, 110, (100, 100)).astype(np.uint8)
    normal = normalise_slice(grey)
    assert abs(normal.mean() - MEAN) < 0.5 and abs(normal.std() - SPREAD) < 0.5
    assert normal.dtype == np.uint8 and np.unique(normal).size == np.unique(grey).size == 20


def test_where_nearly_all_is_black_or_white_these_count():
    halves = np.zeros((100, 100), np.uint8)
    halves[:, 50:] = 255
    halves[0, 0] = 100  # alone it would be the mean, and the rest would be cut off
    normal = normalise_slice(halves)
    assert normal[50, 0] == MEAN - SPREAD and normal[50, 99] == MEAN + SPREAD
