import numpy as np
import pytest
from ultraseg.link.nodes import NOBODY
from ultraseg.link.paths import Links, Seeds, likeliest_paths, weighed
from ultraseg.sweep.paths import Starts, posteriors
from ultraseg.sweep.volume import Slices


class Volume:
    """Pieces of random slices with random links, terminals and bans."""

    def __init__(self, seed, block, strong=False):
        rng = np.random.default_rng(seed)
        self.slices = slices = Slices(np.arange(60), rng.integers(2, 9, 60), block)
        self.n = n = slices.count
        count = 2 * n if strong else 6 * n
        a = rng.integers(0, n, count)
        place = np.minimum(slices.place(a) + rng.integers(1, 4, count), 59)
        b = rng.integers(slices.starts[place], slices.starts[place + 1])
        later = slices.place(b) > slices.place(a)
        weight = (
            1 - 10 ** -rng.uniform(0.3, 6, count)
            if strong
            else rng.choice([0.003, 0.05, 0.5, 0.9, 0.99], count)
        )
        self.links = Links(a[later], b[later], weight[later])
        self.closed = rng.random(n) < (0.02 if strong else 0.1)
        self.chance = np.where(self.closed, 1.0, rng.uniform(0, 1, n) * (rng.random(n) < 0.05))
        self.cell = np.where(rng.random(n) < 0.2, NOBODY, rng.integers(1, 9, n))
        self.source = np.where(self.closed, rng.integers(1, 5, n), 0)
        self.named = ~self.closed & (self.chance > 0) & (self.cell != NOBODY)
        self.banned = {int(row): {int(rng.integers(1, 9))} for row in rng.integers(0, n, 20)}
        self.calls = 0

    def at_once(self):
        rows = np.flatnonzero(self.chance > 0)
        seeds = Seeds(rows, self.cell[rows], self.chance[rows], self.source[rows])
        return weighed(*likeliest_paths(self.n, self.links, seeds, self.closed, self.banned, self.named))

    def starts(self, block):
        self.calls += 1
        start, stop = self.slices.rows(*block)
        last, best = np.full(stop - start, -1), np.zeros(stop - start)
        ahead = self.links.only((self.links.a >= start) & (self.links.a < stop))
        np.maximum.at(last, ahead.a - start, ahead.b)
        np.maximum.at(best, ahead.a - start, ahead.weight)
        values = (self.cell, self.chance, self.source, self.closed, self.named)
        return Starts(*(value[start:stop] for value in values), last, best)

    def ending(self, block):
        start, stop = self.slices.rows(*block)
        return self.links.only((self.links.b >= start) & (self.links.b < stop))

    def in_blocks(self):
        return posteriors(self.slices, self.starts, self.ending, self.banned, self.slices.least)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("block", [(1, 1), (30, 1), (1, 7), (10**6, 1)])
@pytest.mark.parametrize("seed", range(3))
def test_paths_of_blocks_are_those_of_the_whole(seed, block, strong):
    """With strong links hardly any piece is certain before the end; with weak ones most are."""
    volume = Volume(seed, block, strong)
    expected, seen = volume.at_once(), np.zeros(volume.n, int)
    for rows, found in volume.in_blocks():
        for name in ("cell", "chance", "other", "other_chance"):
            assert np.array_equal(getattr(found, name), getattr(expected, name)[rows]), name
        seen[rows] += 1
    assert np.array_equal(seen, ~volume.closed)
    assert (expected.cell > 0).sum() > 100 and len(np.unique(expected.chance)) > 50


def chains(labelled_every, depth=200):
    """Strong chains of pieces through all slices, which end at the slices that the user labelled."""
    volume = Volume(0, (1, 1))
    volume.slices = Slices(np.arange(depth), np.full(depth, 5), (1, 1))
    volume.n = 5 * depth
    rows = np.arange(volume.n)
    volume.links = Links(rows[:-5], rows[5:], np.full(volume.n - 5, 1 - 1e-9))
    volume.closed = rows // 5 % labelled_every == 0
    volume.chance, volume.cell = volume.closed.astype(float), 1 + rows % 5
    volume.source, volume.named, volume.banned = 2 + rows // 5, np.zeros(volume.n, bool), {}
    return volume


def test_pieces_wait_for_the_next_labelled_slice_at_most():
    """However strong the links are: so memory depends on the distance of labelled slices, not on the depth."""
    volume = chains(10)
    for rows, found in volume.in_blocks():
        assert (volume.calls - 1 - rows // 5 <= 10).all() and (found.cell == 1 + rows % 5).all()
    assert volume.calls == 200
