"""Which channels of affinities tell of which voxels, and how distances are walked that a file lacks."""

import pytest
from ultraseg.predict.affinities import AffinitySource, Channel, steps_of, used_channels

DIRECT = ((-1, 0, 0), (0, -1, 0), (0, 0, -1))


def source(offsets, channels=None, factor=(1, 1, 1)):
    return AffinitySource(
        "key", "path", tuple(channels or range(len(offsets))), None, None, (9, 9, 9), factor, tuple(offsets)
    )


def test_the_sign_of_an_offset_says_where_the_affinity_of_two_voxels_lies():
    found = source([(-1, 0, 0), (0, 1, 0), (0, -9, 0), (0, 0, -3)], channels=[4, 5, 6, 7])
    assert found.along(0) == {1: Channel(4, 1)}
    assert found.along(1) == {1: Channel(5, 0), 9: Channel(6, 9)}
    assert found.along(2) == {3: Channel(7, 3)}


def test_slanted_offsets_and_second_channels_of_a_distance_do_not_count():
    assert source([(0, -1, 0), (0, 1, 0), (0, -4, -9)]).along(1) == {1: Channel(0, 1)}


@pytest.mark.parametrize(
    "distance, lengths, steps",
    [
        (1, [1], [(0, 1)]),
        (3, [1], [(0, 1), (1, 1), (2, 1)]),
        (3, [1, 3], [(0, 3)]),
        (3, [1, 2], [(0, 2), (2, 1)]),
        (7, [1, 3], [(0, 3), (3, 3), (6, 1)]),
        (3, [1, 9], [(0, 1), (1, 1), (2, 1)]),
        (0, [1], []),
    ],
)
def test_a_distance_is_walked_in_steps_of_the_file(distance, lengths, steps):
    assert steps_of(distance, lengths) == steps


def test_channels_that_no_cut_needs_are_left_out():
    offsets = [*DIRECT, (-2, 0, 0), (0, -8, 0), (0, -3, -3), (0, 0, -3)]
    assert used_channels(range(7), offsets, (1, 1, 1)) == [
        (k, offsets[k]) for k in (0, 1, 2, 3, 6)
    ]  # z in steps of 2 and 1
    # A pixel of the run is two of the file: 1 is 2, 3 is 6.
    assert [k for k, _ in used_channels(range(7), offsets, (2, 2, 2))] == [1, 2, 3, 6]


def test_pixels_of_the_run_in_voxels_of_the_file():
    assert source(DIRECT, factor=(1, 2, 2)).scale(4) == (2, 2)
