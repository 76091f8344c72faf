"""Crops whose ids move with the image before their cuts are computed."""

import numpy as np
from ultraseg.arrays.cuts import OFFSETS, cut_targets
from ultraseg.train.augment import NONE, Augmentation
from ultraseg.train.cut_crops import (
    ACROSS,
    IN_PLANE,
    IdPlane,
    crossing_planes,
    cut_crop,
    labelled_planes,
    neighbours,
)

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
