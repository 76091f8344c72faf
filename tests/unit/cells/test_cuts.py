"""Cut maps meet the labelled slices, and give a height."""

import numpy as np
from ultraseg.cells.cuts import height, set_labelled_plane


def test_a_labelled_slice_says_what_its_cuts_are_where_it_is_known():
    cuts = np.full((3, 2, 4, 6, 8), 100, np.uint8)
    ids = np.ones((6, 8), np.int32)
    ids[:, 4:] = 2
    known = np.ones(ids.shape, bool)
    known[3:] = False
    set_labelled_plane(cuts, 1, ids, known)
    assert (cuts[0] == 100).all() and (cuts[:, :, [0, 2, 3]] == 100).all()
    assert cuts[2, 0, 1, 0].tolist() == [0, 0, 0, 255, 0, 0, 0, 100]
    assert cuts[2, 1, 1, 0].tolist() == [0, 255, 255, 255, 0, 100, 100, 100]
    assert (cuts[2, :, 1, 3:] == 100).all()
    assert cuts[1, 0, 1, :, 0].tolist() == [0, 0, 100, 100, 100, 100]


def test_height_is_the_mean_of_the_six_nearest_cuts():
    cuts = np.zeros((3, 2, 3, 3, 3), np.uint8)
    cuts[:, 1] = 255  # the longer offset does not count
    cuts[0, 0, 0, 1, 1], cuts[0, 0, 1, 1, 1], cuts[2, 0, 1, 1, 0] = 60, 120, 240
    found = height(cuts)
    assert found[1, 1, 1] == (60 + 120 + 240) // 6
    assert found[2, 1, 1] == 120 // 6 and found[1, 1, 0] == 240 // 6 and found[0, 0, 0] == 0
    cuts[0, 0, -1] = 255  # beyond the last slice there is no pair
    assert height(cuts)[2, 0, 0] == 0


def test_a_plane_across_the_slices_says_what_its_cuts_are():
    ids = np.ones((4, 8), np.int32)  # z by x
    ids[:, 4:] = 2
    ids[2:] += 5
    cuts = np.full((3, 2, 4, 6, 8), 100, np.uint8)
    set_labelled_plane(cuts, 3, ids, None, axis=1)
    assert (cuts[1] == 100).all() and (cuts[:, :, :, [0, 1, 2, 4, 5]] == 100).all()
    assert cuts[2, 0, 1, 3].tolist() == [0, 0, 0, 255, 0, 0, 0, 100]
    assert cuts[0, 0, :, 3, 0].tolist() == [0, 255, 0, 100]
    turned = np.full((3, 2, 4, 8, 6), 100, np.uint8)
    set_labelled_plane(turned, 3, ids, None, axis=2)
    assert np.array_equal(turned[[0, 2, 1]], cuts.swapaxes(3, 4))
