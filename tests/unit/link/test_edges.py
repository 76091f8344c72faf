"""Overlaps of pieces: exact counts, flow, bridges over gaps, and no trace of where slabs begin."""

import numpy as np
import pandas as pd
import pytest
from scene import random_scene, two_cells
from ultraseg.link.edges import slab_edges


def test_a_gap_edge_does_not_jump_over_an_intact_chain():
    scene = two_cells()
    edges = scene.tables(max_gap=1)[2]
    assert len(edges) == 2 * 19 and (edges["gap"] == 1).all()
    assert (edges["iou"] == 1).all() and (edges["containment"] == 1).all()


def test_edges_are_exact_and_flow_brings_displaced_pieces_together():
    pieces = np.zeros((2, 20, 40), np.int32)
    pieces[0, 5:10, 2:12] = 1
    pieces[1, 5:10, 8:18] = 1
    row = slab_edges(pieces, [7, 8]).iloc[0]
    assert row["z"] == 7 and row["overlap"] == 20 and row["iou"] == 20 / 80 and row["containment"] == 0.4
    flow = np.zeros((1, 4, 20, 40), np.float16)
    flow[0, 3] = -6
    assert slab_edges(pieces, [7, 8], flow=flow).iloc[0]["iou"] == 1
    empty = slab_edges(pieces[:1], [7])
    assert len(empty) == 0 and list(empty) == list(slab_edges(pieces, [7, 8]))
    with pytest.raises(ValueError, match="flow"):
        slab_edges(pieces, [7, 8], flow=flow[..., 1:])


def test_edges_over_bad_slices_are_the_same_for_every_slab_depth():
    scene = random_scene()
    pieces, _, _ = scene.tables()
    zs = [0, 1, 2, 5, 6, 7, 11, 12, 13, 14, 20, 21, 22, 23]
    whole = slab_edges(pieces, zs, max_gap=1)
    for depth in (1, 3, 4):
        parts = []
        for start in range(0, 24, depth):
            inside = [i for i, z in enumerate(zs) if start <= z < start + depth]
            if inside:
                i, n = inside[0], len(inside)
                stop = i + n + 2
                parts.append(slab_edges(pieces[i:stop], zs[i:stop], n=n, max_gap=1))
        pd.testing.assert_frame_equal(pd.concat(parts, ignore_index=True), whole)
