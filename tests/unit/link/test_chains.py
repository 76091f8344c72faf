"""Chains of pieces: who follows whom, where they are heading, and shifted slices."""

import numpy as np
import pandas as pd
from ultraseg.link.chains import Pieces, chains_of


def moving(depth=8, shift=(0, 0)):
    """Two pieces per slice: one that stays at (10, 10), one that moves by (1, 2) per slice; slices shifted."""
    rows = []
    for z in range(depth):
        for piece, (y, x) in ((1, (10, 10)), (2, (40 + z, 20 + 2 * z))):
            rows.append((z, piece, 50, y + z * shift[0], x + z * shift[1]))
    nodes = pd.DataFrame(rows, columns=["z", "piece", "area", "y", "x"])
    a = np.arange(2 * depth - 2)
    return Pieces.of(nodes), a, a + 2


def test_mutual_best_overlaps_make_chains_and_weak_ones_do_not():
    pieces, a, b = moving(4)
    iou = np.full(len(a), 0.8)
    iou[2] = 0.1
    chains = chains_of(pieces, a, b, iou)
    assert chains.after.tolist() == [2, 3, -1, 5, 6, 7, -1, -1] and chains.before.tolist() == [
        -1,
        -1,
        0,
        1,
        -1,
        3,
        4,
        5,
    ]
    assert chains.member.tolist() == [True, True, False, True, True, True]
    assert chains.length_before.tolist() == [1, 1, 2, 2, 1, 3, 2, 4]


def test_the_better_of_two_rivals_goes_on():
    pieces, a, b = moving(2)
    chains = chains_of(pieces, np.array([0, 1]), np.array([2, 2]), np.array([0.3, 0.5]))
    assert chains.after.tolist() == [-1, 2, -1, -1]


def test_headings_are_the_movement_per_slice_from_either_side():
    pieces, a, b = moving()
    chains = chains_of(
        pieces, a, b, np.where(a % 2, 0.3, 0.8)
    )  # the moving one overlaps less: it tells no shift
    assert chains.arriving.speed[-1].tolist() == [1, 2] and chains.leaving.speed[1].tolist() == [1, 2]
    assert chains.arriving.slices[[1, 3, -1]].tolist() == [0, 1, 4]


def test_a_shift_of_slices_is_no_movement():
    pieces, a, b = moving(shift=(3, -5))
    chains = chains_of(pieces, a, b, np.where(a % 2, 0.3, 0.8))
    assert np.abs(chains.arriving.speed[::2]).max() == 0
    np.testing.assert_allclose(chains.arriving.speed[-1], [1, 2])


def test_pieces_without_a_measured_shape_count_as_discs():
    nodes = pd.DataFrame({"z": [0], "piece": [1], "area": [314], "y": [0.0], "x": [0.0]})
    np.testing.assert_allclose(Pieces.of(nodes).spread, [[25, 0, 25]], rtol=1e-3)
    long = Pieces.of(nodes.assign(yy=100.0, yx=0.0, xx=4.0))
    np.testing.assert_allclose(long.spread, [[100, 0, 4]], atol=0.1)
