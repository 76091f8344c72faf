"""Good slices: neighbours, stand-ins, context and window against plain definitions."""

import pytest
from ultraseg.grid.good_slices import GoodSlices, bridge_weights

STACKS = [
    GoodSlices(8),
    GoodSlices(8, (0, 3, 4, 7)),
    GoodSlices(8, (1, 2, 3, 4, 5)),
    GoodSlices(3, (0, 1)),
    GoodSlices(1),
]


def test_known_answers():
    stack = GoodSlices(10, (0, 4, 5, 6, 9))
    assert stack.good == [1, 2, 3, 7, 8]
    # Slice 5 is as near to 3 as to 7: the lower one.
    assert stack.stand_ins(0, 10) == [1, 1, 2, 3, 3, 3, 7, 7, 8, 8]
    assert [stack.previous(z) for z in (0, 1, 5, 7, 9)] == [None, None, 3, 3, 8]
    assert stack.context(3, 1) == [2, 3, 7]
    assert stack.context(8, 2) == [3, 7, 8, 8, 8]
    assert stack.good_in(3, 8) == [3, 7]
    assert stack.replaced == {0: 1, 4: 3, 5: 3, 6: 7, 9: 8}
    assert stack.walk(3, 6, beyond=1) == [3, 7]
    assert stack.walk(1, 4, beyond=9) == [1, 2, 3, 7, 8]
    assert stack.walk(4, 7, beyond=2) == []


@pytest.mark.parametrize("stack", STACKS)
def test_agrees_with_plain_search(stack):
    good = [z for z in range(stack.n_slices) if z not in stack.bad]
    for z in range(stack.n_slices):
        assert stack.stand_in(z) == min(good, key=lambda g: (abs(g - z), g))
        assert stack.previous(z) == max((g for g in good if g < z), default=None)
    assert all(stack.stand_in(z) == z for z in good)


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("z_context", [0, 1, 2])
def test_a_window_gives_every_slice_the_context_of_its_stand_in(stack, z_context):
    for start in range(stack.n_slices):
        for stop in range(start + 1, stack.n_slices + 1):
            read, shown = stack.window(start, stop, z_context)
            assert read == sorted(read) and len(shown) == stop - start
            for z, place in zip(range(start, stop), shown, strict=True):
                assert read[place : place + 2 * z_context + 1] == stack.context(stack.stand_in(z), z_context)


def test_the_good_slices_around_a_run_end_with_the_stack():
    stack = GoodSlices(10, (3, 4, 8))
    assert stack.around(2, 5, 1) == [1, 2, 5, 6]
    assert stack.around(5, 5, 2) == [1, 2, 5, 6, 7]
    assert stack.around(0, 9, 3) == stack.good and stack.around(0, 0, 0) == [0]


def test_without_bad_slices_neighbours_are_the_next_ones():
    stack = GoodSlices(5)
    assert stack.context(0, 2) == [0, 0, 0, 1, 2]
    assert stack.context(3, 1) == [2, 3, 4]
    assert stack.stand_ins(1, 4) == [1, 2, 3]


def test_missing_slices_weigh_their_neighbours_by_distance():
    found = bridge_weights([3, 4, 5], [0, 1, 2, 6])
    assert {z: [s for s, _ in sources] for z, sources in found.items()} == dict.fromkeys([3, 4, 5], [2, 6])
    assert [w for _, w in found[3]] == pytest.approx([0.75, 0.25])
    assert [w for _, w in found[4]] == pytest.approx([0.5, 0.5])
    # Where all recorded slices on one side are declared bad, the other side counts whole.
    assert bridge_weights([1], [2, 3]) == {1: [(2, 1.0)]}
