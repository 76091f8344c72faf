"""Edges of labels, and the distance to them."""

import numpy as np
import pytest
from scipy import ndimage
from ultraseg.arrays.edges import edge_distance, label_edges


def test_both_sides_of_an_edge_are_marked_and_corners_are_not():
    labels = np.zeros((5, 6), np.uint32)
    labels[2:, 3:] = 7
    expected = np.zeros((5, 6), bool)
    expected[2:, 2:4] = expected[1:3, 3:] = True
    assert np.array_equal(label_edges(labels), expected)
    assert not label_edges(labels)[1, 2]  # it touches the label by a corner alone


def test_edges_are_where_any_of_four_neighbours_differs():
    labels = np.random.default_rng(0).integers(0, 2, (9, 12)).repeat(3, 0).repeat(3, 1)
    cross = ndimage.generate_binary_structure(2, 1)
    low = ndimage.minimum_filter(labels, footprint=cross, mode="nearest")
    high = ndimage.maximum_filter(labels, footprint=cross, mode="nearest")
    assert np.array_equal(label_edges(labels), low != high)


def test_distance_grows_from_one_at_the_edge():
    labels = np.zeros((9, 20), np.uint32)
    labels[:, 10:] = 4
    distance = edge_distance(labels)
    assert distance.dtype == np.float32
    assert distance[4] == pytest.approx([*range(10, 0, -1), *range(1, 11)])


def test_without_an_edge_all_is_as_far_as_the_slice_is_large():
    assert np.unique(edge_distance(np.ones((7, 5), np.uint32))).tolist() == [12]
