"""Slices of label files that show nothing: left out on request, and looked up once."""

import h5py
import numpy as np
import pytest
import tifffile
from label_slices import SHAPE, cells, write
from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import open_header
from ultraseg.labels.empty_pages import constant_pages, constant_planes, planes_with
from ultraseg.labels.source import LabelSource, resolve_labels


def export(folder, settings) -> LabelSource:
    """A page for each of six slices, labels on two of them."""
    pages = np.stack([cells(1, 2) if z in (1, 4) else cells() for z in range(6)])
    tifffile.imwrite(folder / "annotation.tif", pages, photometric="minisblack")
    return export_again(folder, settings)


def test_empty_files_and_slices_of_the_ignore_value_are_left_out_on_request(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    nothing = np.full(SHAPE, 99, np.uint16)
    settings = {"empty_slices": "unlabelled", "ignore_value": 99}
    source = write(tmp_path / "cells", settings, z3=cells(1), z4=cells(), z5=nothing, z6=cells(2))
    assert source.zs == [3, 6]


def test_pages_are_looked_at_again_when_the_file_changes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"empty_slices": "unlabelled"}
    assert export(tmp_path, settings).zs == [1, 4]
    read = pytest.MonkeyPatch()
    read.setattr("ultraseg.labels.empty_pages._scan", lambda file: pytest.fail("read again"))
    assert export_again(tmp_path, settings).zs == [1, 4]
    read.undo()
    tifffile.imwrite(tmp_path / "annotation.tif", np.stack([cells(1)] * 3), photometric="minisblack")
    assert export_again(tmp_path, settings).zs == [0, 1, 2]


def export_again(folder, settings):
    return resolve_labels({"path": str(folder / "annotation.tif"), **settings}, str)


def test_an_export_without_any_label_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((3, *SHAPE), np.uint8), photometric="minisblack")
    with pytest.raises(UserError, match="all 3 slices are empty"):
        resolve_labels({"path": str(tmp_path / "a.tif"), "empty_slices": "unlabelled"}, str)


@pytest.mark.parametrize("colours", [False, True])
def test_pages_that_show_none_of_the_values_are_empty(tmp_path, monkeypatch, colours):
    monkeypatch.chdir(tmp_path)
    pages = np.stack([cells(3, 4), cells(3), cells(4), cells(), np.full(SHAPE, 3, np.uint16)])
    if colours:
        pages = np.stack([pages == 3, pages == 4, np.zeros_like(pages)], -1).astype(np.uint8) * 255
    tifffile.imwrite("a.tif", pages, photometric="rgb" if colours else "minisblack")
    settings = {"path": "a.tif", "values": ["#00ff00"] if colours else [4], "empty_slices": "unlabelled"}
    assert resolve_labels(settings, str).zs == [0, 2]
    monkeypatch.setattr("ultraseg.labels.empty_pages._scan_values", lambda *a: pytest.fail("read again"))
    assert resolve_labels(settings, str).zs == [0, 2]


def test_drawn_background_is_labelled_where_unlabelled_pixels_have_a_number(tmp_path, monkeypatch):
    """Strokes: 0 is not labelled, 1 is background, 2 the structure."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", np.stack([cells(1, 2), cells(1), cells()]), photometric="minisblack")
    settings = {"path": "a.tif", "values": [2], "ignore_value": 0, "empty_slices": "unlabelled"}
    assert resolve_labels(settings, str).zs == [0, 1]


def test_pages_of_background_are_empty(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("a.tif", np.stack([cells(1, 2), cells() + 1, cells() + 7]), photometric="minisblack")
    settings = {"path": "a.tif", "background": 1, "empty_slices": "unlabelled"}
    assert resolve_labels(settings, str).zs == [0, 2]


def test_the_one_number_of_each_constant_slice_is_told(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages = np.stack([cells(1), cells(), np.full(SHAPE, 7, np.uint16)])
    tifffile.imwrite("a.tif", pages, photometric="minisblack")
    assert constant_pages("a.tif") == [None, 0, 7]
    tifffile.imwrite("b.tif", pages.astype(np.float32), photometric="minisblack")
    assert constant_pages("b.tif") == [None, None, None]


def test_slices_of_arrays_are_looked_up_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stack = np.zeros((3, 4, 4), np.uint8)
    stack[1] = 5
    stack[2, 0] = 6
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["a"], file["b"] = stack, stack[::-1]
    one, other = (open_header(f"{tmp_path}/ids.h5:{name}") for name in "ab")
    assert constant_planes(one) == [0, 5, None] and constant_planes(other) == [None, 5, 0]
    assert planes_with(one, [6]) == [False, False, True] and planes_with(one, [5, 6]) == [False, True, True]
    monkeypatch.setattr("ultraseg.labels.empty_pages.read_planes", None)
    assert constant_planes(one) == [0, 5, None] and planes_with(one, [6]) == [False, False, True]
