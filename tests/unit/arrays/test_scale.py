"""To a network's scale and back: averages, shares, modes and smooth outlines."""

import numpy as np
import pytest
from ultraseg.arrays.scale import (
    downsample_ids,
    downsample_image,
    downsample_known,
    downsample_mask,
    enlarge_map,
    upsample_labels,
)


def test_downsample_shapes_and_values():
    image = np.zeros((5, 7), np.uint8)
    image[:2, :2] = [[10, 20], [30, 40]]
    small = downsample_image(image, 2)
    assert small.shape == (3, 4) and small[0, 0] == 25
    assert downsample_mask(image, 2)[0, 0] == 255
    mask = np.zeros((4, 4), bool)
    mask[0, 0] = True
    assert downsample_mask(mask, 4).item() == 16  # 255 / 16
    assert downsample_image(image, 1) is image


def test_downsample_ids_is_the_mode_of_existing_pixels():
    rng = np.random.default_rng(0)
    ids = rng.choice(np.array([0, 7, 70_000, 4_000_000_000], np.uint32), (11, 14))
    small = downsample_ids(ids, 4)
    assert small.shape == (3, 4) and small.dtype == np.uint32
    for i in range(3):
        for j in range(4):
            values, counts = np.unique(ids[4 * i : 4 * i + 4, 4 * j : 4 * j + 4], return_counts=True)
            assert small[i, j] == values[counts.argmax()]  # argmax: the smallest of equals


def test_a_block_is_known_only_where_all_its_pixels_are():
    known = np.ones((5, 6), bool)
    known[1, 1] = known[4, 5] = False
    assert downsample_known(known, 2).tolist() == [
        [False, True, True],
        [True, True, True],
        [True, True, False],
    ]
    assert np.array_equal(downsample_known(known, 1), known)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_an_enlarged_map_covers_the_area_of_its_pixels(d):
    small = np.zeros((4, 5), np.uint8)
    small[1, 1:3] = 200
    large = enlarge_map(small, d)
    assert large.shape == (4 * d, 5 * d) and large.dtype == np.uint8
    assert not large[3 * d :].any() and large.astype(int).sum() == pytest.approx(
        small.sum() * d * d, rel=0.02
    )
    y, x = np.nonzero(large > 100)
    assert (y.min(), y.max()) == (d, 2 * d - 1) and (x.min(), x.max()) == (d, 3 * d - 1)


def vote_slowly(labels, d, shape):
    """The definition, pixel by pixel, with exact integer weights."""
    out = np.zeros(shape, labels.dtype)
    for y, x in np.ndindex(shape):
        score = {}
        (y0, fy), (x0, fx) = divmod(2 * y + 1 - d, 2 * d), divmod(2 * x + 1 - d, 2 * d)
        for iy, wy in ((y0, 2 * d - fy), (y0 + 1, fy)):
            for ix, wx in ((x0, 2 * d - fx), (x0 + 1, fx)):
                label = labels[np.clip(iy, 0, labels.shape[0] - 1), np.clip(ix, 0, labels.shape[1] - 1)]
                score[label] = score.get(label, 0) + wy * wx
        out[y, x] = min(score, key=lambda k: (-score[k], k))
    return out


@pytest.mark.parametrize("d, shape", [(2, (13, 18)), (3, (20, 25)), (4, (27, 33))])
def test_label_upsampling_is_the_bilinear_vote(d, shape):
    labels = np.random.default_rng(d).integers(0, 4, (-(-shape[0] // d), -(-shape[1] // d))).astype(np.uint32)
    got = upsample_labels(labels, d, shape)
    assert got.dtype == np.uint32
    np.testing.assert_array_equal(got, vote_slowly(labels, d, shape))


def test_label_upsampling_is_smooth_and_exact_at_scale_one():
    y, x = np.mgrid[:40, :40]
    small = (np.hypot(y - 19.5, x - 19.5) < 12).astype(np.uint32) * 7
    assert upsample_labels(small, 1, (40, 40)) is small
    large = upsample_labels(small, 4, (160, 160)) > 0
    y, x = np.mgrid[:160, :160]
    disc = np.hypot(y - 79.5, x - 79.5) < 48
    blocky = np.repeat(np.repeat(small, 4, 0), 4, 1) > 0
    assert (large != disc).sum() < 0.9 * (blocky != disc).sum()
    with pytest.raises(ValueError, match="enlarged"):
        upsample_labels(small, 4, (161, 160))
