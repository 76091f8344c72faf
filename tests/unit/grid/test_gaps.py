"""Gaps: every slice is covered, and neighbouring gaps share a labelled slice alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.grid.gaps import Gap, gap_without, gaps_between, gaps_of


@st.composite
def labelled_stacks(draw):
    n = draw(st.integers(1, 60))
    return n, draw(st.sets(st.integers(0, n - 1), min_size=1))


@pytest.mark.parametrize(
    "labelled, n, gaps",
    [
        ([], 9, []),
        ([0], 1, [Gap(0, 0, True, False)]),
        ([0], 5, [Gap(0, 4, True, False)]),
        ([4], 5, [Gap(0, 4, False, True)]),
        ([2], 5, [Gap(0, 2, False, True), Gap(2, 4, True, False)]),
        ([0, 4], 5, [Gap(0, 4, True, True)]),
        ([3, 1, 3], 5, [Gap(0, 1, False, True), Gap(1, 3, True, True), Gap(3, 4, True, False)]),
        ([0, 1, 2], 3, [Gap(0, 1, True, True), Gap(1, 2, True, True)]),
    ],
)
def test_gaps_of_small_stacks(labelled, n, gaps):
    assert gaps_between(labelled, n) == gaps


@given(labelled_stacks())
def test_gaps_cover_every_slice_and_share_only_labelled_ones(stack):
    n, labelled = stack
    gaps = gaps_between(labelled, n)
    assert (gaps[0].first, gaps[-1].last) == (0, n - 1)
    assert all(a.last == b.first for a, b in zip(gaps[:-1], gaps[1:], strict=True))
    for z in range(n):
        inside = sum(gap.first < z < gap.last for gap in gaps)
        at_ends = sum(z in (gap.first, gap.last) for gap in gaps)
        if z in labelled:
            assert inside == 0 and at_ends == (1 if z in (0, n - 1) else 2)
        else:
            assert inside + at_ends == 1
    for gap in gaps:
        assert gap.first_given == (gap.first in labelled)
        assert gap.last_given == (gap.last in labelled and gap.last > gap.first)
        assert gap.first_given or gap.last_given
    assert len({gap.name for gap in gaps}) == len(gaps)


@given(labelled_stacks(), st.integers(0, 60), st.integers(1, 20))
def test_gaps_of_a_slab_are_those_that_touch_it(stack, start, depth):
    n, labelled = stack
    gaps = gaps_between(labelled, n)
    slices = set(range(start, start + depth))
    assert gaps_of(gaps, start, start + depth) == [
        g for g in gaps if slices & set(range(g.first, g.last + 1))
    ]


@given(labelled_stacks())
def test_gap_without_a_slice_reaches_to_its_neighbours(stack):
    n, labelled = stack
    for z in labelled if len(labelled) > 1 else ():
        gap = gap_without(labelled, z, n)
        below, above = [o for o in labelled if o < z], [o for o in labelled if o > z]
        assert (gap.first, gap.first_given) == ((max(below), True) if below else (0, False))
        assert (gap.last, gap.last_given) == ((min(above), True) if above else (n - 1, False))


def test_the_name_of_a_gap_sorts_by_its_slices_and_marks_ends_without_labels():
    assert Gap(8, 16, True, True).name == "00008-00016"
    assert Gap(0, 5, False, True).name == "00000x-00005"
    assert Gap(5, 20, True, False).name == "00005-00020x"
