"""Reading and refusing TIFF slices."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.formats.tiff_read import read_header, read_slice
from ultraseg.ingest.find_slices import resolve_slices

RNG = np.random.default_rng(0)
STACK = RNG.integers(0, 256, (6, 40, 50), dtype=np.uint8)


@pytest.mark.parametrize(
    "options", [{}, {"imagej": True}, {"truncate": True}, {"bigtiff": True}, {"compression": "zlib"}]
)
def test_every_page_of_a_stack_is_read(tmp_path, options):
    file = str(tmp_path / "stack.tif")
    tifffile.imwrite(file, STACK, **options)
    assert read_header(file) == (6, (40, 50), np.uint8)
    source = resolve_slices(file)
    assert np.array_equal([read_slice(r.file, r.page) for r in source.slices], STACK)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "zstd", "packbits"])
def test_compressions_and_byte_orders(tmp_path, dtype, compression):
    file = str(tmp_path / "s1.tif")
    data = STACK[0].astype(dtype) * (1 if dtype == np.uint8 else 200)
    for byteorder in "<>":
        tifffile.imwrite(file, data, compression=compression, byteorder=byteorder, tile=(16, 16))
        assert np.array_equal(read_slice(file, expect_shape=(40, 50), expect_dtype=dtype), data)


def test_min_is_white_is_inverted_for_images_only(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0], photometric="miniswhite")
    assert np.array_equal(read_slice(file), 255 - STACK[0])
    assert np.array_equal(read_slice(file, kind="labels"), STACK[0])


def test_one_bit_masks(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK[0] > 100)
    assert np.array_equal(read_slice(file, kind="labels"), (STACK[0] > 100).astype(np.uint8))


def test_shape_type_and_page_are_checked(tmp_path):
    file = str(tmp_path / "s1.tif")
    tifffile.imwrite(file, STACK)
    with pytest.raises(UserError, match=r"40 x 50 pixels.*expected 41 x 50"):
        read_slice(file, 0, expect_shape=(41, 50))
    with pytest.raises(UserError, match="uint8, expected uint16"):
        read_slice(file, 0, expect_dtype="uint16")
    with pytest.raises(UserError, match="no page 6"):
        read_slice(file, 6)
    with pytest.raises(UserError, match="6 slices where one"):
        read_slice(file)
    tifffile.imwrite(file, STACK[0].astype(np.complex64))
    with pytest.raises(UserError, match="complex64, not one of uint8"):
        read_slice(file)
