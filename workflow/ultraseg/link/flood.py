"""Graph kernels of linking: which cell floods each piece first, and which other cell comes next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Flood:
    """Per node: strongest cell and its strength, strongest other cell and its strength (0 where none)."""

    cell: np.ndarray
    strength: np.ndarray
    runner_cell: np.ndarray
    runner: np.ndarray


def groups(count: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Connected groups of `count` nodes under the edges (a, b): group per node, numbered by first node."""
    graph = coo_array((np.ones(len(a), bool), (a, b)), shape=(count, count))
    component = connected_components(graph, directed=False)[1]
    _, first, component = np.unique(component, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[component]


def flood(
    count: int,
    edges: tuple[np.ndarray, np.ndarray, np.ndarray],
    seeds: tuple[np.ndarray, np.ndarray, np.ndarray],
    *,
    step: float = 0.01,
) -> Flood:
    """Find for every node the cell that it reaches along the strongest path, and the best other cell.

    The strength of a path is that of its weakest link (bottleneck): chains are not punished for their length,
    and a chain between two cells is cut at its weakest link. edges: (a, b, affinity 0..1) between nodes
    0..count-1; seeds: (node, cell > 0, affinity) link nodes to cells; no path leads through a cell. Strengths
    are rounded down to multiples of `step`. A tie for the strongest cell goes to the lowest id (its margin is
    0).

    The affinity is lowered step by step and the components above it grow, as in Kruskal's algorithm; the
    two lowest ids of cells per component suffice for the best and the second best cell, so the result is exact at the
    given step.
    """
    a, b, edge_level = edges[0], edges[1], _levels(edges[2], step)
    node, cell, seed_level = seeds[0], seeds[1], _levels(seeds[2], step)
    component = np.arange(count)
    held = np.zeros((2, count), np.int64)  # two lowest cells of each component, at its representative
    found = np.zeros((2, count), np.int64)
    level_found = np.zeros((2, count), np.int64)
    edge_order, seed_order = np.argsort(edge_level, kind="stable"), np.argsort(seed_level, kind="stable")
    sorted_edges, sorted_seeds = edge_level[edge_order], seed_level[seed_order]
    for level in np.unique(np.concatenate([edge_level, seed_level]))[::-1]:
        if level == 0:
            break
        e = edge_order[slice(*np.searchsorted(sorted_edges, [level, level + 1]))]
        s = seed_order[slice(*np.searchsorted(sorted_seeds, [level, level + 1]))]
        _grow(component, held, (component[a[e]], component[b[e]]), (component[node[s]], cell[s]))
        _record(component, held, found, level_found, level)
    return Flood(found[0], level_found[0] * step, found[1], level_found[1] * step)


def _levels(affinity: np.ndarray, step: float) -> np.ndarray:
    """Affinities in whole steps, rounded down; the small term keeps exact multiples of the step exact."""
    return np.floor(np.asarray(affinity, float) / step + 1e-6).astype(np.int64)


def _grow(
    component: NDArray[np.int64],
    held: NDArray[np.int64],
    edges: tuple[NDArray[np.integer], NDArray[np.integer]],
    seeds: tuple[NDArray[np.integer], NDArray[np.integer]],
) -> None:
    """Merge components along `edges` and note the cells that `seeds` bring, in place."""
    touched, position = np.unique(np.concatenate([*edges, seeds[0]]), return_inverse=True)
    i, j, k = np.split(position, [len(edges[0]), 2 * len(edges[0])])
    group = groups(len(touched), i, j)
    _, first = np.unique(group, return_index=True)
    target = touched[first]  # representative of each group
    # Cells of each group: those its components held and those of the seeds; the two lowest are kept.
    owner = np.concatenate([group, group, group[k]])
    cells = np.concatenate([held[0, touched], held[1, touched], seeds[1]])
    pairs = np.unique(np.stack([owner, cells], axis=1)[cells > 0], axis=0)
    start = np.searchsorted(pairs[:, 0], np.arange(len(target)))
    held[:, touched] = 0
    rank = np.arange(len(pairs)) - start[pairs[:, 0]]
    for place in (0, 1):
        chosen = pairs[rank == place]
        held[place, target[chosen[:, 0]]] = chosen[:, 1]
    forward = np.arange(component.size)
    forward[touched] = target[group]
    component[:] = forward[component]


def _record(
    component: np.ndarray, held: np.ndarray, found: np.ndarray, level_found: np.ndarray, level: int
) -> None:
    """Note the cells that nodes without a cell, or without a second one, reach at this level, in place."""
    open_nodes = np.flatnonzero(found[1] == 0)
    first, second = held[:, component[open_nodes]]
    new = (found[0, open_nodes] == 0) & (first > 0)
    found[0, open_nodes[new]] = first[new]
    level_found[0, open_nodes[new]] = level
    new = second > 0
    nodes = open_nodes[new]
    found[1, nodes] = np.where(first[new] != found[0, nodes], first[new], second[new])
    level_found[1, nodes] = level
