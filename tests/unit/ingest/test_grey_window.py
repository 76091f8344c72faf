"""The window of grey values: which slices it is taken from, and at which percentiles."""

import numpy as np
import pytest
from ultraseg.base.errors import UserError
from ultraseg.ingest.grey_window import GreyValues, evenly_spaced, known_window, window_doubt, window_of

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


# ---------------------------------------------------------------- values that are no tissue
def tissue(dtype="uint16", shape=(4, 100, 120)):
    return RNG.normal(2000, 300, shape).clip(100, 4000).astype(dtype)


def bar(values, number, rows=8):
    values = values.copy()
    values[:, -rows:] = number
    return values


def border(values, number, width=3):
    values = bar(values, number, width)
    values[:, :width] = values[:, :, :width] = values[:, :, -width:] = number
    return values


@pytest.mark.parametrize(
    ("values", "end", "cut"),
    [
        (bar(tissue(), 65535), "highest", -8),
        (bar(tissue("float32"), 1e6), "highest", -8),
        (bar(tissue("int16"), -32768), "lowest", -8),
        (bar(tissue("uint32"), 4_000_000_000), "highest", -8),
        (border(tissue(), 65535), "highest", None),
        (border(tissue("int16"), -20000), "lowest", None),
    ],
    ids=["white bar", "float bar", "black bar", "32 bit", "saturated", "padding"],
)  # fmt: skip
def test_few_values_that_take_most_of_the_window_are_warned_of(caplog, values, end, cut):
    lo, hi = window_of(iter(values))
    (record,) = caplog.records
    assert f"the {end} 30 % of the grey values take most" in record.getMessage()
    assert "roi (y and x)" in record.getMessage()
    caplog.clear()
    if cut:  # as roi cuts it off
        part = window_of(iter(values[:, :cut]))
        assert not caplog.records and part[1] - part[0] < (hi - lo) / 10


def test_a_bar_of_black_and_white_is_warned_of(caplog):
    values = bar(tissue() + 28000, 65535)
    values[:, -5:-3, ::2] = 1
    window_of(iter(values))
    assert "the lowest and the highest 12 % of the grey values take most" in caplog.text


@pytest.mark.parametrize("columns", [40, 60, 100])
@pytest.mark.parametrize(("dtype", "number"), [("uint16", 65535), ("int16", -32768), ("float32", 1e6)])
def test_borders_of_any_size_are_warned_of(caplog, columns, dtype, number):
    values = tissue(dtype)
    values[:, :, :columns] = number
    lo, hi = window_of(iter(values))
    (record,) = caplog.records
    assert "hardly any grey value lies between" in record.getMessage() and "roi" in record.getMessage()
    assert number in (lo, hi)


@pytest.mark.parametrize(
    "values",
    [
        tissue(),
        tissue("float32"),
        border(tissue(), 0),
        border(tissue("int16"), 0),
        RNG.gamma(2, 300, (4, 100, 120)).astype(np.uint16) + 50,  # a long tail
        np.where(
            RNG.uniform(size=(4, 100, 120)) < 0.3, RNG.normal(3000, 200, (4, 100, 120)), tissue()
        ).astype(np.uint16),
        np.arange(1, 60001, dtype=np.uint16).reshape(1, 200, 300),
    ],
    ids=["bell", "float", "padded", "signed", "tail", "two kinds", "even"],
)
def test_other_windows_are_left_alone(caplog, values):
    window_of(iter(values))
    assert not caplog.records


def test_the_words_give_both_ranges():
    values = np.r_[np.arange(1000, 1090), [60000] * 10].astype(np.uint16).reshape(1, 10, 10)
    said = window_doubt(GreyValues(values), 1000, 60000)
    assert "[1000, 60000]" in said and "between 1000 and 1069" in said and "get 0 of 256 greys" in said
