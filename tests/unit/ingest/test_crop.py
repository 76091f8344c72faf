"""The part of a stack that a run looks at."""

import pytest
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef, SliceSource
from ultraseg.ingest.crop import crop_source, resolve_roi


def test_axes_that_are_not_named_are_whole():
    assert resolve_roi(None, (5, 6, 7), "v") == ((0, 5), (0, 6), (0, 7))
    assert resolve_roi({"y": [2, 4]}, (5, 6, 7), "v") == ((0, 5), (2, 4), (0, 7))


def test_all_ranges_outside_the_stack_are_named():
    with pytest.raises(UserError) as error:
        resolve_roi({"z": [0, 6], "y": [3, 3], "x": [1, 7]}, (5, 6, 7), "volumes.a")
    assert "volumes.a.roi: z [0, 6]" in error.value.problem and "y [3, 3]" in error.value.problem
    assert "5 x 6 x 7" in error.value.problem and "x [1, 7]" not in error.value.problem


def test_slices_are_counted_from_the_first_one_inside():
    source = SliceSource(tuple(SliceRef(z, f"s{z}.tif", None) for z in (0, 4, 8)), first_number=100)
    cropped = crop_source(source, ((3, 8), (0, 1), (0, 1)))
    assert cropped.slices == (SliceRef(1, "s4.tif", None),) and cropped.first_number == 103
