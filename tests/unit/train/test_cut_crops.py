"""Crops whose ids move with the image before their cuts are computed."""

import numpy as np
from ultraseg.arrays.cuts import cut_targets
from ultraseg.grid.cut_maps import OFFSETS
from ultraseg.networks.channels import channels_of
from ultraseg.train.augment import NONE, Augmentation
from ultraseg.train.crops import CropDraw
from ultraseg.train.cut_crops import (
    ACROSS,
    IN_PLANE,
    IdPlane,
    crossing_planes,
    cut_crop,
    labelled_planes,
    neighbours,
)
from ultraseg.train.tiles import cut_tiles, read_tiles, write_tiles

K = 2 * len(OFFSETS)


def plane(size=64, **changes):
    """Stripes of cells, whose grey value tells the id."""
    ids = np.repeat(np.arange(8), size // 8)[None].repeat(size, 0).astype(np.int32)
    image = np.stack([ids * 30] * 3, -1).astype(np.uint8)
    return IdPlane(**(dict(image=image, ids=ids, weight=np.full(ids.shape, IN_PLANE, np.uint8)) | changes))


def test_without_changes_the_cuts_are_those_of_the_ids():
    given = plane()
    image, truth = cut_crop(given, 64, np.random.default_rng(0), NONE)
    target, holds = cut_targets(given.ids)
    assert np.array_equal(truth[..., :K], 255 * target.transpose(1, 2, 0))
    assert np.array_equal(truth[..., K:], IN_PLANE * holds.transpose(1, 2, 0))
    assert np.array_equal(image, given.image)


def test_cuts_stay_where_the_grey_values_change_however_the_crop_is_turned():
    settings = Augmentation(
        rotation=20, scale=0.2, elastic=3, contrast=0, brightness=0, gamma=0, noise=0, blur=0, gradient=0
    )
    for seed in range(6):
        image, truth = cut_crop(plane(), 32, np.random.default_rng(seed), settings)
        steps = image[..., 1].astype(int)
        far = np.abs(steps[:, 8:] - steps[:, :-8]) > 40  # over 8 pixels, along x
        cut, known = truth[:, :-8, K - 1] > 0, truth[:, :-8, 2 * K - 1] > 0
        assert known.mean() > 0.5 and not (far & known & ~cut).any()


def test_the_last_pixels_along_an_axis_and_what_lies_outside_have_no_weight():
    _, truth = cut_crop(plane(32), 64, np.random.default_rng(1), NONE)
    weight = truth[..., K:]
    assert weight[16:48, 16:40].any() and not weight[:15].any() and not weight[:, 49:].any()
    assert not weight[:, 40:, -1].any()  # offset 8 along x ends 8 pixels earlier


def test_neighbours_repeat_the_edge_plane():
    volume = np.arange(5, dtype=np.uint8)[:, None, None] + np.zeros((5, 2, 3), np.uint8)
    assert neighbours(volume, 0, 2)[0, 0].tolist() == [0, 0, 0, 1, 2]
    assert neighbours(volume, 3, 1)[0, 0].tolist() == [2, 3, 4]


def test_planes_across_hold_the_rows_of_the_labelled_slices_and_are_not_turned():
    volume = np.random.default_rng(0).integers(0, 255, (6, 7, 8)).astype(np.uint8)
    ids = {z: np.random.default_rng(z).integers(0, 9, (7, 8)).astype(np.int32) for z in (1, 5)}
    for axis, size in ((1, 7), (2, 8)):
        found = list(crossing_planes(volume, ids, 1, axis))
        assert len(found) == size and all(p.still for p in found)
        for i, p in enumerate(found):
            assert np.array_equal(p.image[..., 1], np.take(volume, i, axis))
            assert np.array_equal(p.ids[5], np.take(ids[5], i, axis - 1))
            assert (p.weight[[1, 5]] == ACROSS).all() and not p.weight[[0, 2, 3, 4]].any()
    _, truth = cut_crop(found[0], 6, np.random.default_rng(0), Augmentation(flips=False, quarter_turns=False))
    down, right = truth[..., K : K + 3], truth[..., K + 3 :]  # weights
    assert not down.any() and right.any()


def test_labelled_planes_show_their_slice_in_the_middle():
    volume = np.random.default_rng(0).integers(0, 255, (6, 7, 8)).astype(np.uint8)
    found = list(labelled_planes(volume, {3: np.ones((7, 8), np.int32)}, 2))
    assert len(found) == 1 and np.array_equal(found[0].image[..., 2], volume[3]) and not found[0].still


CHANNELS = channels_of("cells", "cells", OFFSETS)


def tiles_with_ids():
    """Tiles of a slice of stripes, of which the lower half is not known; interior and boundary do not matter here."""
    given = plane(64)
    known = np.ones((64, 64), bool)
    known[40:] = False
    numbers = np.where(known, given.ids + 1, 0)
    target, holds = cut_targets(numbers, known)
    blank = np.zeros((2, 64, 64), np.uint8)
    return cut_tiles(
        given.image.transpose(2, 0, 1), np.concatenate([blank, 255 * target.astype(np.uint8)]),
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
