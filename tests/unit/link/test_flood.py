"""The flood against brute force."""

import itertools

import numpy as np
import pytest
from ultraseg.link.flood import flood, groups


def test_groups_are_numbered_by_their_first_node():
    assert groups(6, np.array([5, 1]), np.array([2, 3])).tolist() == [0, 1, 2, 1, 3, 2]
    assert groups(2, np.zeros(0, int), np.zeros(0, int)).tolist() == [0, 1]


def widest_paths(count, edges, seeds):
    """Best strength from every node to every cell, by brute force (Floyd-Warshall, max-min)."""
    width = np.zeros((count, count))
    np.fill_diagonal(width, 1)
    for a, b, w in zip(*edges, strict=True):
        width[a, b] = width[b, a] = max(width[a, b], w)
    for k in range(count):
        width = np.maximum(width, np.minimum(width[:, k : k + 1], width[k : k + 1]))
    best = np.zeros((count, int(max(seeds[1])) + 1))
    for node, cell, w in zip(*seeds, strict=True):
        best[:, cell] = np.maximum(best[:, cell], np.minimum(width[:, node], w))
    return best


@pytest.mark.parametrize("seed", range(8))
def test_flood_finds_the_widest_path_and_the_best_other_cell(seed):
    rng = np.random.default_rng(seed)
    count, step = 40, 0.01
    pairs = np.array(list(itertools.combinations(range(count), 2)))
    a, b = pairs[rng.choice(len(pairs), 55, replace=False)].T
    edges = (a, b, rng.integers(1, 100, 55) * step)
    seeds = (rng.integers(0, count, 9), rng.integers(1, 5, 9), rng.integers(1, 100, 9) * step)
    best = widest_paths(count, edges, seeds)
    got = flood(count, edges, seeds, step=step)
    ranked = np.sort(best, axis=1)
    np.testing.assert_allclose(got.strength, ranked[:, -1], atol=1e-9)
    np.testing.assert_allclose(got.runner, ranked[:, -2], atol=1e-9)
    reached = got.cell > 0
    np.testing.assert_array_equal(got.cell[reached], best.argmax(axis=1)[reached])
    second = got.runner_cell > 0
    assert second.any() and (got.runner_cell != got.cell)[second].all()
    rows = np.flatnonzero(second)
    np.testing.assert_allclose(best[rows, got.runner_cell[rows]], got.runner[rows], atol=1e-9)
