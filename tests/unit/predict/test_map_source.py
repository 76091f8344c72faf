"""How a map of another program fits the stack: whole numbers of times smaller, rounded up or down."""

import numpy as np
import pytest
import tifffile
from ultraseg.base.errors import UserError
from ultraseg.predict.map_source import MapSource, fitting_factor


@pytest.mark.parametrize(
    "found, expected",
    [
        ((20, 101, 200), (1, 1, 1)),
        ((10, 51, 100), (2, 2, 2)),  # rounded up
        ((10, 50, 100), (2, 2, 2)),  # rounded down
        ((20, 25, 50), (1, 4, 4)),
    ],
)
def test_the_factor_is_found(found, expected):
    assert fitting_factor("key", "file", found, (20, 101, 200)) == expected


@pytest.mark.parametrize("found", [(19, 101, 200), (20, 102, 200), (20, 70, 140), (200, 101, 20)])
def test_other_sizes_are_refused_with_both(found):
    with pytest.raises(UserError, match="key: file has .* voxels .*, the whole stack 20 x 101 x 200"):
        fitting_factor("key", "file", found, (20, 101, 200))


def test_slices_and_files(tmp_path):
    for z in range(5):
        tifffile.imwrite(tmp_path / f"z{z}.tif", np.zeros((4, 4), np.uint8))
    source = MapSource("key", str(tmp_path), (0,), None, None, (5, 4, 4), (2, 1, 1))
    assert source.rows([0, 1, 2, 9, 10]) == [0, 0, 1, 4, 4]
    assert source.files([4]) == [str(tmp_path / "z4.tif")]
    assert source.sampled == [0, 1, 2, 3, 4]
    assert source.open().shape == (5, 4, 4)
