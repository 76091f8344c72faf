"""Linking under the edits of a user does what the edits say and nothing else."""

import numpy as np
import pandas as pd
import pytest
from scene import SHAPE, Scene, disc, two_cells
from ultraseg.base.errors import UserError
from ultraseg.link.apply_edits import edited_ids, link_edited, pieces_at
from ultraseg.link.edit_file import read_cell_edits, voxels_of


def edits(tmp_path, text, shape):
    file = tmp_path / "edits.yaml"
    file.write_text(text)
    return read_cell_edits(str(file), shape)


@pytest.fixture
def scene():
    """Cells 11 and 22, each with a tube; a lonely fragment; a new cell (100)."""
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 3), range(4, 10))
    scene.add(4, lambda z: disc(20, 52, 3), range(4, 10))
    scene.add(5, lambda z: disc(40, 12, 3), range(12, 15))
    return scene.add(6, lambda z: disc(45, 45, 8), range(2, 18))


def linked(scene, tmp_path, text=""):
    pieces, nodes, edges = scene.tables()
    found = edits(tmp_path, text, (len(pieces), *SHAPE))
    at = pieces_at({v: v[0] for v in voxels_of(found)}, lambda z: pieces[z], 1)
    result, ids = link_edited(nodes, edges, found, at, max_user_id=99, min_cell_voxels=1000)
    return result, ids


def cells_of(result) -> dict[int, list]:
    """Cells and outcomes of each object of the scene."""
    return {
        name: sorted(set(zip(rows["final"], rows["outcome"], strict=True)))
        for name, rows in result.nodes.groupby("name")
    }


BEFORE = {
    1: [(11, "body")], 2: [(22, "body")], 3: [(11, "assigned")], 4: [(22, "assigned")], 5: [(0, "unassigned_weak")],
    6: [(100, "new_cell")],
}  # fmt: skip


def test_without_edits_nothing_changes(scene, tmp_path):
    result, ids = linked(scene, tmp_path)
    assert cells_of(result) == BEFORE and ids.empty
    ids_there = np.arange(5)
    assert np.array_equal(edited_ids(ids_there, 3, ids), ids_there)


def test_the_line_of_a_meeting_merges_the_two_cells(tmp_path):
    scene = Scene(11)
    scene.add(1, lambda z: disc(30, 30, 14), [0], cell=10, body=True)
    scene.add(2, lambda z: disc(30, 30, 14), range(1, 10), body=True)
    scene.add(3, lambda z: disc(30, 30, 14), [10], cell=23, body=True)
    scene.given = {0, 10}
    before, _ = linked(scene, tmp_path)
    (line,) = before.meetings["edit"]
    after, ids = linked(scene, tmp_path, line)
    assert set(after.nodes["final"]) == {int(line.split("[")[1].split(",")[0])} and after.meetings.empty
    assert len(ids) == 1


@pytest.mark.parametrize(
    "text, changed",
    [
        ("- merge: [11, 22]", {2: [(11, "body")], 4: [(11, "assigned")]}),
        ("- merge: [22, 100]", {6: [(22, "new_cell")]}),
        ("- split: {cell: 11, slice: 2}", {1: [(11, "body"), (101, "body")], 3: [(101, "assigned")]}),
        ("- split: {cell: 100, slice: 9, new: 7}", {6: [(7, "new_cell"), (100, "new_cell")]}),
        ("- assign: {fragment: [13, 40, 12], cell: 22}", {5: [(22, "corrected")]}),
        ("- assign: {fragment: [13, 40, 12], cell: 100}", {5: [(100, "corrected")]}),
        ("- assign: {fragment: [6, 20, 12], cell: 22}", {3: [(22, "corrected")]}),
        ("- forbid: {fragment: [6, 20, 12], cell: 11}", {3: [(0, "unassigned_weak")]}),
        (
            "- forbid: {fragment: [6, 20, 12], cell: 11}\n- assign: {fragment: [6, 20, 12], cell: 22}",
            {3: [(22, "corrected")]},
        ),
        (
            "- split: {cell: 11, slice: 2, new: 55}\n- merge: [22, 55]",
            {1: [(11, "body"), (22, "body")], 3: [(22, "assigned")]},
        ),
    ],
)
def test_an_edit_changes_what_it_names_and_nothing_else(scene, tmp_path, text, changed):
    assert cells_of(linked(scene, tmp_path, text)[0]) == BEFORE | changed


def test_a_carried_id_does_not_bring_a_forbidden_cell_back(tmp_path):
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 3), range(4, 10), cell=11, confidence=1.0)
    assert cells_of(linked(scene, tmp_path)[0])[3] == [(11, "assigned")]
    result, _ = linked(scene, tmp_path, "- forbid: {fragment: [6, 20, 12], cell: 11}")
    assert cells_of(result)[3] == [(0, "unassigned_weak")]


def test_a_forbidden_cell_cannot_return_through_another_fragment(tmp_path):
    """Two ways lead to the cell: along the tube itself, and over a fragment beside it that nobody has."""
    scene = two_cells(left=(0, 4), right=(0, 4))
    scene.add(3, lambda z: disc(20, 12, 4), range(4, 10))
    scene.add(7, lambda z: disc(20, 20, 3), [10])
    result, _ = linked(scene, tmp_path, "- forbid: {fragment: [6, 20, 12], cell: 11}")
    assert 11 not in {cell for cell, _ in cells_of(result)[3]}


def test_fragments_and_protrusions_follow(scene, tmp_path):
    result, _ = linked(scene, tmp_path, "- assign: {fragment: [13, 40, 12], cell: 22}")
    row = result.links[result.links["outcome"] == "corrected"]
    columns = ["z_first", "z_last", "cell", "strength", "margin", "y", "x"]
    assert row[columns].values.tolist() == [[12, 14, 22, 1, 1, 40, 12]]
    assert 22 in set(result.protrusions["cell"])


def test_the_ids_that_users_drew_are_edited_alike(scene, tmp_path):
    _, ids = linked(scene, tmp_path, "- split: {cell: 11, slice: 2}\n- merge: [100, 22]")
    drawn = np.array([[0, 11], [22, 33]], np.uint32)
    assert edited_ids(drawn, 1, ids).tolist() == [[0, 11], [100, 33]]
    assert edited_ids(drawn, 2, ids).tolist() == [[0, 101], [100, 33]]
    assert edited_ids(drawn, 2, ids).dtype == np.uint32


@pytest.mark.parametrize(
    "text, said",
    [
        ("- merge: [11, 77]", "there is no cell 77"),
        ("- assign: {fragment: [13, 40, 12], cell: 77}", "there is no cell 77"),
        ("- split: {cell: 77, slice: 3}", "there is no cell 77"),
        ("- split: {cell: 11, slice: 15}", "cell 11 lies in the slices 0 to 9"),
        ("- split: {cell: 11, slice: 2, new: 22}", "the id 22 is in use"),
        ("- split: {cell: 11, slice: 2}\n- split: {cell: 11, slice: 2}", "split there twice"),
        ("- split: {cell: 11, slice: 2}\n- merge: [11, 22]", "cell 11 is split and merged"),
        ("- assign: {fragment: [13, 60, 60], cell: 11}", "neither cell nor fragment"),
        ("- assign: {fragment: [2, 20, 12], cell: 22}", "the body of cell 11"),
        (
            "- assign: {fragment: [13, 40, 12], cell: 11}\n- assign: {fragment: [12, 40, 12], cell: 22}",
            "one fragment is assigned to the cells 11 and 22",
        ),
        (
            "- assign: {fragment: [13, 40, 12], cell: 11}\n- forbid: {fragment: [12, 40, 12], cell: 11}",
            "assigned to cell 11 and forbidden to it",
        ),
    ],
)
def test_unknown_and_contradictory_edits_are_errors(scene, tmp_path, text, said):
    with pytest.raises(UserError) as error:
        linked(scene, tmp_path, text)
    assert said in str(error.value)


def test_a_drawn_piece_is_changed_in_its_label(scene, tmp_path):
    scene.given = {13}
    scene.known[5] = (11, 1.0, False)
    with pytest.raises(UserError, match="drawn on a labelled slice"):
        linked(scene, tmp_path, "- assign: {fragment: [13, 40, 12], cell: 22}")


def test_a_voxel_beside_a_piece_means_the_nearest_one():
    piece = np.zeros((20, 20), int)
    piece[5:8, 5:8], piece[5:8, 10:12] = 3, 4
    voxels = {(2, 6 * 4, 8 * 4): 1, (2, 6 * 4, 9 * 4 + 3): 1, (2, 60, 60): 1, (2, 27, 27): 1}
    found = pieces_at(voxels, lambda z: piece * z, 4)
    assert list(found.values()) == [(1, 3), (1, 4), (1, 0), (1, 3)]
    empty = pieces_at({(0, 0, 0): 0}, lambda z: np.zeros((4, 4), int), 4)
    assert empty == {(0, 0, 0): (0, 0)}


def test_new_cells_keep_their_ids_when_another_one_comes_first(tmp_path):
    """A tube that is forbidden to its cell persists as a cell of its own, before the other new cell in z."""
    scene = Scene(20)
    scene.add(1, lambda z: disc(20, 12, 9), range(0, 3), cell=11, body=True)
    scene.add(2, lambda z: disc(20, 12, 6), range(3, 12))
    scene.add(3, lambda z: disc(45, 45, 8), range(5, 18))
    assert cells_of(linked(scene, tmp_path)[0])[3] == [(100, "new_cell")]
    result, _ = linked(scene, tmp_path, "- forbid: {fragment: [6, 20, 12], cell: 11}")
    found = cells_of(result)
    assert found[3] == [(100, "new_cell")]
    assert len(found[2]) == 1 and found[2][0][1] == "new_cell" and found[2][0][0] > 100
    assert isinstance(result.nodes, pd.DataFrame) and "fixed" not in result.nodes
