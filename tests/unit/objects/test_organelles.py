"""Objects from probabilities: slab by slab the same as from the whole volume, in a fixed order."""

import cc3d
import numpy as np
import pytest
from ultraseg.arrays.labels import relabel
from ultraseg.grid.along_z import reach
from ultraseg.objects.organelles import (
    face_pairs,
    fill_holes,
    final_labels,
    label_slab,
    mask_slab,
    merge_slabs,
    packed_mask,
    slices_of_labels,
    smooth_along_z,
)


def objects_by_slab(probability, shape, depth, min_voxels=1, **settings):
    slabs = [probability[z : z + depth] for z in range(0, len(probability), depth)]
    labels, sizes = zip(*[label_slab(p, shape, **settings) for p in slabs], strict=True)
    pairs = [face_pairs(a[-1], b[0]) for a, b in zip(labels[:-1], labels[1:], strict=True)]
    luts = merge_slabs(sizes, pairs, min_voxels=min_voxels)
    final = [final_labels(packed_mask(one), shape[1], lut) for one, lut in zip(labels, luts, strict=True)]
    for made, one, lut in zip(final, labels, luts, strict=True):
        np.testing.assert_array_equal(made, relabel(one, lut))
    return np.concatenate(final)


@pytest.fixture(scope="module")
def probability():
    rng = np.random.default_rng(1)
    noise = rng.random((13, 30, 41))
    return (255 * (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 2)) / 3).astype(np.uint8)


@pytest.mark.parametrize("downsample, shape", [(1, (30, 41)), (2, (59, 82)), (3, (88, 122))])
def test_objects_are_identical_for_every_slab_depth(probability, downsample, shape):
    settings = {"downsample": downsample, "threshold": 0.6, "max_hole_pixels": 6, "min_voxels": 12}
    whole = objects_by_slab(probability, shape, 13, **settings)
    assert whole.max() > 20
    for depth in (1, 2, 4, 5):
        np.testing.assert_array_equal(objects_by_slab(probability, shape, depth, **settings), whole)


def test_objects_are_the_connected_components_in_raster_order(probability):
    got = objects_by_slab(probability, (30, 41), 3, threshold=0.6)
    mask = probability >= 153
    expected = cc3d.connected_components(mask, connectivity=6)
    pairs = np.unique(np.stack([got[mask], expected[mask]]), axis=1)
    assert pairs.shape[1] == expected.max() == got.max() and not got[~mask].any()
    ids, first = np.unique(got[got > 0], return_index=True)
    assert (np.diff(first) > 0).all() and ids[0] == 1


def test_small_objects_go_by_their_size_in_the_whole_volume():
    p = np.zeros((4, 3, 8), np.uint8)
    p[:, 1, 1] = 255  # 4 voxels over all slabs
    p[0, 1, 4:7] = 255  # 3 voxels in one
    got = objects_by_slab(p, (3, 8), 1, min_voxels=4)
    assert (got == (p > 0) * (np.arange(8) == 1)).all()


def test_a_u_shape_is_one_object_and_keeps_the_lowest_number():
    p = np.zeros((3, 1, 7), np.uint8)
    p[0, 0, [1, 5]] = p[1, 0, [1, 5]] = 255
    p[2, 0, 1:6] = 255
    p[0, 0, 3] = 255
    got = objects_by_slab(p, (1, 7), 1)
    assert got[0, 0].tolist() == [0, 1, 0, 2, 0, 1, 0] and got[2, 0].tolist() == [0, 1, 1, 1, 1, 1, 0]


def test_diagonal_contact_across_a_face_does_not_join():
    p = np.zeros((2, 2, 2), np.uint8)
    p[0, 0, 0] = p[1, 1, 1] = 255
    assert objects_by_slab(p, (2, 2), 1).max() == 2


def test_enlarged_mask_covers_the_area_of_its_pixels():
    p = np.zeros((1, 6, 6), np.uint8)
    p[0, 2:4, 2:4] = 255
    mask = mask_slab(p, (24, 24), downsample=4, threshold=0.5)
    y, x = np.nonzero(mask[0])
    assert (y.min(), y.max(), x.min(), x.max()) == (8, 15, 8, 15)
    assert abs(y.mean() - 11.5) < 1e-9 and abs(x.mean() - 11.5) < 1e-9
    assert 44 <= mask.sum() <= 64  # corners are rounded


def test_threshold_includes_its_own_value():
    p = np.array([[[127, 128, 0, 255]]], np.uint8)
    assert mask_slab(p, (1, 4), threshold=128 / 255).ravel().tolist() == [0, 1, 0, 1]
    assert mask_slab(p, (1, 4), threshold=0.0).ravel().tolist() == [1, 1, 0, 1]


def test_holes_up_to_the_size_are_filled_unless_at_the_edge():
    mask = np.ones((9, 9), np.uint8)
    mask[2, 2] = mask[5:7, 5:7] = mask[0, 4] = 0
    fill_holes(mask, 3)
    assert mask[2, 2] == 1 and not mask[5:7, 5:7].any() and mask[0, 4] == 0


def test_misfit_is_refused():
    with pytest.raises(ValueError, match="downsample 2"):
        mask_slab(np.zeros((1, 4, 4), np.uint8), (9, 8), downsample=2)
    with pytest.raises(ValueError, match="face 0"):
        merge_slabs([np.array([0, 3]), np.array([0, 3])], [np.array([[1, 2]])])


def test_empty_volumes():
    got = objects_by_slab(np.zeros((3, 4, 4), np.uint8), (4, 4), 2)
    assert got.dtype == np.uint32 and not got.any()


@pytest.mark.parametrize("deviation", [0.0, 0.5, 1.5, 2.0])
def test_maps_are_averaged_along_z_alike_in_every_slab(deviation):
    from scipy.ndimage import gaussian_filter1d

    maps = np.random.default_rng(0).integers(0, 256, (11, 6, 7), np.uint8)
    good = [True] * len(maps)
    whole = smooth_along_z(maps, range(len(maps)), good, deviation)
    for depth in (1, 3, 4):
        parts = []
        for first in range(0, len(maps), depth):
            low, stop = max(first - reach(deviation), 0), min(first + depth, len(maps))
            near = maps[low : stop + reach(deviation)]
            parts.append(smooth_along_z(near, range(first - low, stop - low), good[: len(near)], deviation))
        assert np.array_equal(np.concatenate(parts), whole)
    if not deviation:
        assert np.array_equal(whole, maps)
        return
    inner = slice(reach(deviation), -reach(deviation))
    expected = gaussian_filter1d(maps.astype(float), deviation, axis=0, radius=reach(deviation))
    assert np.abs(whole[inner] - expected[inner]).max() < 0.51


def test_what_is_the_same_in_all_slices_stays_and_what_is_in_one_fades():
    maps = np.zeros((9, 4, 4), np.uint8)
    maps[:, :2] = 255
    maps[4, 3] = 255  # a speck in one slice
    smooth = smooth_along_z(maps, range(9), [True] * 9, 1.5)
    assert (smooth[:, :2] == 255).all()  # at the ends as well
    assert smooth[:, 2:].max() < 128


def test_a_bad_slice_counts_nowhere_and_shows_what_the_nearest_good_one_does():
    maps = np.random.default_rng(1).integers(0, 256, (7, 4, 5), np.uint8)
    good = [z not in (2, 3) for z in range(7)]
    shown = [0, 1, 1, 4, 4, 5, 6]
    found = smooth_along_z(maps, shown, good, 0.8)
    assert np.array_equal(found[2], found[1]) and np.array_equal(found[3], found[4])
    other = np.where(np.array(good)[:, None, None], maps, 255 - maps)
    assert np.array_equal(smooth_along_z(other, shown, good, 0.8), found)
    assert not np.array_equal(found[1], smooth_along_z(maps, shown, [True] * 7, 0.8)[1])


@pytest.mark.parametrize("depth", [1, 3, 8])
def test_objects_in_few_slices_are_dropped_unless_the_stack_cuts_them_off(depth):
    maps = np.zeros((8, 6, 20), np.uint8)
    maps[3:5, :3, 0:3] = 255  # two slices
    maps[2:5, :3, 5:8] = 255  # three slices, on both sides of a face
    maps[0:1, :3, 10:13] = maps[7:8, :3, 10:13] = 255  # one slice each, at the ends
    maps[4, :3, 15:18] = maps[5, 2:5, 15:18] = 255  # two slices, by touching parts
    sizes, pairs, slices, labels = [], [], [], []
    for first in range(0, 8, depth):
        found, size = label_slab(maps[first : first + depth], maps.shape[1:])
        if labels:
            pairs.append(face_pairs(labels[-1][-1], found[0]))
        labels.append(found)
        sizes.append(size)
        slices.append(slices_of_labels(found, len(size) - 1, first))

    def ids(**least):
        tables = merge_slabs(sizes, pairs, slices=slices, n_slices=8, **least)
        return np.concatenate([table[one] for table, one in zip(tables, labels, strict=True)])

    whole = ids()
    assert whole.max() == 5 and np.array_equal(whole > 0, maps > 0)
    few = ids(min_slices=3)
    assert few.max() == 3  # numbered without gaps
    kept = [few[3, 0, 6], few[0, 0, 11], few[7, 0, 11]]
    assert all(kept) and len({*kept}) == 3
    assert not few[:, :, :4].any() and not few[:, :, 14:].any()
    assert ids(min_slices=4)[2:5].max() == 0
