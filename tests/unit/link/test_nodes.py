"""The table of pieces: order, edges in its terms, files, and relabelling."""

import numpy as np
import pandas as pd
import pytest
from scene import disc, two_cells
from ultraseg.link.decide import link_pieces
from ultraseg.link.nodes import indexed_edges, own_size, piece_luts, read_tables, relabel_pieces, sorted_nodes


def test_edges_are_found_in_sorted_rows_and_each_counts_once():
    _, nodes, edges = two_cells(depth=4, left=(0, 4), right=(0, 4)).tables()
    nodes = sorted_nodes(nodes.sample(frac=1, random_state=0))
    assert nodes[["z", "piece"]].values.tolist() == [[z, p] for z in range(4) for p in (1, 2)]
    a, b, rows = indexed_edges(nodes, pd.concat([edges, edges.iloc[:2]], ignore_index=True))
    assert a.tolist() == [0, 1, 2, 3, 4, 5] and b.tolist() == [2, 3, 4, 5, 6, 7]
    assert rows.tolist() == [0, 1, 2, 3, 4, 5]


def test_relabelling_follows_the_tables():
    scene = two_cells().link()
    labels = relabel_pieces(scene.pieces[3:7], piece_luts(scene.result.nodes, range(3, 7)))
    assert labels.dtype == np.uint32
    np.testing.assert_array_equal(labels, np.choose(scene.volume[3:7], [0, 11, 22]))
    with pytest.raises(ValueError, match="tables"):
        relabel_pieces(scene.pieces[:2], piece_luts(scene.result.nodes, [0]))


def test_tables_of_slabs_in_any_order_link_like_those_of_the_whole(tmp_path):
    scene = two_cells(left=(0, 3), right=(0, 3))
    scene.add(3, lambda z: disc(20, 12 + 2 * (z - 3), 4), range(3, 20))
    scene.add(4, lambda z: disc(28 if z > 6 else 20, 52 - 2 * (z - 3), 4), range(3, 20)).link()
    _, nodes, edges = scene.tables()
    files = {"nodes": [], "edges": []}
    for name, table in (("nodes", nodes), ("edges", edges)):
        for part, here in enumerate((table["z"] >= 8, table["z"] < 9 if name == "edges" else table["z"] < 8)):
            files[name].append(str(tmp_path / f"{name}{part}.parquet"))
            table[here].to_parquet(files[name][-1])
    read_nodes, read_edges = read_tables(files["nodes"], files["edges"])
    assert len(read_edges) > len(edges)  # the edges of slice 8 are in both files
    assert read_edges.memory_usage(index=False).sum() / len(read_edges) == 4 * 4 + 1 + 2 * 8
    found = link_pieces(read_nodes, read_edges, min_cell_voxels=1000)
    pd.testing.assert_frame_equal(found.nodes, scene.result.nodes)
    pd.testing.assert_frame_equal(found.links, scene.result.links)
    with pytest.raises(ValueError, match="names a piece twice"):
        link_pieces(pd.concat([nodes, nodes.iloc[:1]]), edges)


def test_sizes_are_measured_by_the_body_of_the_cell_and_without_an_id_by_the_usual_body():
    nodes = pd.DataFrame(
        {"z": [0, 0, 1, 1, 1, 1], "cell": [5, 5, 5, 8, 0, 5], "area": [1000, 50, 1000, 10, 100, 30]}
    )
    size = own_size(nodes)
    np.testing.assert_allclose(size[[0, 1, 2, 3, 5]], [1, 0.05, 1, 1, 0.03])
    assert size[4] == pytest.approx(100 / (1000**2 + 10**2) * 1010)
    assert own_size(nodes.assign(cell=0)).tolist() == [1] * 6
