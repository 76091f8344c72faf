"""Cuts between pixels of a slice of ids."""

import numpy as np
from ultraseg.arrays.cuts import cut_pair, cut_targets

IDS = np.array([[1, 1, 2, 2], [1, 1, 2, 0], [3, 3, 3, 0]])


def test_a_cut_lies_at_the_first_of_two_pixels_with_different_ids():
    target, holds = cut_targets(IDS, offsets=(1, 2))
    down1, down2, right1, right2 = target.astype(int).tolist()
    assert down1 == [[0, 0, 0, 1], [1, 1, 1, 0], [0, 0, 0, 0]]
    assert down2 == [[1, 1, 1, 1], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert right1 == [[0, 1, 0, 0], [0, 1, 1, 0], [0, 0, 1, 0]]
    assert right2 == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 1, 0, 0]]
    assert holds[0].tolist() == [[True] * 4, [True] * 4, [False] * 4]
    assert holds[3].tolist() == [[True, True, False, False]] * 3


def test_a_cut_holds_where_both_pixels_are_known():
    known = np.ones(IDS.shape, bool)
    known[1, 1] = False
    _, holds = cut_targets(IDS, known, offsets=(1,))
    assert holds[0].tolist() == [[True, False, True, True], [True, False, True, True], [False] * 4]
    assert holds[1].tolist() == [
        [True, True, True, False],
        [False, False, True, False],
        [True, True, True, False],
    ]


def test_an_offset_beyond_the_slice_holds_nowhere():
    target, holds = cut_targets(IDS, offsets=(8,))
    assert not target.any() and not holds.any()


def test_pairs_are_as_many_on_both_sides():
    volume = np.arange(24).reshape(2, 3, 4)
    first, second = cut_pair(3, 2, 3)
    assert (volume[second] - volume[first] == 3).all() and volume[first].shape == (2, 3, 1)
