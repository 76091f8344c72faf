import numpy as np
import pandas as pd
import pytest
from piece_graphs import random_graph, spread_in_slabs
from ultraseg.link.nodes import indexed_edges, own_size, size_by_bodies, sorted_nodes
from ultraseg.sweep import volume as module
from ultraseg.sweep.columns import Columns
from ultraseg.sweep.volume import Pairs, Slices, body_areas, load_edges, load_pieces
from volume_of_pieces import loaded


@pytest.fixture
def graph():
    return random_graph(1, depth=20)


def test_blocks_have_enough_pieces_and_slices():
    slices = Slices(np.array([0, 1, 4, 5, 9]), np.array([5, 1, 1, 9, 2]), (6, 1))
    assert slices.blocks == [(0, 2), (2, 4), (4, 5)] and slices.count == 18 and len(slices) == 5
    assert Slices(slices.zs, np.full(5, 9), (6, 2)).blocks == [(0, 2), (2, 4), (4, 5)]
    assert slices.rows(-3, 2) == (0, 6) and slices.rows(3, 99) == (7, 18)
    assert slices.place(np.array([0, 4, 5, 17])).tolist() == [0, 0, 1, 4]
    assert list(slices.row_blocks()) == [(0, 6), (6, 16), (16, 18)]
    assert Slices(np.zeros(0, int), np.zeros(0, int), (6, 1)).blocks == []


@pytest.mark.parametrize("depth", [1, 6, 100])
def test_pieces_and_overlaps_of_slabs_are_those_of_the_volume(tmp_path, graph, depth):
    volume = loaded(tmp_path / "v", *graph, depth=depth)
    nodes = sorted_nodes(graph[0])
    pd.testing.assert_frame_equal(volume.read(0, len(volume.slices)), nodes)
    a, b, rows = indexed_edges(nodes, graph[1])
    found = volume.edges.read(0, 99)
    assert np.array_equal(found[["a", "b"]], np.stack([a, b], axis=1))
    assert np.array_equal(found["iou"], graph[1]["iou"].to_numpy()[rows]) and not found["direct"].all()
    assert volume.edges.reach == 2


def test_pairs_are_found_by_either_end(tmp_path):
    slices = Slices(np.arange(4), np.full(4, 10), (1, 1))
    pairs = Pairs(Columns(tmp_path / "c"), "pair", slices, {"weight": "float64"})
    pairs.append(np.array([12, 3, 5]), np.array([25, 35, 11]), np.array([0.5, 0.25, 1]))
    pairs.append(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    pairs.append(np.array([22]), np.array([31]), np.array([0.75]))
    assert pairs.reach == 3
    assert pairs.read(0, 1)["a"].tolist() == [3, 5] and pairs.read(1, 9)["weight"].tolist() == [0.5, 0.75]
    assert pairs.ending(3, 4)["a"].tolist() == [3, 22] and pairs.inside(0, 3)["a"].tolist() == [5, 12]
    with pytest.raises(ValueError, match="order of their slices"):
        pairs.append(np.array([2]), np.array([11]), np.array([0.75]))


def test_slabs_may_have_their_columns_in_another_order(tmp_path, graph):
    pieces, _ = spread_in_slabs(*graph, 6)
    turned = [table[list(table)[::-1]] if i % 2 else table for i, table in enumerate(pieces)]
    whole, found = (load_pieces(tmp_path / name, tables) for name, tables in (("a", pieces), ("b", turned)))
    pd.testing.assert_frame_equal(found.read(0, 99), whole.read(0, 99))


def test_tables_that_do_not_fit_are_refused(tmp_path, graph):
    pieces, overlaps = spread_in_slabs(*graph, 6)
    with pytest.raises(ValueError, match="in the order of their slices"):
        load_pieces(tmp_path / "a", pieces[::-1])
    with pytest.raises(ValueError, match="have the columns"):
        load_pieces(tmp_path / "b", [pieces[0], pieces[1].assign(more=1)])
    with pytest.raises(ValueError, match="a piece twice"):
        load_pieces(tmp_path / "c", [pd.concat([pieces[0], pieces[0][:1]])])
    with pytest.raises(ValueError, match="lacks confidence"):
        load_pieces(tmp_path / "d", [pieces[0].drop(columns="confidence")])
    volume = load_pieces(tmp_path / "e", [pieces[0], pieces[2]])
    with pytest.raises(ValueError, match="unknown pieces"):
        load_edges(volume, overlaps)


def test_the_body_of_a_cell_is_known_from_all_slices(tmp_path, graph, monkeypatch):
    monkeypatch.setattr(module, "HEAP", 40)  # several heaps
    volume = loaded(tmp_path / "v", *graph)
    bodies = body_areas(volume, tmp_path / "spool")
    nodes = sorted_nodes(graph[0])
    assert len(bodies) > 15 and np.array_equal(size_by_bodies(nodes, bodies), own_size(nodes))
    nobody = loaded(tmp_path / "n", graph[0].assign(cell=0), graph[1])
    assert body_areas(nobody, tmp_path / "none").empty


def test_a_volume_of_its_own_leaves_the_other_as_it_is(tmp_path, graph):
    volume = loaded(tmp_path / "v", *graph)
    own = volume.own(tmp_path / "own")
    own.columns.add("cell", "int64", volume.slices.count)
    assert not own.read(0, 99, ["cell"]).any(axis=None) and volume.read(0, 99, ["cell"]).any(axis=None)
    assert own.read(3, 5, ["z"]).index[0] == volume.slices.starts[3]
