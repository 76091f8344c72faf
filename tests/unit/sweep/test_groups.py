import numpy as np
import pytest
from ultraseg.link.groups import groups
from ultraseg.sweep import columns
from ultraseg.sweep.groups import Groups
from ultraseg.sweep.volume import Slices


def random_links(rng, slices, count, reach):
    a = rng.integers(0, slices.count, count)
    place = np.minimum(slices.place(a) + rng.integers(1, reach + 1, count), len(slices) - 1)
    b = rng.integers(slices.starts[place], slices.starts[place + 1])
    later = slices.place(b) > slices.place(a)
    return a[later], b[later]


def at_once(member, a, b, key=None):
    rows = np.flatnonzero(member)
    local = np.full(len(member), -1)
    local[rows] = np.arange(len(rows))
    inner = member[a] & member[b]
    a, b = local[a[inner]], local[b[inner]]
    if key is not None:
        _, first, same = np.unique(key[rows], return_index=True, return_inverse=True)
        a, b = np.concatenate([a, np.arange(len(rows))]), np.concatenate([b, first[same]])
    number = np.zeros(len(member), int)
    number[rows] = 1 + groups(len(rows), a, b)
    return number


@pytest.mark.parametrize("block", [(1, 1), (1, 3), (70, 1), (10**6, 1)])
@pytest.mark.parametrize("keyed", [False, True])
def test_groups_of_blocks_are_those_of_the_whole(tmp_path, monkeypatch, block, keyed):
    monkeypatch.setattr(columns, "CHUNK", 13)
    rng = np.random.default_rng(sum(block) % 99)
    slices = Slices(np.arange(50), rng.integers(1, 15, 50), block)
    a, b = random_links(rng, slices, 260, 3)
    member, key = rng.random(slices.count) < 0.8, rng.integers(0, 400, slices.count)

    def links(places):
        start, stop = slices.rows(*places)
        here = (b >= start) & (b < stop)
        return a[here], b[here]

    of_block = lambda values: lambda places: values[slice(*slices.rows(*places))]  # noqa: E731
    keys = of_block(key) if keyed else None
    found = Groups(tmp_path / "g", slices, 3, of_block(member), links, keys)
    expected = at_once(member, a, b, key if keyed else None)
    assert np.array_equal(found.of(0, slices.count), expected) and found.count == expected.max() > 20
    sizes = np.bincount(expected)
    found.keep(lambda start, stop: sizes[start:stop] >= 3)
    assert np.array_equal(
        found.of(0, slices.count), at_once((sizes[expected] >= 3) & member, a, b, key if keyed else None)
    )
    some = rng.permutation(slices.count)[:50]
    assert np.array_equal(found.at(some), found.of(0, slices.count)[some])
    assert np.array_equal(np.concatenate([number for _, number in found.blocks()]), found.of(0, slices.count))


def test_a_ring_that_closes_late_is_one_group(tmp_path):
    """Two branches begin apart, go on for many blocks, and meet in the last slice."""
    slices = Slices(np.arange(40), np.full(40, 2), (1, 1))
    rows = np.arange(78)
    a, b = np.append(rows, 76), np.append(rows + 2, 79)

    def links(places):
        start, stop = slices.rows(*places)
        return a[(b >= start) & (b < stop)], b[(b >= start) & (b < stop)]

    found = Groups(tmp_path / "g", slices, 1, lambda places: np.ones(2, bool), links)
    assert found.count == 1 and (found.of(0, 80) == 1).all()


NONE = np.zeros(0, int)


def test_without_members_there_are_no_groups(tmp_path):
    for name, pieces in (("empty", []), ("none", [3, 3])):
        slices = Slices(np.arange(len(pieces)), np.array(pieces, int), (1, 1))
        found = Groups(
            tmp_path / name, slices, 1, lambda places: np.zeros(3, bool), lambda places: (NONE, NONE)
        )
        found.keep(lambda start, stop: np.ones(stop - start, bool))
        assert found.count == 0 and not found.of(0, slices.count).any()
