"""The window of grey values: which slices it is taken from, and at which percentiles."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.ingest.grey_window import evenly_spaced, known_window, window_of

RNG = np.random.default_rng(0)


def test_slices_are_sampled_from_end_to_end():
    assert evenly_spaced(1) == [0] and evenly_spaced(5) == [0, 1, 2, 3, 4]
    many = evenly_spaced(1000)
    assert len(many) == 16 and (many[0], many[-1]) == (0, 999)


@pytest.mark.parametrize("dtype", ["uint16", "int16", "float32", "uint8"])
def test_percentiles_leave_padding_out(dtype):
    low, high = (10, 250) if dtype == "uint8" else (1000, 3000)
    values = RNG.integers(low, high, (4, 40, 50)).astype(dtype)
    if dtype == "int16":
        values -= 5000
    values[:, :10] = 0
    if dtype == "float32":
        values[:, 10:12] = np.nan
        values[:, 12] = np.inf
    lo, hi = window_of(iter(values), (1, 99))
    inside = values[np.isfinite(values) & (values != 0)]
    assert abs(lo - np.percentile(inside, 1)) <= 1
    assert abs(hi - np.percentile(inside, 99)) <= 1


@pytest.mark.parametrize("value", [7, 0, np.nan])
def test_a_constant_sample_has_no_window(value):
    with pytest.raises(UserError, match="single grey value"):
        window_of([np.full((4, 5), value, np.float32)])
    if value == 7:
        with pytest.raises(UserError, match="single grey value"):
            window_of([np.full((4, 5), value, np.uint16)])


def test_large_float_slices_are_sampled_on_a_grid():
    values = np.tile(np.arange(1, 2001, dtype=np.float32), (1500, 1))
    lo, hi = window_of([values], (0, 100))
    assert lo == 1 and hi >= 1999


def test_a_given_window_needs_no_file(tmp_path):
    assert known_window((1, 2), []) == (1, 2)
    (tmp_path / "window.json").write_text('{"window": [3, 4.5], "source": "x"}')
    assert known_window(None, [str(tmp_path / "window.json")]) == (3, 4.5)
