"""Which crops training sees: rare structures often, and yet with the share that they have."""

import numpy as np
import pytest
from rare_tiles import rare_tiles
from ultraseg.train.augment import NONE
from ultraseg.train.crops import CropDraw


def _drawn(tiles, count, crop=32):
    draw, rng = CropDraw(tiles, crop, NONE), np.random.default_rng(0)
    return np.stack([draw(rng)[1] for _ in range(count)]).astype(np.float64)


def test_a_rare_structure_is_seen_often_and_keeps_its_share():
    tiles = rare_tiles()
    truth = _drawn(tiles, 3000)
    seen = (truth[..., 1] > 0).any((1, 2)).mean()
    by_chance = (64 / 97) ** 2 / 6 * 0.3
    assert seen > 0.2 > 2 * by_chance
    for k in (0, 1):
        weight = truth[..., 3 + k]
        share = (weight * truth[..., k]).sum() / 255 / weight.sum()
        assert share == pytest.approx((tiles.target[..., k] > 0).mean(), rel=0.35 if k else 0.05)


def test_slices_without_any_structure_train_too():
    tiles = rare_tiles()
    empty = (_drawn(tiles, 300)[..., 1] == 0).all((1, 2))
    assert empty.sum() > 50
    tiles.target[:] = 0
    assert (_drawn(tiles, 20)[..., 3:] == 255).all()


def test_what_is_not_labelled_keeps_no_weight():
    tiles = rare_tiles()
    tiles.weight[:, 64:] = 0
    tiles.weight[..., 2] = 0
    truth = _drawn(tiles, 200)
    assert (truth[..., 5] == 0).all() and (truth[..., 3] == 0).any() and (truth[..., 3] > 0).any()
