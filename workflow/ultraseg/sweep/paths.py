"""The likeliest paths from every piece of a volume to cells, block by block as `link.paths` finds them at once."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ultraseg.link.nodes import NOBODY
from ultraseg.link.paths import LEAST, MOST, Links, Posterior, weighed
from ultraseg.sweep.columns import Rows
from ultraseg.sweep.groups import Block
from ultraseg.sweep.volume import Slices

UNKNOWN = -1  # in place of a cell: from here on paths of pieces that come later may arrive
# Least pieces and slices of a block. Few pieces stay in the processor's cache; nothing around a block is read.
BLOCK = 10_000, 4
FARTHEST = -float(np.log(LEAST))


@dataclass
class Starts:
    """What paths need of the pieces of a block, one entry per piece.

    cell, chance, source: of the path that begins there, chance 0 for none. closed, named: as in
    `link.paths.likeliest_paths`. last: row of the last piece that a link leads to; best: largest weight of its links
    to later pieces.
    """

    cell: NDArray[np.int64]
    chance: NDArray[np.float64]
    source: NDArray[np.int64]
    closed: NDArray[np.bool_]
    named: NDArray[np.bool_]
    last: NDArray[np.int64]
    best: NDArray[np.float64]


@dataclass
class _Open:
    """Pieces whose paths are not known to the end, or that have links to pieces of later blocks; in order of rows.

    found: how many paths are known; cells, sources, reached (n, MOST): their cells, sources, and costs.
    done: whether no more can come. The other arrays as in `Starts`; cost: of the cheapest link to a later piece.
    """

    rows: NDArray[np.int64]
    found: NDArray[np.int64]
    cells: NDArray[np.int64]
    sources: NDArray[np.int64]
    reached: NDArray[np.float64]
    done: NDArray[np.bool_]
    closed: NDArray[np.bool_]
    named: NDArray[np.bool_]
    last: NDArray[np.int64]
    cost: NDArray[np.float64]

    @classmethod
    def of(cls, start: int, begin: Starts) -> _Open:
        """The pieces of a block, before any path is followed; start: row of the first."""
        n = len(begin.cell)
        many = np.zeros((n, MOST), np.int64)
        return cls(
            np.arange(start, start + n), np.zeros(n, np.int64), many, many.copy(), np.zeros((n, MOST)),
            np.zeros(n, bool), begin.closed, begin.named, begin.last, _cost(begin.best),
        )  # fmt: skip

    def only(self, chosen: NDArray[Any]) -> _Open:
        return _Open(*(getattr(self, f.name)[chosen] for f in fields(self)))

    def and_also(self, other: _Open) -> _Open:
        return _Open(*(np.concatenate([getattr(one, f.name) for one in (self, other)]) for f in fields(self)))


Events = list[tuple[float, int, int, int]]  # cost, cell, source, row


def posteriors(
    slices: Slices,
    starts: Callable[[Block], Starts],
    links: Callable[[Block], Links],
    banned: Mapping[int, set[int]] | None = None,
    block: tuple[int, int] = BLOCK,
) -> Iterator[tuple[Rows, Posterior]]:
    """What all paths say of every piece that is not closed: rows, and their posterior, as soon as it is certain.

    links: of a block, all whose second pieces are in it, with rows of the volume. banned: row -> cells that do not
    enter it; block: least number of pieces and slices of a block.

    The paths are those of `link.paths.likeliest_paths` to the bit: a path is final once it is more likely than any that
    could still come from later blocks, and a piece is done once it has MOST final paths or no more can come. In memory
    are a block and the pieces before it that are not done. These are few where cells are settled or labelled slices
    follow; they are all open pieces of long chains to which no cell leads.
    """
    none = np.zeros(0)
    held = _Open.of(0, Starts(*(none.astype(t) for t in (int, float, int, bool, bool, int, float))))
    kept = Links(none.astype(int), none.astype(int), none)  # with costs in place of weights
    waiting: Events = []
    for places in slices.cut(*block):
        start, stop = slices.rows(*places)
        begin, new = starts(places), links(places)
        new = Links(new.a, new.b, _cost(new.weight))
        events = waiting + _carried_on(held, new) + _beginning(start, begin)
        everything = held.and_also(_Open.of(start, begin))
        row = everything.rows
        both = Links(*(np.concatenate(parts) for parts in zip(kept, new, strict=True)))
        both = both.only(_among(both.a, row) & _among(both.b, row))
        unknown = (everything.last >= stop) & ~everything.closed
        events += [
            (cost, UNKNOWN, UNKNOWN, r)
            for cost, r in zip(everything.cost[unknown].tolist(), row[unknown].tolist(), strict=True)
        ]
        before = everything.done.copy()
        waiting = _follow(everything, both, events, banned or {})
        ended = everything.done & ~before & ~everything.closed
        if ended.any():
            cells = everything.cells[ended]
            chance = np.where(cells > 0, np.exp(-everything.reached[ended]), 0.0)
            yield row[ended], weighed(cells, chance)
        held = everything.only(~everything.done | ((everything.last >= stop) & (everything.found > 0)))
        open_rows = held.rows[~held.done]
        kept = both.only(_among(both.a, open_rows) & _among(both.b, open_rows))


def _cost(weight: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(-np.log(np.maximum(weight, LEAST / 2)))


def _among(rows: Rows, known: Rows) -> NDArray[np.bool_]:
    """Which rows are among known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(rows), bool)
    return np.asarray(known[np.minimum(np.searchsorted(known, rows), len(known) - 1)] == rows)


def _beginning(start: int, begin: Starts) -> Events:
    """The paths that begin in a block."""
    rows = np.flatnonzero(begin.chance > 0)
    parts = (_cost(begin.chance[rows]), begin.cell[rows], begin.source[rows], rows + start)
    return list(zip(*(part.tolist() for part in parts), strict=True))


def _carried_on(held: _Open, new: Links) -> Events:
    """The paths that new links lead on from pieces of the blocks before."""
    links = new.only(_among(new.a, held.rows))
    at = np.searchsorted(held.rows, links.a)
    events: Events = []
    for k in range(MOST):
        there = k < held.found[at]
        if k == 0:
            there = there & ~(held.closed[at] & (held.reached[at, 0] > 0))
        else:
            there = there & ~held.closed[at]
        i = at[there]
        cost = held.reached[i, k] + links.weight[there]
        parts = (cost, held.cells[i, k], held.sources[i, k], links.b[there])
        events += zip(*(part.tolist() for part in parts), strict=True)
    return events


def _follow(pieces: _Open, links: Links, events: Events, banned: Mapping[int, set[int]]) -> Events:
    """Follow paths as far as they are certain; returns what waits for later blocks. ``pieces`` is changed in place.

    Dijkstra's algorithm over paths and over what is unknown at once. The unknown enters where links lead to later
    blocks and spreads along the links that a path could take, so it reaches each piece before any path that could
    still come. A path that is found before is final.
    """
    rows, count = pieces.rows, len(pieces.rows)
    a, b = np.searchsorted(rows, links.a), np.searchsorted(rows, links.b)
    ends, others = np.concatenate([a, b]), np.concatenate([b, a])
    enters = ~(pieces.done | pieces.closed)[others]  # no other path would change anything there
    ends, others, costs = ends[enters], others[enters], np.concatenate([links.weight, links.weight])[enters]
    order = np.lexsort((costs, ends))  # a search may end at the first link that is too dear
    first = np.searchsorted(ends[order], np.arange(count + 1)).tolist()
    towards, costs = others[order].tolist(), costs[order].tolist()
    closed, named = pieces.closed.tolist(), pieces.named.tolist()
    found: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for k in range(MOST):
        for i in np.flatnonzero(k < pieces.found).tolist():
            found[i].append((int(pieces.cells[i, k]), int(pieces.sources[i, k])))
    place = dict(zip(rows.tolist(), range(count), strict=True))
    heap = [(cost, cell, source, place[row]) for cost, cell, source, row in events if cost <= FARTHEST]
    heapq.heapify(heap)
    bans = {place[row]: cells for row, cells in banned.items() if row in place}
    unsure = bytearray(count)
    waiting: list[tuple[float, int, int, int]] = []
    while heap:
        reached, cell, source, node = heapq.heappop(heap)
        here = found[node]
        if cell == UNKNOWN:
            if unsure[node] or len(here) == MOST:
                continue
            unsure[node] = 1
            for k in range(first[node], first[node + 1]):
                there, onward = towards[k], reached + costs[k]
                if onward > FARTHEST:
                    break
                if not unsure[there] and len(found[there]) < MOST:
                    heapq.heappush(heap, (onward, UNKNOWN, UNKNOWN, there))
            continue
        if len(here) == MOST or (cell, source) in here or (named[node] and cell == NOBODY):
            continue
        if bans and cell in bans.get(node, ()):
            continue
        if unsure[node]:
            waiting.append((reached, cell, source, node))
            continue
        n = len(here)
        pieces.cells[node, n], pieces.sources[node, n], pieces.reached[node, n] = cell, source, reached
        here.append((cell, source))
        if closed[node] and reached > 0:
            continue
        label = (cell, source)
        for k in range(first[node], first[node + 1]):
            onward = reached + costs[k]
            if onward > FARTHEST:
                break
            there = found[towards[k]]
            if len(there) < MOST and label not in there:
                heapq.heappush(heap, (onward, cell, source, towards[k]))
    pieces.found[:] = [len(one) for one in found]
    pieces.done |= ~np.frombuffer(unsure, bool) | (pieces.found == MOST) | pieces.closed
    back = rows.tolist()
    return [
        (cost, cell, source, back[node]) for cost, cell, source, node in waiting if len(found[node]) < MOST
    ]
