"""Splits of labelled slices: disjoint, complete, and a test slice as soon as there are enough."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ultraseg.base.errors import UserError
from ultraseg.plan.splits import split_slices


@pytest.mark.parametrize(
    "labelled, split",
    [
        ([5], ["train"]),
        ([5, 9], ["train", "validation"]),
        ([1, 5, 9], ["train", "validation", "train"]),
        ([1, 5, 9, 12], ["train", "validation", "test", "train"]),
    ],
)
def test_splits_of_few_slices(labelled, split):
    assert list(split_slices(labelled).values()) == split


@given(
    st.sets(st.integers(0, 5000), min_size=1, max_size=80),
    st.floats(0.01, 0.3),
    st.floats(0.01, 0.3),
)
def test_shares_are_kept_and_the_ends_train(labelled, validation, test):
    split = split_slices(labelled, validation, test)
    assert list(split) == sorted(labelled)
    uses = list(split.values())
    assert "train" in uses
    assert ("validation" in uses) == (len(labelled) >= 2)
    assert ("test" in uses) == (len(labelled) >= 4)
    wanted = [max(1, round(share * len(labelled))) for share in (validation, test)]
    if len(labelled) >= 4 and sum(wanted) <= len(labelled) - 2:
        assert uses[0] == uses[-1] == "train"
        assert [uses.count("validation"), uses.count("test")] == wanted


def test_order_and_repeats_of_the_labelled_slices_do_not_matter():
    assert split_slices([9, 1, 5, 1, 12]) == split_slices([1, 5, 9, 12])


def test_held_slices_are_spread_through_the_stack():
    split = split_slices(range(0, 100, 5), 0.2, 0.2)
    for use in ("validation", "test"):
        held = [z for z, u in split.items() if u == use]
        assert min(held) < 33 and max(held) > 66


def test_listed_slices_are_taken_as_they_are():
    split = split_slices([0, 4, 8, 12, 16], validation=[4], test=[0, 16])
    assert split == {0: "test", 4: "validation", 8: "train", 12: "train", 16: "test"}


def test_a_list_and_a_share_do_not_meet():
    for test in ([0], [4], [4, 8, 12]):
        split = split_slices([0, 4, 8, 12, 16], validation=0.2, test=test)
        assert [z for z, use in split.items() if use == "test"] == test
        assert list(split.values()).count("validation") == 1


def test_no_test_slices_when_none_are_wanted():
    assert "test" not in split_slices(range(20), 0.2, 0.0).values()
    assert "test" not in split_slices(range(20), 0.2, []).values()


@pytest.mark.parametrize(
    "labelled, validation, test, words",
    [
        ([], 0.15, 0.15, "no labelled slice"),
        ([1, 2, 3], [7], 0.15, "validation slice 7 has no label"),
        ([1, 2, 3], [2], [2], "slice 2 is listed for validation and for test"),
        ([1, 2], [1], [2], "no slice is left for training"),
    ],
)
def test_impossible_splits_are_named(labelled, validation, test, words):
    with pytest.raises(UserError, match=words):
        split_slices(labelled, validation, test)
