import numpy as np
import pytest
from piece_graphs import random_graph
from ultraseg.link.chains import Pieces, slice_steps
from ultraseg.link.chances import LESSER_PART
from ultraseg.link.decide import all_links, overlaps_of
from ultraseg.link.decisions import Decisions
from ultraseg.link.nodes import sorted_nodes
from ultraseg.sweep.links import direct_overlaps, slice_shifts, window, write_links
from volume_of_pieces import loaded

BRIDGE = 4


@pytest.fixture(params=[(1, 1), (70, 2), (1, 30), (10**6, 1)])
def graph(tmp_path, request):
    nodes, edges = random_graph(3, depth=60, courses=90)
    return sorted_nodes(nodes), edges, loaded(tmp_path / "v", nodes, edges, block=request.param)


def test_slices_are_shifted_as_in_the_whole(graph):
    nodes, edges, volume = graph
    overlaps, direct = overlaps_of(nodes, edges)
    near, pieces = overlaps.only(direct), Pieces.of(nodes)
    steps = slice_steps(pieces, near.a, near.b, near.iou)
    assert np.array_equal(slice_shifts(volume), np.cumsum(steps, axis=0)) and (steps != 0).mean() > 0.3
    found = direct_overlaps(volume, (10, 20))
    start, stop = volume.slices.rows(10, 20)
    inside = (near.a >= start) & (near.b < stop)
    assert np.array_equal(found.a + start, near.a[inside]) and np.array_equal(found.iou, near.iou[inside])


def test_links_of_blocks_are_those_of_the_whole(graph):
    nodes, edges, volume = graph
    decisions = Decisions.of_terminals(nodes, 0.5)
    large = nodes["body"].to_numpy()
    expected = all_links(nodes, *overlaps_of(nodes, edges), decisions, large, BRIDGE)
    open_pieces = (decisions.final == 0) | nodes["given"].to_numpy()
    volume.columns.add("large", "bool")
    volume.columns.append("large", large)
    pairs = write_links(
        volume, lambda places: open_pieces[slice(*volume.slices.rows(*places))], slice_shifts(volume), BRIDGE
    )
    found = [one.read(0, len(volume.slices)) for one in pairs]
    assert np.array_equal(np.concatenate([one["a"] for one in found]), expected.a)
    assert np.array_equal(np.concatenate([one["b"] for one in found]), expected.b)
    assert np.array_equal(np.concatenate([one["weight"] for one in found]), expected.weight)
    assert min(map(len, found)) > 100
    assert np.count_nonzero(expected.weight == LESSER_PART) > 5


def test_a_window_begins_within_the_volume():
    assert window((3, 5), 10, 2) == (0, 17) and window((30, 50), 10) == (20, 60)
