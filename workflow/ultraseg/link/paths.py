"""The likeliest paths from every piece to cells, and what they say together."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ultraseg.link.logistic import CERTAIN
from ultraseg.link.nodes import NOBODY

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ultraseg.link.decisions import Decisions

LEAST = 1e-4  # less likely paths are not followed
MOST = 4  # paths to a piece that count


class Links(NamedTuple):
    """Edges of the graph of pieces: rows of both pieces in the table of pieces, and a weight from 0 to 1."""

    a: NDArray[np.integer]
    b: NDArray[np.integer]
    weight: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> Links:
        """The chosen edges."""
        return Links(self.a[chosen], self.b[chosen], self.weight[chosen])


class Seeds(NamedTuple):
    """Where paths begin: rows of pieces, their cells > 0, the probability of each, and a number for its source."""

    row: NDArray[np.integer]
    cell: NDArray[np.int64]
    chance: NDArray[np.float64]
    source: NDArray[np.int64]


@dataclass(frozen=True)
class Posterior:
    """Per piece: best cell (0: none, NOBODY: left out), its probability; the next one, and its probability."""

    cell: NDArray[np.int64]
    chance: NDArray[np.float64]
    other: NDArray[np.int64]
    other_chance: NDArray[np.float64]

    def __getitem__(self, rows: NDArray[np.intp]) -> Posterior:
        return Posterior(self.cell[rows], self.chance[rows], self.other[rows], self.other_chance[rows])


class Graph:
    """Pieces, their links and what is known of them: everything that paths depend on."""

    def __init__(
        self,
        nodes: pd.DataFrame,
        decisions: Decisions,
        links: Links,
        evidence: NDArray[np.float64],
        banned: Sequence[tuple[NDArray[np.intp], int]] = (),
    ):
        """evidence: probability that the carried id of a piece is right; banned: rows and a cell they may not have."""
        settled = (decisions.final > 0) | decisions.blocked
        cell = nodes["cell"].to_numpy()
        carried = ~settled & (cell > 0)
        self.links, self.closed = links, settled
        self.owner = np.where(decisions.blocked, NOBODY, np.where(settled, decisions.final, cell))
        self.belief = np.where(settled, 1.0, np.where(carried, evidence, 0.0))
        # Each labelled slice is a source of its own; all bodies are one, and all carried ids are one.
        given = settled & nodes["given"].to_numpy()
        self.source = np.where(given, 2 + nodes["z"].to_numpy(), settled)
        # An id that was carried to a fragment is the user's own word from another slice: it is not left out.
        self.named = carried & ~nodes["body"].to_numpy()
        self.banned: dict[int, set[int]] = {}
        for rows, one in banned:
            for row in rows.tolist():
                self.banned.setdefault(row, set()).add(one)

    def posterior(self, hidden: NDArray[np.bool_] | None = None) -> Posterior:
        """What paths say of every piece, with all that is known, or as if nothing were known of `hidden` pieces."""
        begins, closed = self.belief > 0, self.closed
        if hidden is not None:
            begins, closed = begins & ~hidden, closed & ~hidden
        rows = np.flatnonzero(begins)
        seeds = Seeds(rows, self.owner[rows], self.belief[rows], self.source[rows])
        return weighed(*likeliest_paths(len(self.owner), self.links, seeds, closed, self.banned, self.named))


def likeliest_paths(
    count: int,
    links: Links,
    seeds: Seeds,
    closed: NDArray[np.bool_],
    banned: Mapping[int, set[int]] | None = None,
    named: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Find for every node the MOST likeliest paths to different cells, or to one cell from different sources.

    links: (node, node, probability) that both are one. The probability of a path is the product along it, that of its
    seed included. closed: nodes through which no path leads, although paths end there. banned: node -> cells that do
    not enter it. named: nodes that NOBODY does not enter. Of equally likely paths the lower id counts. Returns cells
    (count, MOST), the likeliest first and 0 where there are fewer, and their probabilities.

    Dijkstra's algorithm, in which every node is visited by several cells and sources.
    """
    ends, others = np.concatenate([links.a, links.b]), np.concatenate([links.b, links.a])
    order = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[order], np.arange(count + 1)).tolist()
    towards = others[order].tolist()
    costs = -np.log(np.maximum(np.concatenate([links.weight, links.weight])[order], LEAST / 2))
    costs, most = costs.tolist(), -float(np.log(LEAST))
    start = -np.log(np.maximum(seeds.chance, LEAST / 2))
    heap = list(
        zip(start.tolist(), seeds.cell.tolist(), seeds.source.tolist(), seeds.row.tolist(), strict=True)
    )
    heapq.heapify(heap)
    shut = closed.tolist()
    taken = [False] * count if named is None else named.tolist()
    found: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    cells, reach = np.zeros((count, MOST), np.int64), np.zeros((count, MOST))
    while heap:
        reached, cell, source, node = heapq.heappop(heap)
        if reached > most:
            break
        here = found[node]
        if len(here) == MOST or (cell, source) in here or (taken[node] and cell == NOBODY):
            continue
        if banned and cell in banned.get(node, ()):
            continue
        cells[node, len(here)], reach[node, len(here)] = cell, reached
        here.append((cell, source))
        if shut[node] and reached > 0:
            continue
        for k in range(first[node], first[node + 1]):
            there = found[towards[k]]
            if len(there) < MOST and (cell, source) not in there:
                heapq.heappush(heap, (reached + costs[k], cell, source, towards[k]))
    return cells, np.where(cells > 0, np.exp(-reach), 0.0)


def weighed(cells: NDArray[np.int64], chance: NDArray[np.float64]) -> Posterior:
    """What independent paths say together, if a piece belongs to one cell at most.

    Paths from several sources to one cell support each other; paths to other cells speak against it. cells, chance: as
    from `likeliest_paths`.
    """
    doubt = np.where(cells > 0, 1 - np.minimum(chance, 1 - CERTAIN), 1.0)
    same = cells[:, :, None] == cells[:, None, :]
    fails = np.where(same, doubt[:, None, :], 1.0).prod(2)  # of all paths to the cell of each path
    none = doubt.prod(1)
    weight = np.where(cells > 0, (1 - fails) / fails * none[:, None], 0.0)
    repeated = (same & np.tri(cells.shape[1], k=-1, dtype=bool)).any(2)
    weight[repeated] = 0
    total = none + weight.sum(1)
    order = np.argsort(-weight, axis=1, kind="stable")[:, :2]
    best, other = np.take_along_axis(cells, order, 1).T
    share, next_share = (np.take_along_axis(weight, order, 1) / total[:, None]).T
    return Posterior(best, share, np.where(next_share > 0, other, 0), next_share)
