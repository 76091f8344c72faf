"""What an image may be, by its path."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.slice_source import SliceRef
from ultraseg.ingest.image_source import file_kind, image_files, image_header, resolve_image


def test_the_kind_follows_from_the_name(tmp_path):
    (tmp_path / "raw").mkdir()
    assert file_kind("a.MRC") == file_kind("b.rec") == "mrc"
    assert file_kind("a.TIF") == file_kind("b.tiff") == "tiff"
    assert file_kind(str(tmp_path / "raw")) == "zarr"


def test_a_folder_whose_name_ends_like_an_mrc_file_is_a_folder(tmp_path):
    folder = tmp_path / "stack.rec"
    folder.mkdir()
    tifffile.imwrite(folder / "z0.tif", np.zeros((4, 5), np.uint8))
    assert len(resolve_image(str(folder))) == 1


def test_the_header_is_that_of_the_first_slice(tmp_path):
    for z in range(2):
        tifffile.imwrite(tmp_path / f"z{z}.tif", np.zeros((4, 5), np.uint16))
    header = image_header(resolve_image(str(tmp_path)))
    assert (header.shape, header.dtype) == ((4, 5), "uint16")
    tifffile.imwrite(tmp_path / "z0.tif", np.zeros((4, 5), np.complex64))
    with pytest.raises(UserError, match="complex64"):
        image_header(resolve_image(str(tmp_path)))


def test_a_file_of_many_pages_is_named_once():
    assert image_files([SliceRef(z, "stack.tif", z) for z in range(5)]) == ["stack.tif"]
