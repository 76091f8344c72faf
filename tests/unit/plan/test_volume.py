"""Volumes with missing slices and slices declared bad."""

import os

import pytest
from tiny_plan import make_config, make_plan, write_stack
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def open_with(folder, lost=(), **settings):
    """Volume 'a' of 21 slices, labelled on every 5th, after the files ``lost`` were removed."""
    config = make_config(folder)
    for z in lost:
        os.remove(folder / f"image/z{z:04d}.tif")
    config["volumes"]["a"] |= settings
    return Plan(load_config(config)).volumes["a"]


def test_a_gap_is_an_error_unless_it_is_bridged(tmp_path):
    with pytest.raises(UserError, match=r"volumes.a.image: .* 2 slice\(s\) missing between 0 and 20: 7-8"):
        open_with(tmp_path, [7, 8])


def test_bridged_and_declared_slices_keep_their_place(tmp_path):
    volume = open_with(tmp_path, [7, 8], missing_slices="bridge", bad_slices=[12, 6])
    assert volume.shape[0] == 21
    assert volume.missing == (7, 8) and volume.declared_bad == (6, 12) and volume.bad == (6, 7, 8, 12)
    assert [ref.z for ref in volume.image.slices] == [z for z in range(21) if z not in (7, 8)]
    assert volume.labelled("cells") == [0, 5, 10, 15, 20]
    # Bridged from the nearest good slices, which lie in other slabs; a declared bad slice is read as it is.
    assert set(volume.bridges(4, 8)) == {7} and set(volume.bridges(8, 12)) == {8}
    assert [ref.z for ref in volume.recorded(4, 8)] == [4, 5, 6, 9]
    assert [ref.z for ref in volume.recorded(8, 12)] == [5, 9, 10, 11]
    assert [ref.z for ref in volume.recorded(12, 16)] == [12, 13, 14, 15]


def test_labels_on_declared_bad_slices_are_not_used(tmp_path, caplog):
    volume = open_with(tmp_path, bad_slices=[5])
    assert volume.labelled("cells") == [0, 10, 15, 20]
    assert "volumes.a.labels.cells: the labels of slice(s) 5 are not used" in caplog.text
    assert volume.image.zs == list(range(21))


def test_labels_on_missing_slices_are_an_error(tmp_path):
    with pytest.raises(UserError, match=r"slice\(s\) 10, 15 are labelled but missing .*z0010.tif"):
        open_with(tmp_path, [10, 15], missing_slices="bridge")


def test_no_label_on_a_good_slice_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"labels.membrane: all labelled slices \(0, 5\) are declared bad"):
        open_with(tmp_path, bad_slices=[0, 5])


@pytest.mark.parametrize(
    "bad, text", [([21], r"slice\(s\) 21 lie beyond"), (list(range(21)), "all 21 slices are bad or missing")]
)
def test_impossible_bad_slices_are_errors(tmp_path, bad, text):
    with pytest.raises(UserError, match=text):
        open_with(tmp_path, bad_slices=bad)


def test_numbers_of_files_do_not_matter_for_bad_slices(tmp_path):
    config = make_config(tmp_path / "a")
    write_stack(tmp_path / "b", [100, 101, 103, 104])
    config["volumes"]["b"] = {
        "image": str(tmp_path / "b"), "voxel_size_nm": [4, 4, 4], "missing_slices": "bridge", "bad_slices": [0],
    }  # fmt: skip
    assert Plan(load_config(config)).volumes["b"].bad == (0, 2)


def test_a_stack_without_bad_slices_has_none(tmp_path):
    volume = make_plan(tmp_path).volumes["a"]
    assert volume.bad == () and volume.good_slices.good == list(range(21))
