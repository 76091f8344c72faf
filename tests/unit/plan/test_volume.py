"""A volume: its slabs and levels, its labels, and which of its slices count."""

import pytest
from tiny_plan import make_plan, open_with
from ultraseg.formats.slice_source import SliceRef
from ultraseg.labels.source import LabelSource


@pytest.fixture
def volume(tmp_path):
    return make_plan(tmp_path).volumes["a"]


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


def test_a_stack_without_bad_slices_has_none(tmp_path):
    volume = make_plan(tmp_path).volumes["a"]
    assert volume.bad == () and volume.good_slices.good == list(range(21))


def test_slices_of_a_roi_are_bridged_from_outside_it(tmp_path):
    v = open_with(tmp_path, [11, 12], missing_slices="bridge", roi={"z": [4, 12]})
    assert v.missing == (7,) and v.n_slices == 8
    assert [z for z, _ in v.bridges(4, 8)[7]] == [6, 9]  # slices 10 and 13 of the stack
    assert [ref.z for ref in v.recorded(4, 8)] == [4, 5, 6, 9]
    assert v.image.zs == list(range(7)) and v.stack.zs[0] == -4


def test_a_volume_is_cut_into_slabs(volume):
    assert list(volume.slabs) == [0, 1, 2, 3, 4, 5] and volume.slab(5) == (20, 21)
    assert volume.slabs_of(3, 9) == [0, 1, 2] and volume.slabs_of(19, 99) == [4, 5]
    assert (volume.plane(1), volume.plane(4), volume.plane(7)) == ((24, 40), (6, 10), (4, 6))
    assert volume.folder == volume.files.folder == "results/a"


def test_a_roi_lies_at_its_corner(tmp_path):
    v = open_with(tmp_path, roi={"z": [4, 16], "x": [10, 40]})
    assert (v.shape, v.full_shape) == ((12, 24, 30), (21, 24, 40))
    assert (v.plane_crop, v.origin_nm) == (((0, 24), (10, 40)), (16, 0, 40))
    assert v.first_label_number("cells") == 0


def test_levels_for_measuring_and_for_the_3d_view_are_as_fine_as_they_may_be(volume):
    assert [level.shape for level in volume.levels] == [(21, 24, 40), (11, 12, 20), (6, 6, 10)]
    assert volume.factors == [(1, 1, 1), (2, 2, 2), (4, 4, 4)]
    assert (volume.measure_level, volume.view_level) == (0, 0)
    for shape, measured, viewed in [
        ((64, 1024, 1024), 0, 2),  # just 2**26 voxels
        ((64, 1024, 1025), 1, 2),
        ((1000, 9000, 9000), 2, 2),  # even the smallest level is larger than wanted
        ((10, 320, 320), 0, 0),
        ((10, 321, 320), 0, 1),
    ]:
        volume.shape = shape
        del volume.__dict__["levels"]
        assert (volume.measure_level, volume.view_level) == (measured, viewed), shape


def test_networks_and_results_may_know_different_labels(volume):
    first, taught, shown = (
        LabelSource.of([SliceRef(z, "", None) for z in zs]) for zs in ([0], [0, 1], [0, 1, 2])
    )
    assert volume.label_file("cells") == "results/a/work/labels/cells.h5"
    volume.labels["cells"] = shown
    volume.labels_for_training["cells"], volume.labels_at_first["cells"] = taught, first
    assert (volume.labelled("cells"), volume.taught("cells")) == ([0, 1, 2], [0, 1])
    assert volume.labelled_at_first("cells") == [0]
    assert volume.label_file("cells") == "results/a/work/labels/cells.corrected.h5"
    assert volume.coverage_file("cells") == "results/a/work/labels/cells.corrected.csv"
    volume.labels_for_training["cells"] = shown
    assert volume.coverage_file("cells") == "results/a/work/labels/cells.csv"
    assert volume.label_file("cells") == "results/a/work/labels/cells.h5"


def test_a_structure_without_labels_has_no_labelled_slices(volume):
    assert volume.labelled("golgi") == volume.taught("golgi") == volume.labelled_at_first("golgi") == []


def test_a_volume_is_described_in_a_line(volume):
    assert volume.description == (
        "21 x 24 x 40 voxels of 4 x 4 x 4 nm, 0.084 x 0.096 x 0.16 µm (z, y, x); "
        "labelled slices: cells on 5, nuclei on 5, membrane on 2"
    )
