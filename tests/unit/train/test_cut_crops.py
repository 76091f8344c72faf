"""Crops whose ids move with the image before their cuts are computed."""

from functools import partial

import numpy as np
from ultraseg.arrays.cuts import cut_targets
from ultraseg.grid.cut_maps import OFFSETS
from ultraseg.networks.channels import channels_of
from ultraseg.train.augment import NONE, Augmentation, augment_parts
from ultraseg.train.crops import CropDraw
from ultraseg.train.cut_crops import cut_places, in_either_order, moved_cuts
from ultraseg.train.tiles import cut_tiles, read_tiles, write_tiles

K = 2 * len(OFFSETS)
CHANNELS = channels_of("cells", "cells", OFFSETS)


def stripes(size=64):
    """Ids from 1, in stripes, and an image (Y, X, 3) whose grey value tells the id."""
    ids = np.repeat(np.arange(1, 9), size // 8)[None].repeat(size, 0).astype(np.int32)
    return ids, np.stack([(ids - 1) * 30] * 3, -1).astype(np.uint8)


def moved(crop, seed, settings, size=64):
    """A crop of stripes: image, cuts and where they hold (crop, crop, K)."""
    ids, image = stripes(size)
    cuts = cut_places([channel for channel in CHANNELS if "cut" in channel])
    blank = np.zeros((*ids.shape, K), np.uint8)
    return augment_parts(
        image,
        blank,
        blank,
        crop,
        np.random.default_rng(seed),
        settings,
        None,
        None,
        partial(moved_cuts, ids, cuts),
    )


def test_without_changes_the_cuts_are_those_of_the_ids():
    ids, given = stripes()
    image, cuts, weight = moved(64, 0, NONE)
    target, holds = cut_targets(ids)
    assert np.array_equal(cuts * (weight > 0), 255 * (target & holds).transpose(1, 2, 0))
    assert np.array_equal(weight, 255 * holds.transpose(1, 2, 0)) and np.array_equal(image, given)


def test_cuts_stay_where_the_grey_values_change_however_the_crop_is_turned():
    settings = Augmentation(
        rotation=20, scale=0.2, elastic=3, contrast=0, brightness=0, gamma=0, noise=0, blur=0, gradient=0
    )
    for seed in range(6):
        image, cuts, weight = moved(32, seed, settings)
        steps = image[..., 1].astype(int)
        far = np.abs(steps[:, 8:] - steps[:, :-8]) > 40  # over 8 pixels, along x
        cut, known = cuts[:, :-8, -1] > 0, weight[:, :-8, -1] > 0
        assert known.mean() > 0.5 and not (far & known & ~cut).any()


def test_the_last_pixels_along_an_axis_and_what_lies_outside_have_no_weight():
    _, _, weight = moved(64, 1, NONE, size=32)
    assert weight[16:48, 16:40].any() and not weight[:15].any() and not weight[:, 49:].any()
    assert not weight[:, 40:, -1].any()  # offset 8 along x ends 8 pixels earlier


def test_half_of_the_crops_see_their_planes_from_the_other_side():
    image = np.arange(5, dtype=np.uint8)[None, None].repeat(2, 0)
    seen = [in_either_order(image, np.random.default_rng(seed))[0, 0].tolist() for seed in range(40)]
    assert 8 < seen.count([4, 3, 2, 1, 0]) < 32 and seen.count([0, 1, 2, 3, 4]) == 40 - seen.count(
        [4, 3, 2, 1, 0]
    )


def tiles_with_ids():
    """Tiles of a slice of stripes, of which the lower half is not known; interior and boundary do not matter here."""
    ids, image = stripes()
    known = np.ones((64, 64), bool)
    known[40:] = False
    numbers = np.where(known, ids, 0)
    target, holds = cut_targets(numbers, known)
    blank = np.zeros((2, 64, 64), np.uint8)
    return cut_tiles(
        image.transpose(2, 0, 1), np.concatenate([blank, 255 * target.astype(np.uint8)]),
        np.concatenate([blank + known, holds]), z=3, tile=48, ids=numbers,
    )  # fmt: skip


def test_tiles_carry_ids_through_their_file(tmp_path):
    tiles = tiles_with_ids()
    assert tiles.ids.shape == (len(tiles), 48, 48)
    write_tiles(tmp_path / "tiles.h5", [("train", "a", tiles), ("train", "b", tiles)], channels=CHANNELS)
    found, channels = read_tiles(tmp_path / "tiles.h5", "train")
    assert channels == list(CHANNELS) and np.array_equal(found.ids, np.concatenate([tiles.ids] * 2))
    for i in range(len(tiles)):
        target, _ = cut_targets(tiles.ids[i].astype(int), tiles.ids[i] > 0)
        stored = tiles.target[i, ..., 2:].transpose(2, 0, 1) > 0
        assert np.array_equal(target[:, :40, :40], stored[:, :40, :40])


def test_crops_of_tiles_have_the_cuts_of_their_moved_ids():
    draw = CropDraw(tiles_with_ids(), 32, Augmentation(noise=0, blur=0, gradient=0), CHANNELS)
    seen = 0
    for seed in range(8):
        _, truth = draw(np.random.default_rng(seed))
        target, weight = truth[..., : 2 + K], truth[..., 2 + K :]
        along_x, along_y = target[..., 2 + K - 1], target[..., 2 + K // 2 - 1]  # offset 8
        known = (weight[..., -1] > 0) & (weight[..., 2 + K // 2 - 1] > 0)
        # Stripes are 8 wide: whatever the turn, 8 pixels along one of the axes lead into another stripe.
        seen += np.count_nonzero(known)
        assert ((along_x > 0) | (along_y > 0))[known].mean() > 0.6
    assert seen > 500


def test_without_channels_of_cuts_nothing_changes():
    tiles = tiles_with_ids()
    plain = CropDraw(tiles, 32, Augmentation())(np.random.default_rng(5))
    tiles.ids = np.zeros((len(tiles), 0, 0), np.uint16)
    again = CropDraw(tiles, 32, Augmentation())(np.random.default_rng(5))
    assert all(np.array_equal(a, b) for a, b in zip(plain, again, strict=True))
