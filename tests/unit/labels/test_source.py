"""Where labels lie: slices, regions, corrections, and the way through a job's parameters."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef
from ultraseg.labels.source import LabelSource, find_rois, is_roi, resolve_labels, with_corrections


def write(folder, *numbers):
    folder.mkdir(parents=True, exist_ok=True)
    for number in numbers:
        tifffile.imwrite(folder / f"z{number}.tif", np.full((4, 5), number, np.uint8))
    return str(folder)


SOURCE = LabelSource.of([SliceRef(z, f"z{z}.tif", None) for z in (0, 4, 8)])


def test_every_way_of_giving_slices_is_one_source():
    assert LabelSource.of(SOURCE) is SOURCE and LabelSource.of(SOURCE.stack) == SOURCE


def test_the_roi_cuts_the_slices_and_keeps_how_they_are_read():
    source = LabelSource(SOURCE.stack, ignore_value=9)
    cropped = source.cropped(((3, 8), (0, 4), (0, 5)))
    assert cropped.slices == (SliceRef(1, "z4.tif", None),)
    assert cropped.ignore_value == 9 and cropped.partial and len(cropped) == 1


def test_the_files_of_a_region_are_read_only_for_slices_that_are_used():
    region = ((0, "r0.tif", None), (4, "r4.tif", None))
    source = LabelSource(SOURCE.stack, region=region)
    assert source.files == ["z0.tif", "z4.tif", "z8.tif", "r0.tif", "r4.tif"]
    assert source.with_slices(source.slices[1:]).files == ["z4.tif", "z8.tif", "r4.tif"]


def test_corrected_slices_take_the_place_of_the_first_ones(tmp_path):
    given = resolve_labels(write(tmp_path / "cells", 0, 4), str)
    write(tmp_path / "corrected/cells", 4, 6)
    merged = with_corrections({"cells": given}, str(tmp_path / "corrected"), {"cells": {}})["cells"]
    assert merged.zs == [0, 4, 6]
    assert merged.corrected == tuple(str(tmp_path / f"corrected/cells/z{z}.tif") for z in (4, 6))
    assert merged.slices[1].file == merged.corrected[0]
    with pytest.raises(UserError, match="corrections of 'cells', which is no structure"):
        with_corrections({}, str(tmp_path / "corrected"), {"nuclei": {}})


def stack(file, pages):
    tifffile.imwrite(file, np.ones((pages, 8, 9), np.uint8), photometric="minisblack")
    return str(file)


@pytest.mark.parametrize("pages", [2, 5, 19, 21])
@pytest.mark.parametrize("in_folder", [False, True])
def test_pages_without_numbers_must_be_as_many_as_the_slices(tmp_path, pages, in_folder):
    file = stack(tmp_path / "a.tif", pages)
    path = str(tmp_path) if in_folder else file
    with pytest.raises(UserError, match=rf"a.tif: has {pages} pages, but the image has 20 slices") as caught:
        resolve_labels({"path": path, "empty_slices": "labelled"}, str, 20)
    assert "'slices'" in caught.value.cure
    numbers = list(range(0, 2 * pages, 2))
    assert resolve_labels({"path": path, "slices": numbers}, str, 99).zs == numbers
    assert resolve_labels(path, str, pages).zs == list(range(pages))
    with pytest.raises(UserError, match="pages, but the image has 20 slices"):
        resolve_labels({"path": write(tmp_path / "z", 0), "region": file}, str, 20)


def test_files_with_numbers_need_not_be_as_many(tmp_path):
    assert resolve_labels(write(tmp_path, 0, 7), str, 20).zs == [0, 7]


def test_corrections_of_many_pages_are_refused(tmp_path):
    (tmp_path / "cells").mkdir()
    stack(tmp_path / "cells/z3.tif", 4)
    with pytest.raises(UserError, match="holds 4 pages, and nothing says which slices they are"):
        with_corrections({}, str(tmp_path), {"cells": {}})


def test_roi_files_are_found_by_name(tmp_path):
    assert is_roi("RoiSet.ZIP") and not is_roi("a.tif")
    (tmp_path / "1.roi").write_bytes(b"x")
    assert find_rois(str(tmp_path)) == [str(tmp_path / "1.roi")]
    write(tmp_path, 1)
    assert find_rois(str(tmp_path)) == [], "a folder with TIFFs is a folder of TIFFs"
