import pandas as pd
import pytest
from piece_graphs import random_graph
from ultraseg.base.errors import UserError
from ultraseg.base.ids import LARGEST_ID
from ultraseg.link.decide import link_pieces
from ultraseg.sweep import tables as module
from ultraseg.sweep.decide import Settings, decide_volume
from ultraseg.sweep.tables import Tables
from volume_of_pieces import loaded


def tables(tmp_path, nodes, edges, **settings):
    volume = loaded(tmp_path / "v", nodes, edges)
    return Tables(decide_volume(volume, tmp_path / "steps", Settings(**settings)), tmp_path / "tables")


@pytest.mark.parametrize("heap", [5, 60, 10**6])
def test_tables_in_parts_are_those_of_the_whole(tmp_path, monkeypatch, heap):
    monkeypatch.setattr(module, "HEAP", heap)
    nodes, edges = random_graph(20)
    nodes = nodes.assign(confidence=0.9)  # ids that change along a course stand, so cells meet
    expected, found = link_pieces(nodes, edges), tables(tmp_path, nodes, edges)
    for name in ("nodes", "links", "protrusions"):
        parts = list(getattr(found, name)())
        whole = pd.concat(parts, ignore_index=True)
        pd.testing.assert_frame_equal(whole, getattr(expected, name), check_exact=True)
        most = max(len(part) for part in parts)
        assert most < len(whole) if name == "nodes" or heap < 100 else most == len(whole)
    pd.testing.assert_frame_equal(found.meetings(), expected.meetings, check_exact=True)
    assert len(expected.meetings) and len(expected.protrusions) > 10


def test_tables_without_rows_have_their_columns(tmp_path):
    nodes, edges = random_graph(21)
    nodes = nodes.assign(body=True, given=True, cell=1)
    expected, found = link_pieces(nodes, edges), tables(tmp_path, nodes, edges)
    for name in ("links", "protrusions"):
        (part,) = getattr(found, name)()
        pd.testing.assert_frame_equal(part, getattr(expected, name))
    pd.testing.assert_frame_equal(found.meetings(), expected.meetings)
    assert part.empty and found.meetings().empty


def test_new_cells_beyond_the_range_are_refused(tmp_path):
    with pytest.raises(UserError, match="new cells get ids up to"):
        tables(tmp_path, *random_graph(22), max_user_id=LARGEST_ID, min_cell_voxels=50)
