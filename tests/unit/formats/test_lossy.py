"""Which compressed TIFF pages lost something: files as libraries write them."""

import numpy as np
import pytest
import tifffile
from ultraseg.formats.lossy import is_lossy

PAGE = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)


@pytest.mark.parametrize(
    "compression, how, lossy",
    [
        (None, {}, False),
        ("deflate", {}, False),
        ("lzw", {}, False),
        ("jpeg", {"level": 90}, True),
        ("jpeg", {"lossless": True}, False),
        ("jpeg2000", {"level": 30}, True),
        ("jpeg2000", {"reversible": True}, False),
        ("webp", {"level": 80, "lossless": False}, True),
        ("webp", {"lossless": True}, False),
    ],
)
def test_only_compression_that_changes_numbers_is_lossy(tmp_path, compression, how, lossy):
    page = np.stack([PAGE] * 3, -1) if compression == "webp" else PAGE
    kind = {"photometric": "rgb"} if compression == "webp" else {}
    tifffile.imwrite(tmp_path / "a.tif", page, compression=compression, compressionargs=how, **kind)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert is_lossy(tif, tif.pages[0]) == lossy
        same = np.array_equal(tif.pages[0].asarray(), page)
    assert same or lossy  # what is called lossless gives the same numbers back
