"""Grey values: windows, how they are stored with 8 and 16 bits, and how they are shown."""

import numpy as np
import pytest
from ultraseg.arrays.grey_values import stored_as, to_shown, to_stored
from ultraseg.base.errors import UserError

RNG = np.random.default_rng(0)


def store(values, window, bits=8):
    values = np.array(values)
    return to_stored(values, stored_as(values.dtype.name, window, bits))


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "float32", "float64"])
def test_the_window_becomes_0_and_255_and_the_rest_is_clipped(dtype):
    values = np.array([[0, 1000, 1001, 1510, 2020, 30000]], dtype)
    assert store(values, (1000, 2020)).tolist() == [[0, 0, 0, 128, 255, 255]]


def test_negative_values_have_their_place():
    values = np.array([[-32768, -100, 0, 100, 32767]])
    for dtype in ("int16", "float32", "int32"):
        assert store(values.astype(dtype), (-100, 100)).tolist() == [[0, 0, 128, 255, 255]]
    assert store(np.array([[-128, 0, 127]], np.int8), (-128, 127)).tolist() == [[0, 128, 255]]


def test_nan_becomes_0_and_infinity_the_end_of_the_range():
    values = np.array([[np.nan, -np.inf, np.inf, 5]], np.float32)
    assert store(values, (0, 10)).tolist() == [[0, 0, 255, 128]]
    assert store(values, (0, 10), 16).tolist() == [[0, 0, 65535, 32768]]


def test_8_bit_images_stay_as_they_are_unless_a_window_is_given():
    values = RNG.integers(0, 256, (5, 6), dtype=np.uint8)
    stored = stored_as("uint8", (0, 255), 8)
    assert to_stored(values, stored) is values
    assert store(np.array([[0, 50, 100, 200]], np.uint8), (50, 101)).tolist() == [[0, 0, 250, 255]]


def test_16_bit_grey_values_can_be_kept():
    values = RNG.integers(0, 65536, (5, 6), dtype=np.uint16)
    kept = stored_as("uint16", (100, 200), 16)
    assert to_stored(values, kept) is values
    assert (kept.scale, kept.offset, kept.window_stored) == (1, 0, (100, 200))
    signed = stored_as("int16", (-100, 200), 16)
    stored = to_stored(values.view(np.int16), signed)
    assert np.array_equal(stored.astype(int) + signed.offset, values.view(np.int16).astype(int))
    assert signed.window_stored == (32668, 32968)


@pytest.mark.parametrize("dtype", ["int16", "float32", "uint32"])
@pytest.mark.parametrize("bits", [8, 16])
def test_grey_values_follow_from_stored_ones(dtype, bits):
    values = RNG.integers(1000, 3000, (20, 20)).astype(dtype)
    how = stored_as(dtype, (1000, 3000), bits)
    back = to_stored(values, how).astype(float) * how.scale + how.offset
    assert np.abs(back - values).max() <= how.scale / 2 + 1e-6
    assert how.window_stored == (
        (0, 255) if bits == 8 else (33768, 35768) if dtype == "int16" else (0, 65535)
    )


@pytest.mark.parametrize("dtype", ["uint16", "int16"])
def test_16_bits_are_shown_as_8_bits_would_be_stored(dtype):
    values = RNG.integers(0, 32000, (30, 40)).astype(dtype)
    kept = stored_as(dtype, (500, 20000), 16)
    shown = to_shown(to_stored(values, kept), kept.window_stored)
    assert shown.dtype == np.uint8 and np.array_equal(shown, store(values, (500, 20000)))


def test_an_empty_window_is_refused():
    with pytest.raises(UserError, match=r"\[5, 5\] is empty"):
        stored_as("uint16", (5, 5), 8)
