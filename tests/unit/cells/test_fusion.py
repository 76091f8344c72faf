"""Two proposals for a slice become one."""

import numpy as np
import pytest
from ultraseg.arrays.edges import label_edges
from ultraseg.cells.fusion import boundary_basins, contacts, fuse_slice, piece_sizes, split_regions


def test_fusion_takes_the_trusted_side_and_agreement_stands():
    a, b = np.full((8, 12), 3, np.int32), np.full((8, 12), 3, np.int32)
    a[:, 6:], b[:, 6:] = 4, 5
    wall = np.zeros((8, 12), np.uint8)
    wall[:, 5:7] = 255
    strong, weak = np.full(a.shape, 0.9, np.float32), np.full(a.shape, 0.1, np.float32)
    labels, trust = fuse_slice(a, b, strong, weak, wall)
    assert np.array_equal(labels, a) and np.allclose(trust[:, :6], 1 - 0.1 * 0.9)
    labels, trust = fuse_slice(a, b, weak, strong, wall)
    assert np.array_equal(labels, b) and (trust[:, 6:] < trust[:, :6].min()).all()


def test_fusion_follows_the_image_where_trust_is_equal():
    # A disputed strip, open to cell 1 on its left, behind a membrane from cell 2 on its right.
    a = np.ones((20, 30), np.int32)
    a[:, 15:] = 2
    b = np.ones((20, 30), np.int32)
    b[:, 10:] = 2
    wall = np.zeros((20, 30), np.uint8)
    wall[:, 14:16] = 255
    half = np.full(a.shape, 0.5, np.float32)
    assert np.array_equal(fuse_slice(a, b, half, half, wall, size_exponent=0)[0], a)
    wall = np.zeros((20, 30), np.uint8)
    wall[:, 9:11] = 255
    assert np.array_equal(fuse_slice(a, b, half, half, wall, size_exponent=0)[0], b)


def test_fusion_favours_the_small_cell_where_all_else_is_equal():
    a = np.ones((30, 30), np.int32)
    b = a.copy()
    b[10:14, 10:14] = 2
    half = np.full(a.shape, 0.5, np.float32)
    wall = (label_edges(b) * 255).astype(np.uint8)
    assert np.array_equal(fuse_slice(a, b, half, half, wall)[0], b)


@pytest.mark.parametrize("apart", [True, False])
def test_fusion_counts_a_filopodium_by_its_own_size_not_by_that_of_its_cell(apart):
    # Cell 2 has a large body on the right; one side, trusted more, shows its filopodium within cell 1, where hardly a
    # membrane is seen.
    a = np.ones((60, 120), np.int32)
    a[:, 60:] = 2
    b = a.copy()
    b[24:36, 12:24] = 2
    if not apart:
        b[28:32, 24:60] = 2
    weak, strong = np.full(a.shape, 0.1, np.float32), np.full(a.shape, 0.9, np.float32)
    found, _ = fuse_slice(a, b, weak, strong, np.full(a.shape, 20, np.uint8))
    assert (found[24:36, 12:24] == 2).all() == apart


def test_region_helpers():
    labels = np.array([[1, 1, 2], [2, 2, 2], [1, 3, 3]])
    regions = split_regions(labels)
    assert regions.max() == 3 and len({regions[0, 0], regions[2, 0], regions[1, 1], regions[2, 1]}) == 4
    i, j, height = contacts(regions, np.arange(9).reshape(3, 3))
    assert len(i) == 7 and (i != j).all() and height.max() == 8
    wall = np.zeros((9, 9), np.uint8)
    wall[:, 4] = 200
    basins = boundary_basins(wall, np.ones_like(wall, bool))
    assert basins.min() == 1 and basins.max() == 2 and (basins[:, 0] != basins[:, 8]).all()
    assert not boundary_basins(wall, np.zeros_like(wall, bool)).any()


def test_a_piece_has_the_size_of_its_connected_part_not_of_its_label():
    labels = np.array([[1, 1, 2, 1], [1, 1, 2, 2]])
    regions = split_regions(labels)
    sizes = piece_sizes(labels, regions, 3)
    assert sizes[regions].tolist() == [[4, 4, 3, 1], [4, 4, 3, 3]]


def test_clusters_of_disputes_do_not_mix_their_labels():
    """Two disputes far apart, each between cells of its own: every winner is one of the two proposals made there."""
    a = np.repeat(np.repeat(np.arange(1, 5, dtype=np.int32).reshape(2, 2), 20, 0), 30, 1)
    b = a.copy()
    b[2:8, 26:34], b[32:38, 26:34] = 2, 3
    half = np.full(a.shape, 0.5, np.float32)
    found, support = fuse_slice(a, b, half, half, np.zeros(a.shape, np.uint8))
    assert ((found == a) | (found == b)).all()
    assert (support > 0).all() and (support <= 1).all()
