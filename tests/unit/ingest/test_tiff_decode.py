"""Pages of TIFF files: which are slices, what they hold, and what damage looks like."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.ingest.tiff_read import read_header, read_slice

STACK = np.random.default_rng(0).integers(0, 256, (6, 40, 50), dtype=np.uint8)


def test_hidden_stack_of_16_bit_big_endian(tmp_path):
    file = str(tmp_path / "stack.tif")
    data = STACK.astype(np.uint16) * 200
    tifffile.imwrite(file, data, truncate=True, byteorder=">")
    assert np.array_equal(read_slice(file, 4), data[4])
    cut(file, 0.9)
    with pytest.raises(UserError, match="truncated: page 5"):
        read_slice(file, 5)


def test_grey_in_disguise_is_read_and_colour_refused(tmp_path):
    file = str(tmp_path / "s1.tif")
    grey = STACK[0]
    rgba = np.stack([grey] * 3 + [np.full_like(grey, 255)], -1)
    tifffile.imwrite(file, np.stack([grey] * 3, -1), photometric="rgb")
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, rgba, photometric="rgb", extrasamples=["unassalpha"])
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, np.stack([grey] * 3), photometric="rgb", planarconfig="separate")
    assert np.array_equal(read_slice(file), grey)
    tifffile.imwrite(file, np.stack([grey, grey, grey // 2], -1), photometric="rgb")
    with pytest.raises(UserError, match="colour image"):
        read_slice(file)


def test_palette_of_greys_is_applied_to_images_and_ignored_for_labels(tmp_path):
    file = str(tmp_path / "s1.tif")
    falling = (np.arange(255, -1, -1) * 257).astype(np.uint16)
    tifffile.imwrite(file, STACK[0], photometric="palette", colormap=np.stack([falling] * 3))
    assert np.array_equal(read_slice(file), 255 - STACK[0])
    assert np.array_equal(read_slice(file, kind="labels"), STACK[0])


def test_reduced_copies_are_no_slices(tmp_path):
    file = str(tmp_path / "s1.tif")
    with tifffile.TiffWriter(file) as tif:
        tif.write(STACK[0], metadata=None)
        tif.write(STACK[0, ::2, ::2], subfiletype=1, metadata=None)
    assert read_header(file).pages == 1
    assert np.array_equal(read_slice(file), STACK[0])


def cut(file, fraction):
    with open(file, "rb") as stream:
        data = stream.read()
    with open(file, "wb") as stream:
        stream.write(data[: int(len(data) * fraction)])


@pytest.mark.parametrize("compression", [None, "lzw", "zlib"])
@pytest.mark.parametrize("fraction", [0.0, 0.01, 0.5, 0.9])
def test_truncated_files_are_named(tmp_path, compression, fraction):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], compression=compression)
    cut(file, fraction)
    with pytest.raises(UserError, match="s1.tif") as error:
        read_slice(file)
    assert error.value.cure


@pytest.mark.parametrize("fraction", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("imagej", [False, True])
def test_stack_with_a_broken_page_chain_is_refused(tmp_path, fraction, imagej):
    file = str(tmp_path / "stack.tif")
    tifffile.imwrite(file, STACK, imagej=imagej)
    cut(file, fraction)
    with pytest.raises(UserError, match="stack.tif"):
        read_header(file)


def test_damaged_strip_and_foreign_file_are_refused(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], compression="zlib")
    with open(file, "r+b") as stream:
        stream.seek(600)
        stream.write(b"\0" * 200)
    with pytest.raises(UserError, match="cannot be decoded"):
        read_slice(file)
    with open(file, "wb") as stream:
        stream.write(b"\x89PNG" + b"\0" * 100)
    with pytest.raises(UserError, match="not a valid TIFF"):
        read_slice(file)
