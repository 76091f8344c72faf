"""Fragments united into cells: average linkage, in which two terminals never meet."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ultraseg.cells.region_graph import RegionGraph

FREE = -1  # the terminal of a region that has none


@dataclass(frozen=True)
class Clusters:
    """What agglomeration made of n regions: the cluster of each, from 0, and of each cluster its terminal or `FREE`.

    margin: float (n,). Where a region got its terminal by uniting: the priority of that step less the priority of the
    best other terminal at that time. Infinite for regions that were terminals, NaN for those without any.
    """

    cluster: NDArray[np.int64]
    terminal: NDArray[np.int64]
    margin: NDArray[np.float64]


class _Growing:
    """Clusters while they unite: for each its neighbours with [support, pairs, touches], and its terminal."""

    def __init__(self, graph: RegionGraph, terminal: NDArray[np.integer[Any]], prior: float):
        self.near: list[dict[int, list[float]]] = [{} for _ in range(graph.n)]
        rows = zip(
            graph.first.tolist(), graph.second.tolist(), graph.support.tolist(), graph.pairs.tolist(),
            graph.touches.tolist(), strict=True,
        )  # fmt: skip
        for a, b, support, pairs, touches in rows:
            self.near[a][b] = self.near[b][a] = [support, pairs, touches]
        self.prior = prior
        self.terminal: list[int] = terminal.tolist()
        self.parent = list(range(graph.n))
        # Members of the clusters without a terminal, and what became of them.
        self.members = [[i] if t == FREE else [] for i, t in enumerate(self.terminal)]
        self.margin = np.where(terminal == FREE, np.nan, np.inf)

    def may_meet(self, a: int, b: int) -> bool:
        one, other = self.terminal[a], self.terminal[b]
        return FREE in (one, other) or one == other

    def priority(self, edge: list[float]) -> float:
        return edge[0] / (edge[1] + self.prior)

    def unite(self, a: int, b: int) -> list[int]:
        """Put cluster b into a; returns the neighbours whose edge to a has changed."""
        self._settle_members(a, b)
        mine, others = self.near[a], self.near[b]
        self.parent[b] = a
        del mine[b]
        changed = [k for k in others if k != a]
        for k in changed:
            edge, theirs = others[k], self.near[k]
            del theirs[b]
            known = mine.get(k)
            if known is None:
                mine[k] = theirs[a] = edge
            else:
                for i in range(3):
                    known[i] += edge[i]
        self.near[b] = {}
        return changed

    def _settle_members(self, a: int, b: int) -> None:
        """The terminal and the members of the union of a and b, kept at a."""
        if self.terminal[a] == self.terminal[b] == FREE:
            self.members[a] += self.members[b]
        elif FREE in (self.terminal[a], self.terminal[b]):
            free, bound = (a, b) if self.terminal[a] == FREE else (b, a)
            self.margin[self.members[free]] = self._margin(free, bound)
            self.terminal[a] = self.terminal[bound]
            self.members[a] = []
        self.members[b] = []

    def _margin(self, free: int, bound: int) -> float:
        own = self.terminal[bound]
        others = (
            self.priority(edge) for k, edge in self.near[free].items() if self.terminal[k] not in (FREE, own)
        )
        return self.priority(self.near[free][bound]) - max(others, default=0.0)

    def result(self) -> Clusters:
        root = np.array(self.parent, np.int64)
        while not np.array_equal(root[root], root):
            root = root[root]
        roots, cluster = np.unique(root, return_inverse=True)
        return Clusters(cluster.astype(np.int64), np.array(self.terminal, np.int64)[roots], self.margin)


def average_linkage(
    graph: RegionGraph, terminal: NDArray[np.integer[Any]], *, prior: float, least: float
) -> Clusters:
    """Unite touching regions, always the two with the highest priority, until no priority reaches ``least``.

    The priority of two regions is support / (pairs + prior): the mean of 1 - cut over the pairs of voxels between them,
    drawn to 0 where these are few. terminal: (n,), `FREE` or a number; regions of two different terminals never unite.
    """
    growing = _Growing(graph, terminal, prior)
    near = growing.near

    def entry(a: int, b: int) -> tuple[float, int, int, float] | None:
        edge = near[a][b]
        priority = growing.priority(edge)
        wanted = edge[2] > 0 and priority >= least and growing.may_meet(a, b)
        return (-priority, a, b, edge[1]) if wanted else None

    pairs = zip(graph.first.tolist(), graph.second.tolist(), strict=True)
    heap = [found for a, b in pairs if (found := entry(a, b))]
    heapq.heapify(heap)
    while heap:
        _, a, b, counted = heapq.heappop(heap)
        edge = near[a].get(b)
        # The entry of an edge that has grown since, or is gone, is out of date; the grown edge has a newer one.
        if edge is None or edge[1] != counted or not growing.may_meet(a, b):
            continue
        if len(near[a]) < len(near[b]):
            a, b = b, a
        for k in growing.unite(a, b):
            if found := entry(a, k):
                heapq.heappush(heap, found)
    return growing.result()


class _Dangling:
    """Clusters without a terminal that end within the volume, while they are put to what continues them."""

    def __init__(
        self, growing: _Growing, size: NDArray[np.integer[Any]], ends: NDArray[np.bool_],
        settings: AgglomerationSettings,
    ):  # fmt: skip
        self.growing, self.settings = growing, settings
        self.size, self.ends = size.tolist(), ends.tolist()
        everyone = range(len(self.size))
        self.heap = [found for one in everyone if (found := self.entry(one))]
        heapq.heapify(self.heap)

    def entry(self, one: int) -> tuple[float, int, int] | None:
        """Of a cluster that ends within the volume: its best neighbour, where that leads the second one by enough."""
        growing, settings = self.growing, self.settings
        whole = self.size[one] >= settings.min_new and self.ends[one]
        if not whole or growing.terminal[one] != FREE:
            return None
        known = [(growing.priority(edge), k) for k, edge in growing.near[one].items() if edge[2] > 0]
        best, second = heapq.nlargest(2, [*known, (0.0, -1), (0.0, -1)])
        clear = best[0] >= settings.inner_least and best[0] - second[0] >= settings.inner_margin
        return (-best[0], one, best[1]) if clear else None

    def unite(self) -> None:
        while self.heap:
            entry = heapq.heappop(self.heap)
            _, one, other = entry
            if self.entry(one) != entry:  # what it looked like has changed since; it was entered anew then
                continue
            changed = self.growing.unite(other, one)
            self.size[other] += self.size[one]
            self.ends[other] &= self.ends[one]
            for k in {other, *changed}:
                if found := self.entry(k):
                    heapq.heappush(self.heap, found)


def continued(
    graph: RegionGraph,
    terminal: NDArray[np.integer[Any]],
    size: NDArray[np.integer[Any]],
    ends: NDArray[np.bool_],
    settings: AgglomerationSettings,
) -> Clusters:
    """Put what no label shows, and what ends within the volume, to the neighbour that continues it.

    A cell that no label shows comes in and goes out at the border of the volume. What reaches no border is a part of
    something else, and less evidence is enough to say of what, if no other neighbour comes near. size: voxels of each
    region; ends: whether it reaches no border. settings: ``min_new`` is the least size.
    """
    growing = _Growing(graph, terminal, settings.second_prior)
    _Dangling(growing, size, ends, settings).unite()
    return growing.result()


@dataclass(frozen=True, kw_only=True)
class AgglomerationSettings:
    """How fragments become cells.

    first_prior, first_least, second_prior, second_least: prior and least priority (`average_linkage`) of the two
    passes. The first pass, with a large prior, lets only large contacts unite; without it small contacts make single
    large wrong unions. inner_least, inner_margin: least priority, and lead over the second best, of what ends within
    the volume (`continued`). min_new: voxels from which a cluster without an id is a cell that no label shows.
    """

    first_prior: float = 30.0
    first_least: float = 0.8
    second_prior: float = 3.0
    second_least: float = 0.5
    inner_least: float = 0.25
    inner_margin: float = 0.1
    min_new: int = 1000


def agglomerate(
    graph: RegionGraph,
    terminals: int,
    size: NDArray[np.integer[Any]],
    settings: AgglomerationSettings,
    ends: NDArray[np.bool_] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The cell of every region, and the margin with which it got it, 0..1; (n,) each.

    Regions 0 .. terminals - 1 are cells 0 .. terminals - 1, with the margin by which they keep apart from each other;
    further numbers are cells that no label shows. size: voxels of each region; ends: whether it reaches no border of
    the volume, None: nothing is known. What is left over below ``second_least`` goes to the cell that it is connected
    to best.
    """
    terminal = np.where(np.arange(graph.n) < terminals, np.arange(graph.n), FREE)
    margin = np.where(terminal == FREE, np.nan, _apart(graph, terminals, settings.first_prior))
    state = _State(graph, np.arange(graph.n), terminal, margin)
    for prior, least in (
        (settings.first_prior, settings.first_least),
        (settings.second_prior, settings.second_least),
    ):
        state = state.after(average_linkage(state.graph, state.terminal, prior=prior, least=least))
    if ends is not None:
        voxels, within = state.voxels(size), ~state.any_of(~ends)
        state = state.after(continued(state.graph, state.terminal, voxels, within, settings))
    new = (state.terminal == FREE) & (state.voxels(size) >= settings.min_new)
    state.terminal[new] = terminals + np.arange(np.count_nonzero(new))
    state = state.after(average_linkage(state.graph, state.terminal, prior=settings.second_prior, least=0.0))
    return state.terminal[state.cluster], state.margin


class _State(NamedTuple):
    """Agglomeration between two passes: the graph of clusters with their terminals; cluster and margin of regions."""

    graph: RegionGraph
    cluster: NDArray[np.int64]
    terminal: NDArray[np.int64]
    margin: NDArray[np.float64]

    def after(self, found: Clusters) -> _State:
        margin = np.where(np.isnan(self.margin), found.margin[self.cluster], self.margin)
        contracted = self.graph.contracted(found.cluster, len(found.terminal))
        return _State(contracted, found.cluster[self.cluster], found.terminal, margin)

    def voxels(self, size: NDArray[np.integer[Any]]) -> NDArray[np.int64]:
        return np.bincount(self.cluster, size, minlength=self.graph.n).astype(np.int64)

    def any_of(self, regions: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether any region of a cluster is among ``regions``."""
        return np.bincount(self.cluster, regions, minlength=self.graph.n) > 0


def _apart(graph: RegionGraph, terminals: int, prior: float) -> NDArray[np.float64]:
    """One less the highest priority of each region to one of the terminals, (n,): small where two ids share a cell."""
    both = (graph.first < terminals) & (graph.second < terminals)
    priority = graph.support[both] / (graph.pairs[both] + prior)
    best = np.zeros(graph.n)
    np.maximum.at(best, graph.first[both], priority)
    np.maximum.at(best, graph.second[both], priority)
    return 1 - best
