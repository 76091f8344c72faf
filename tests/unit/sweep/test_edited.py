"""A volume linked block by block has the tables of the volume linked at once, to the bit."""

import pandas as pd
import pytest
from piece_graphs import edits_of, random_graph, spread_in_slabs
from scene import random_scene
from ultraseg.base.errors import UserError
from ultraseg.link.apply_edits import link_edited
from ultraseg.link.edit_file import CellEdit
from ultraseg.sweep.columns import Columns, Spool
from ultraseg.sweep.edited import link_volume

SETTINGS = {"min_cell_voxels": 300, "max_user_id": 40}


def at_once(nodes, edges, edits, at, **settings):
    result, ids = link_edited(nodes, edges, edits, at, **settings)
    return {name: getattr(result, name) for name in ("nodes", "links", "protrusions", "meetings")} | {
        "ids": ids
    }


def in_blocks(folder, nodes, edges, edits, at, block, depth=7, **settings):
    tables, ids = link_volume(
        folder, *spread_in_slabs(nodes, edges, depth), edits, at, block=block, **settings
    )
    parts = {name: list(getattr(tables, name)()) for name in ("nodes", "links", "protrusions")}
    whole = {name: pd.concat(tables, ignore_index=True) for name, tables in parts.items()}
    return whole | {"meetings": tables.meetings(), "ids": ids}


def assert_same(found, expected):
    for name, table in expected.items():
        pd.testing.assert_frame_equal(found[name], table, check_exact=True, obj=name)


@pytest.mark.parametrize(
    "seed, block", [(0, (1, 1)), (1, (60, 3)), (2, (150, 1)), (3, (1, 9)), (4, (10**6, 1))]
)
def test_random_volumes_are_linked_as_at_once(tmp_path, seed, block):
    nodes, edges = random_graph(seed, depth=28, courses=45)
    assert_same(
        in_blocks(tmp_path / "columns", nodes, edges, [], {}, block, **SETTINGS),
        at_once(nodes, edges, [], {}, **SETTINGS),
    )


@pytest.mark.parametrize("seed, block", [(5, (200, 1)), (6, (1, 6))])
def test_random_volumes_with_edits_are_linked_as_at_once(tmp_path, seed, block):
    nodes, edges = random_graph(seed)
    first, _ = link_edited(nodes, edges, [], {}, **SETTINGS)
    edits, at = edits_of(first, seed)
    expected = at_once(nodes, edges, edits, at, **SETTINGS)
    assert {"corrected", "new_cell"} <= set(expected["nodes"]["outcome"]) and len(expected["ids"]) > 2
    assert_same(in_blocks(tmp_path / "columns", nodes, edges, edits, at, block, **SETTINGS), expected)


def test_pieces_of_planted_cells_with_bad_slices_are_linked_as_at_once(tmp_path):
    _, nodes, edges = random_scene(depth=20).tables(max_gap=1)
    found = in_blocks(tmp_path / "columns", nodes, edges, [], {}, (30, 2), min_cell_voxels=1000)
    assert_same(found, at_once(nodes, edges, [], {}, min_cell_voxels=1000))
    assert (edges["gap"] == 2).any()


def test_no_step_reads_more_of_a_deeper_volume_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr("ultraseg.sweep.columns.CHUNK", 50)
    monkeypatch.setattr("ultraseg.sweep.tables.HEAP", 50)
    monkeypatch.setattr("ultraseg.sweep.volume.HEAP", 50)
    rows, most, count = [], {}, {}
    plain = {"read": Columns.read, "heap": Spool.heap}

    def read(self, name, start, stop):
        rows.append(stop - start)
        return plain["read"](self, name, start, stop)

    def heap(self, number):
        found = plain["heap"](self, number)
        rows.append(len(found))
        return found

    monkeypatch.setattr(Columns, "read", read)
    monkeypatch.setattr(Spool, "heap", heap)
    for depth in (60, 150):
        nodes, edges = random_graph(1, depth=depth, courses=depth)
        rows.clear()
        in_blocks(tmp_path / str(depth), nodes, edges, [], {}, (150, 8), **SETTINGS)
        most[depth], count[depth] = max(rows), len(nodes)
    assert count[150] > 2.5 * count[60] and most[150] < 1.3 * most[60]


def test_volumes_without_overlaps_or_pieces_are_linked_as_at_once(tmp_path):
    nodes, edges = random_graph(8, depth=9, courses=20)
    for name, (some, few) in {"apart": (nodes, edges[:0]), "empty": (nodes[:0], edges[:0])}.items():
        tables, _ = link_volume(tmp_path / name, [some], [few], block=(20, 1))
        expected, _ = link_edited(some, few, [], {})
        for part in ("nodes", "links", "protrusions"):
            found = pd.concat(getattr(tables, part)(), ignore_index=True)
            pd.testing.assert_frame_equal(found, getattr(expected, part), check_dtype=len(some) > 0)
        pd.testing.assert_frame_equal(tables.meetings(), expected.meetings)


def test_an_edit_that_names_nothing_is_refused(tmp_path):
    nodes, edges = random_graph(9, depth=14, courses=20)
    edits = [
        CellEdit("merge", (1, 999), text="line 1"),
        CellEdit("assign", (1,), voxel=(3, 4, 5), text="line 2"),
    ]
    at = {(3, 4, 5): (3, 0)}
    for link in (
        lambda: link_edited(nodes, edges, edits, at),
        lambda: link_volume(tmp_path / "v", *spread_in_slabs(nodes, edges, 5), edits, at),
    ):
        with pytest.raises(UserError, match="(?s)there is no cell 999.*neither cell nor fragment"):
            link()
