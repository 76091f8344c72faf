"""Likeliest paths against brute force, and what several paths say together."""

import itertools

import numpy as np
import pytest
from ultraseg.link.nodes import NOBODY
from ultraseg.link.paths import Links, Seeds, likeliest_paths, weighed

NONE = np.zeros(0, np.int64)


def links(*rows):
    a, b, weight = zip(*rows, strict=True)
    return Links(np.array(a), np.array(b), np.array(weight, float))


def seeds(*rows):
    return Seeds(*(np.array(column) for column in zip(*rows, strict=True)))


def by_brute_force(count, edges, begin):
    """Product of the likeliest path from every node to every pair of cell and source (Floyd and Warshall)."""
    reach = np.eye(count)
    for a, b, w in zip(*edges, strict=True):
        reach[a, b] = reach[b, a] = max(reach[a, b], w)
    for k in range(count):
        reach = np.maximum(reach, reach[:, k : k + 1] * reach[k : k + 1])
    best = {}
    for row, cell, p, source in zip(*begin, strict=True):
        best[cell, source] = np.maximum(best.get((cell, source), 0), reach[:, row] * p)
    return best


@pytest.mark.parametrize("seed", range(5))
def test_paths_are_those_of_brute_force(seed):
    rng = np.random.default_rng(seed)
    count = 25
    pairs = np.array(list(itertools.combinations(range(count), 2)))
    a, b = pairs[rng.choice(len(pairs), 40, replace=False)].T
    edges = Links(a, b, rng.uniform(0.3, 1, 40))
    begin = Seeds(
        rng.permutation(count)[:5],
        np.array([1, 1, 2, 3, 3]),
        rng.uniform(0.6, 1, 5),
        np.array([1, 2, 1, 1, 2]),
    )
    cells, chance = likeliest_paths(count, edges, begin, np.zeros(count, bool))
    expected = by_brute_force(count, edges, begin)
    for node in range(count):
        ranked = sorted((p[node] for p in expected.values() if p[node] > 1e-3), reverse=True)[:4]
        np.testing.assert_allclose(chance[node][: len(ranked)], ranked, rtol=1e-9)
    assert (np.diff(chance, axis=1) <= 1e-12).all() and ((cells > 0) == (chance > 0)).all()


def test_no_path_leads_through_a_closed_node_and_none_enters_where_it_is_banned():
    chain = links((0, 1, 0.9), (1, 2, 0.9), (2, 3, 0.9))
    begin = seeds((0, 5, 1.0, 0), (3, 6, 1.0, 0))
    closed = np.array([True, False, True, True])
    cells, _ = likeliest_paths(4, chain, begin, closed)
    assert cells[1].tolist() == [5, 0, 0, 0] and set(cells[2]) == {5, 6, 0}
    open_ = np.array([True, False, False, True])
    cells, _ = likeliest_paths(4, chain, begin, open_, banned={1: {5}})
    assert 5 not in cells[1:] and cells[1, 0] == 6
    left_out = seeds((0, NOBODY, 1.0, 0), (3, 6, 1.0, 0))
    cells, _ = likeliest_paths(4, chain, left_out, open_, named=np.array([False, True, False, False]))
    assert NOBODY not in cells[1:] and cells[1, 0] == 6


def test_two_sources_of_one_cell_support_each_other_and_another_cell_speaks_against_it():
    cells = np.array([[7, 7, 0, 0], [7, 0, 0, 0], [7, 8, 0, 0], [7, NOBODY, 0, 0], [0, 0, 0, 0]])
    chance = np.array([[0.5, 0.5, 0, 0], [0.5, 0, 0, 0], [0.5, 0.5, 0, 0], [0.9, 0.8, 0, 0], [0, 0, 0, 0]])
    found = weighed(cells, chance)
    np.testing.assert_allclose(found.chance[:3], [0.75, 0.5, 1 / 3])
    assert found.cell.tolist() == [7, 7, 7, 7, 0] and found.other.tolist() == [0, 0, 8, NOBODY, 0]
    assert found.other_chance[2] == pytest.approx(1 / 3) and found.chance[4] == 0
    assert found.chance[3] == pytest.approx(0.18 / (0.18 + 0.08 + 0.02))


def test_without_links_or_seeds_nothing_is_reached():
    cells, chance = likeliest_paths(
        3,
        Links(NONE, NONE, NONE.astype(float)),
        Seeds(NONE, NONE, NONE.astype(float), NONE),
        np.zeros(3, bool),
    )
    assert not cells.any() and not chance.any()
