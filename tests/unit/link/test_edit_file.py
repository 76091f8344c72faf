"""The file of edits is read strictly."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.link.edit_file import read_cell_edits, voxels_of

STACK = (20, 64, 64)


def edits(tmp_path, text, shape=STACK, origin=(0, 0, 0)):
    file = tmp_path / "edits.yaml"
    file.write_text(text)
    return read_cell_edits(str(file), shape, origin)


def test_every_kind_is_read_in_order(tmp_path):
    found = edits(
        tmp_path,
        "# by hand\n- merge: [5, 12]\n- split: {cell: 7, slice: 4, new: 90}\n"
        "- assign: {fragment: [3, 2, 1], cell: 5}\n- forbid: {fragment: [3, 2, 1], cell: 12}\n",
    )
    assert [(e.kind, e.cells, e.z, e.new, e.voxel) for e in found] == [
        ("merge", (5, 12), 0, None, None),
        ("split", (7,), 4, 90, None),
        ("assign", (5,), 0, None, (3, 2, 1)),
        ("forbid", (12,), 0, None, (3, 2, 1)),
    ]
    assert voxels_of(found) == [(3, 2, 1)]
    assert edits(tmp_path, "") == edits(tmp_path, "# nothing yet\n") == ()


def test_places_count_in_the_whole_stack(tmp_path):
    text = "- split: {cell: 7, slice: 14}\n- assign: {fragment: [13, 25, 36], cell: 5}\n"
    split, assign = edits(tmp_path, text, (10, 30, 30), (10, 20, 30))
    assert split.z == 4 and assign.voxel == (3, 5, 6)


@pytest.mark.parametrize(
    "text, said",
    [
        ("merge: [5, 12]", "no list of edits"),
        ("- join: [5, 12]", "{'join': [5, 12]} is no edit"),
        ("- merge: [5]", "edit 1 (merge: [5]): not understood, [5] is too short"),
        ("- merge: [5, -1]", "-1 is less than the minimum"),
        ("- split: {cell: 7}", "'slice' is a required property"),
        ("- split: {cell: 7, slice: 20}", "can be split at the slices 1 to 19"),
        ("- assign: {fragment: [3, 2], cell: 5}", "too short"),
        ("- assign: {fragment: [3, 64, 1], cell: 5}", "the voxel lies outside the volume"),
        ("- merge: [5, 7]\n- merge: [9, 7]", "cell 7 is merged into 5 and into 9"),
        ("- merge: [5, 7]\n- merge: [7, 5]", "back to itself"),
        ("- [", "cannot be read"),
        ("- merge: [0012, 5]", "0012 is read as 10"),
        ("- merge: [5.5, 7]", "5.5 is not of type 'integer'"),
        ("- assign: {fragment: [3, 1.0e+300, 1], cell: 5}", "the voxel lies outside the volume"),
        ("- merge: [2024-13-45, 5]", "holds a value that cannot be read"),
        ("- merge: [\x07]", "cannot be read"),
    ],
)
def test_what_is_no_edit_is_named(tmp_path, text, said):
    with pytest.raises(UserError) as error:
        edits(tmp_path, text)
    assert said in str(error.value) and "edits.yaml" in str(error.value) and "Cure" in str(error.value)


def test_whole_numbers_with_a_point_are_whole_numbers(tmp_path):
    merge, split, assign = edits(
        tmp_path,
        "- merge: [5.0, 7]\n- split: {cell: 7.0, slice: 4.0}\n- assign: {fragment: [3.0, 5, 6], cell: 5.0}\n",
    )
    assert repr((merge.cells, split.cells, split.z, assign.voxel)) == "((5, 7), (7,), 4, (3, 5, 6))"


def test_all_problems_are_said_at_once_and_a_missing_file_too(tmp_path):
    with pytest.raises(UserError) as error:
        edits(tmp_path, "- merge: [5]\n- join: 3\n")
    assert "edit 1" in str(error.value) and "edit 2" in str(error.value)
    with pytest.raises(UserError, match="no such file"):
        read_cell_edits(str(tmp_path / "absent.yaml"), STACK)
