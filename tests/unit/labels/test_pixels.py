"""What a label TIFF stores, before anything is made of it."""

import h5py
import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.array_files import open_header
from ultraseg.labels.pixels import Pixels, colour_name, read_array_pixels, read_pixels


def test_numbers_and_colours_as_stored(tmp_path):
    file = str(tmp_path / "a.tif")
    tifffile.imwrite(file, np.array([[0, 3], [500, 0]], np.uint16))
    assert read_pixels(file, None, (2, 2)).numbers.tolist() == [[0, 3], [500, 0]]
    tifffile.imwrite(file, np.array([[[255, 0, 0], [0, 1, 2]]], np.uint8))
    pixels = read_pixels(file, None, (1, 2))
    assert pixels.coloured and pixels.numbers.tolist() == [[0xFF0000, 0x000102]]


def test_values_of_the_configuration_become_stored_numbers():
    numbers = np.zeros((1, 1), np.uint8)
    assert Pixels(numbers).codes([2, 7], "a.tif") == [2, 7]
    assert Pixels(numbers, coloured=True).codes(["#ff0000"], "a.tif") == [0xFF0000]
    assert Pixels(numbers, palette={0: 0, 4: 0xFF0000, 9: 0xFF0000}).codes(["#ff0000", 1], "a.tif") == [
        4,
        9,
        1,
    ]
    grey = Pixels(numbers, grey_as_colour=True)
    assert grey.codes(["#ff0000", "#030303", 5], "a.tif") == [3, 771, 5]
    for pixels, value in ((Pixels(numbers), "#ff0000"), (Pixels(numbers, coloured=True), 3)):
        with pytest.raises(UserError, match="a.tif: holds"):
            pixels.codes([value], "a.tif")


def test_colours_are_written_as_the_configuration_writes_them():
    assert colour_name(0x00FF0A) == "#00ff0a"


def test_a_fourth_sample_of_unknown_kind_that_erases_labels_is_pointed_out(tmp_path, caplog):
    ids = np.zeros((20, 30), np.uint8)
    ids[2:8, 2:8], ids[10:18, 10:20] = 3, 4
    opaque = np.where(ids == 4, 0, 255).astype(np.uint8)

    def read(fourth, kind):
        tifffile.imwrite(
            tmp_path / "z1.tif", np.stack([ids, ids, ids, fourth], -1), photometric="rgb", extrasamples=[kind],
            planarconfig="contig", metadata=None,
        )  # fmt: skip
        return np.unique(read_pixels(str(tmp_path / "z1.tif"), None, ids.shape).numbers).tolist()

    assert read(opaque, "unassalpha") == [0, 3]
    assert read(np.where(ids, 255, 0).astype(np.uint8), "unspecified") == [0, 3, 4]
    assert not caplog.records
    assert read(opaque, "unspecified") == [0, 3]
    assert "z1.tif: sample 4 of each pixel" in caplog.text and "80 pixels that hold a label" in caplog.text


def test_a_slice_of_an_array_is_read_as_numbers(tmp_path):
    stack = np.arange(24, dtype=">u2").reshape(2, 3, 4)
    with h5py.File(tmp_path / "ids.h5", "w") as file:
        file["ids"], file["mask"] = stack, stack > 5
    ids, mask = (open_header(f"{tmp_path}/ids.h5:{name}") for name in ("ids", "mask"))
    found = read_array_pixels(ids, 1, (3, 4))
    assert np.array_equal(found.numbers, stack[1]) and not found.coloured
    assert np.array_equal(read_array_pixels(mask, 0, (3, 4)).numbers, (stack[0] > 5).astype(np.uint8))
    with pytest.raises(UserError, match="slice is 3 x 4 pixels"):
        read_array_pixels(ids, 0, (3, 5))
