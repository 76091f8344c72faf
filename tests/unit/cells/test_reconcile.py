"""Carried ids meet the maps of a slice."""

import numpy as np
from ultraseg.cells.reconcile import foreground, readable, reconcile


def test_reconcile_moves_a_border_to_the_membrane_and_no_further():
    carried = np.ones((20, 40), np.int32)
    carried[:, 20:] = 2
    boundary = np.zeros((20, 40), np.uint8)
    boundary[:, 22] = 255
    moved = reconcile(carried, boundary)
    assert (moved[:, :22] == 1).all() and (moved[:, 23:] == 2).all()
    assert np.array_equal(reconcile(carried, np.zeros_like(boundary)), carried)
    far = np.roll(boundary, 10, 1)
    assert np.array_equal(reconcile(carried, far), carried)


def test_a_thin_piece_keeps_a_core_although_its_border_may_move_further_than_it_is_thick():
    carried = np.ones((20, 40), np.int32)
    carried[9:12] = 2
    found = reconcile(carried, np.zeros(carried.shape, np.uint8), core_distance=8)
    assert (found[9:12] == 2).all() and (found[[0, -1]] == 1).all()


def test_foreground_is_where_interior_and_boundary_reach_the_threshold_together():
    interior, boundary = np.array([[0, 100, 200, 0]], np.uint8), np.array([[0, 100, 200, 127]], np.uint8)
    assert foreground(interior, boundary).tolist() == [[False, True, True, False]]
    assert foreground(interior, boundary, threshold=0.4).tolist() == [[False, True, True, True]]


def test_a_slice_is_readable_unless_blank_or_void_where_the_cells_lie():
    image = np.arange(40, dtype=np.uint8).reshape(4, 10)
    carried = np.ones((4, 10), np.int32)
    seen = np.zeros((4, 10), bool)
    assert not readable(image, seen, carried)
    seen[:2] = True
    assert readable(image, seen, carried)
    assert not readable(np.full_like(image, 7), ~np.zeros_like(seen), carried)
