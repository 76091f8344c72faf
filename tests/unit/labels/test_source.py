"""Where labels lie: slices, regions, corrections, and the way through a job's parameters."""

import os

import h5py
import nibabel
import nrrd
import numpy as np
import pytest
import tifffile
import zarr
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef
from ultraseg.labels.reader import LabelReader
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


# ---- arrays of HDF5 and Zarr
def stack_of_labels():
    """Slices 2 and 6 are labelled; each has a row of background."""
    stack = np.zeros((9, 6, 8), np.uint16)
    stack[2, 1:], stack[6, 1:] = 3, 4
    return stack


def write_array(folder, kind, values):
    if kind == "hdf5":
        with h5py.File(folder / "ids.h5", "w") as file:
            file["labels/cells"] = values
        return f"{folder}/ids.h5:labels/cells"
    if kind == "nrrd":
        nrrd.write(str(folder / "ids.nrrd"), values.T)
        return str(folder / "ids.nrrd")
    if kind == "nifti":
        nibabel.save(nibabel.Nifti1Image(values.T, np.diag([-5, -5, 20, 1])), folder / "ids.nii.gz")
        return str(folder / "ids.nii.gz")
    zarr.create_array(str(folder / "ids.zarr"), data=values, chunks=(2, 6, 4), zarr_format=int(kind[-1]))
    return str(folder / "ids.zarr")


@pytest.mark.parametrize("kind", ["hdf5", "zarr2", "zarr3", "nrrd", "nifti"])
def test_labelled_slices_of_an_array_are_found(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, kind, stack_of_labels())
    found = resolve_labels(path, str, 9)
    assert found.zs == [2, 6] and found.empty_slices == "unlabelled"
    assert all(os.path.exists(file) for file in found.files)
    if kind.startswith("zarr"):
        assert len(found.files) == 1 + 2 * 2  # metadata, and two chunks for each labelled slice
    assert resolve_labels(path, str, 9, dense=True).zs == list(range(9))
    assert resolve_labels({"path": path, "empty_slices": "labelled"}, str, 9).zs == list(range(9))


def test_an_array_that_changed_is_searched_again(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, "zarr3", stack_of_labels())
    assert resolve_labels(path, str, 9).zs == [2, 6]
    zarr.open_array(path, mode="r+")[8] = 7
    assert resolve_labels(path, str, 9).zs == [2, 6, 8]


def test_unlabelled_slices_of_an_array_by_ignore_value_and_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    values = np.where(stack_of_labels() == 0, -1, stack_of_labels().astype(np.int32))
    path = write_array(tmp_path, "hdf5", values)
    assert resolve_labels({"path": path, "ignore_value": -1}, str, 9).zs == [2, 6]
    assert resolve_labels({"path": path, "values": [4]}, str, 9).zs == [6]


def test_an_array_with_slices_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, "hdf5", stack_of_labels()[[2, 0, 6]])
    found = resolve_labels({"path": path, "slices": [0, 50, 100]}, str, 120)
    assert [(ref.z, ref.page) for ref in found.slices] == [(0, 0), (50, 1), (100, 2)]
    with pytest.raises(UserError, match="has 3 slices, but 'slices' lists 2 numbers"):
        resolve_labels({"path": path, "slices": [0, 50]}, str, 120)
    with pytest.raises(UserError, match="has 3 pages, but the image has 120 slices"):
        resolve_labels(path, str, 120)


def test_volumes_in_other_forms_come_with_the_command_that_converts_them(tmp_path):
    (tmp_path / "cells.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(UserError, match="is a NumPy file") as told:
        resolve_labels(str(tmp_path / "cells.npy"), str, 9)
    assert "numpy.load(" in told.value.cure


@pytest.mark.parametrize("kind", ["hdf5", "nrrd", "nifti"])
def test_axes_in_another_order_are_named(tmp_path, monkeypatch, kind):
    """Programs that hand their (z, y, x) array to a library for (x, y, z) write such files."""
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, kind, stack_of_labels().T)
    right = "xyz" if kind == "hdf5" else "zyx"
    with pytest.raises(UserError, match=r"ids.*: has 8 slices .*, the image 9") as told:
        resolve_labels(path, str, 9)
    assert f"axes: {right}." in told.value.cure
    found = resolve_labels({"path": path, "axes": right}, str, 9)
    assert found.zs == [2, 6]
    read, known = LabelReader(found, (6, 8), "cells").read(found.slices[0])
    assert known is None and np.array_equal(read, stack_of_labels()[2])


def test_rows_and_columns_that_are_exchanged_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, "nrrd", stack_of_labels().transpose(0, 2, 1))
    found = resolve_labels(path, str, 9)
    with pytest.raises(UserError, match=r"slices are 8 x 6 pixels .*, those of the image 6 x 8") as told:
        LabelReader(found, (6, 8), "cells").read(found.slices[0])
    assert "axes: yxz." in told.value.cure


def test_arrays_that_are_no_labels(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = write_array(tmp_path, "hdf5", np.zeros((2, 9, 6, 8), np.uint16))
    with pytest.raises(UserError, match="has 2 channels where labels have one"):
        resolve_labels({"path": path, "axes": "czyx"}, str, 9)
    path = write_array(tmp_path, "zarr3", np.zeros((9, 6, 8), np.uint16))
    with pytest.raises(UserError, match="all 9 slices are empty"):
        resolve_labels(path, str, 9)
    with pytest.raises(UserError, match="is no TIFF and no ROI file"):
        resolve_labels({"path": write(tmp_path / "z", 0), "region": path}, str, 9)
    with pytest.raises(UserError, match="axes are given"):
        resolve_labels({"path": write(tmp_path / "z", 0), "axes": "zyx"}, str, 9)
