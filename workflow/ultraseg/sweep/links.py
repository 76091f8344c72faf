"""All links of the pieces of a volume with their probabilities, block by block as `link.decide` finds them at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ultraseg.link.chains import LONG, REACH, Pieces, chains_of, slice_steps
from ultraseg.link.chances import (
    MERGED,
    Joins,
    Overlaps,
    join_chances,
    overlap_chances,
    possible_joins,
)
from ultraseg.link.decide import LEAST_LINK
from ultraseg.sweep.groups import Block
from ultraseg.sweep.volume import Pairs, Volume

# Slices on either side on which the chances of a piece may depend: its own course, those of its neighbours, and those
# of all pieces that maps merged one after the other.
COURSE = 2 * max(LONG, REACH) + MERGED + 1
MEASURES = ["z", "piece", "area", "y", "x", "yy", "yx", "xx"]
WEIGHT = {"weight": "float64"}


def window(block: Block, around: int, ahead: int = 0) -> Block:
    """A block with so many slices more on either side, and so many ahead of these."""
    return max(block[0] - around, 0), block[1] + around + ahead


def direct_overlaps(volume: Volume, slices: Block) -> Overlaps:
    """The overlaps in neighbouring slices within some slices, their pieces counted from the first one there."""
    edges = volume.edges.inside(*slices)
    edges = edges[edges["direct"]]
    start = volume.slices.rows(*slices)[0]
    a, b = (edges[end].to_numpy() - start for end in ("a", "b"))
    return Overlaps(a, b, edges["iou"].to_numpy(), edges["containment"].to_numpy())


def slice_shifts(volume: Volume) -> NDArray[np.float64]:
    """How far each slice lies from the first one (n, 2), as in `chains.chains_of`; two numbers per slice in memory."""
    steps = np.zeros((len(volume.slices), 2))
    for block in volume.slices.blocks:
        wide = window(block, 2)
        near = direct_overlaps(volume, wide)
        found = slice_steps(_pieces(volume, wide), near.a, near.b, near.iou)
        steps[slice(*block)] = found[block[0] - wide[0] :][: block[1] - block[0]]
    return np.cumsum(steps, axis=0)


def write_links(
    volume: Volume,
    open_pieces: Callable[[Block], NDArray[np.bool_]],
    shifts: NDArray[np.float64],
    bridge_slices: int,
    name: str = "link",
) -> list[Pairs]:
    """Write all links with their probabilities as columns: overlaps in neighbouring slices, joins of broken chains.

    open_pieces: which pieces of some slices may be joined; volume: with a column ``large``; shifts: as from
    `slice_shifts`.
    """
    near_links = Pairs(volume.columns, f"{name}_near", volume.slices, WEIGHT)
    joins = Pairs(volume.columns, f"{name}_join", volume.slices, WEIGHT)
    ahead = max(bridge_slices + 1, volume.edges.reach)
    for block in volume.slices.blocks:
        wide = window(block, COURSE, ahead)
        wide = wide[0], min(wide[1], len(volume.slices))
        start, first, last = (volume.slices.rows(*wide)[0], *volume.slices.rows(*block))
        pieces = _pieces(volume, wide)
        near = direct_overlaps(volume, wide)
        chains = chains_of(pieces, near.a, near.b, near.iou, shifts[slice(*wide)])
        large = volume.read(*wide, ["large"])["large"].to_numpy()
        chance = overlap_chances(pieces, chains, near, large)
        own = (near.a + start >= first) & (near.a + start < last) & (chance >= LEAST_LINK)
        near_links.append(near.a[own] + start, near.b[own] + start, chance[own])
        edges = volume.edges.inside(*wide)
        over = edges[~edges["direct"]]
        extra = Joins(over["a"].to_numpy() - start, over["b"].to_numpy() - start)
        found = possible_joins(pieces, chains, open_pieces(wide), bridge_slices, extra)
        own = (found.end + start >= first) & (found.end + start < last)
        if "apart" in volume.columns:
            apart = volume.read(*wide, ["apart"])["apart"].to_numpy()
            own &= apart[found.end] == apart[found.start]
        found = Joins(found.end[own], found.start[own])
        chance = join_chances(pieces, chains, found)
        likely = chance >= LEAST_LINK
        joins.append(found.end[likely] + start, found.start[likely] + start, chance[likely])
    return [near_links, joins]


def _pieces(volume: Volume, slices: Block) -> Pieces:
    names = [name for name in MEASURES if name in volume.columns]
    return Pieces.of(volume.read(*slices, names))
