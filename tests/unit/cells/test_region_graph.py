"""The graph of regions."""

import numpy as np
from ultraseg.cells.region_graph import graph_of, region_graph


def edges(graph):
    return {
        (int(a), int(b)): (s, p, t)
        for a, b, s, p, t in zip(
            graph.first, graph.second, graph.support, graph.pairs, graph.touches, strict=True
        )
    }


def test_an_edge_sums_its_pairs_of_voxels_at_both_offsets():
    labels = np.zeros((1, 1, 8), np.int32)
    labels[..., 4:] = 1
    cuts = np.zeros((3, 2, 1, 1, 8), np.uint8)
    cuts[2, 0, 0, 0, 3] = 51
    cuts[2, 1, 0, 0, 1:4] = 255
    found = edges(region_graph(labels, 2, cuts))
    assert list(found) == [(0, 1)]
    assert np.allclose(found[0, 1], (0.8, 1 + 3 * 0.5, 1))


def test_regions_that_do_not_touch_have_an_edge_without_contact():
    labels = np.array([[[0, 1, 1, 2]]], np.int32)
    found = edges(region_graph(labels, 3, np.zeros((3, 2, 1, 1, 4), np.uint8)))
    assert found[0, 2] == (0.5, 0.5, 0) and found[0, 1][2] == found[1, 2][2] == 1


def test_every_axis_counts():
    labels = np.arange(8, dtype=np.int32).reshape(2, 2, 2)
    cuts = np.zeros((3, 2, 2, 2, 2), np.uint8)
    found = edges(region_graph(labels, 8, cuts))
    assert set(found) == {(a, a + d) for d, bit in ((4, 4), (2, 2), (1, 1)) for a in range(8) if not a & bit}


def test_contracted_edges_add_up_and_those_within_a_union_go():
    graph = graph_of(
        4,
        np.array([0, 1, 2, 0]),
        np.array([1, 2, 3, 3]),
        np.array([[1.0, 2, 3, 4], [5.0, 6, 7, 8], [1.0, 0, 1, 1]]),
    )
    found = edges(graph.contracted(np.array([0, 0, 1, 1]), 2))
    assert found == {(0, 1): (6, 14, 1)}


def test_one_region_has_no_edges():
    graph = region_graph(np.zeros((2, 3, 4), np.int32), 1, np.zeros((3, 2, 2, 3, 4), np.uint8))
    graph = graph.contracted(np.zeros(1, np.int64), 1)
    assert graph.n == 1 and not len(graph.first)


def test_large_numbers_of_regions_keep_their_edges():
    n = 3_000_000_000
    graph = graph_of(n, np.array([n - 1, 5]), np.array([7, n - 2]), np.ones((3, 2)))
    assert list(edges(graph)) == [(5, n - 2), (7, n - 1)]
