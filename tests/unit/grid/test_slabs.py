"""Slabs: every slice lies in exactly one slab."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.grid.slabs import ceil_div, evenly_spaced, slab_count, slab_range, slabs_of

stacks = st.tuples(st.integers(1, 300), st.integers(1, 40))


@given(st.integers(0, 10**6), st.integers(1, 10**4))
def test_ceil_div_is_the_least_number_of_parts_that_hold_all(a, b):
    parts = ceil_div(a, b)
    assert parts * b >= a > (parts - 1) * b


@given(stacks)
def test_slab_ranges_partition_the_stack(stack):
    n, depth = stack
    ranges = [slab_range(s, n, depth) for s in range(slab_count(n, depth))]
    assert [z for start, stop in ranges for z in range(start, stop)] == list(range(n))
    assert all(stop - start == depth for start, stop in ranges[:-1])
    assert all(start % depth == 0 for start, _ in ranges)


@pytest.mark.parametrize("slab", [-1, 3, 100])
def test_a_slab_outside_the_stack_is_refused(slab):
    with pytest.raises(IndexError, match=f"slab {slab} of a stack of 20 slices"):
        slab_range(slab, 20, 8)


@given(stacks, st.integers(-50, 350), st.integers(-50, 350))
def test_slabs_of_are_those_that_hold_a_slice(stack, start, stop):
    n, depth = stack
    wanted = {z // depth for z in range(max(start, 0), min(stop, n))}
    assert slabs_of(start, stop, n, depth) == sorted(wanted)


@given(st.integers(1, 300), st.integers(1, 24))
def test_slices_are_spread_from_the_first_to_the_last_one(n, count):
    expected = np.unique(np.linspace(0, n - 1, count).round().astype(int)).tolist()
    found = evenly_spaced(n, count)
    assert len(found) == len(expected) and np.abs(np.subtract(found, expected)).max() <= 1
    assert found[0] == 0 and (count == 1 or found[-1] == n - 1) and found == sorted(set(found))
