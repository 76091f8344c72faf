"""How likely two pieces belong to one cell: by overlap, or where the course of one leads to the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ultraseg.link.logistic import chance, log_odds, weighted

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from scipy.spatial import cKDTree

    from ultraseg.link.chains import Chains, Pieces

# Weights of `overlap_features` for links of a chain, for other overlaps of pieces of about one size, of unequal ones,
# and of unequal ones with a body; and of `join_features`. Learned from phantoms of the level `tissue` whose truth was
# known.
CHAIN = np.array([4.13, 1.6, 2.3, 1.59, 0.0, -0.63, -1.29, -0.49, 0.0, 2.19])
BESIDE = np.array([3.54, 0.85, 1.79, 1.64, 1.5, 0.9, -0.66, -0.64, 0.38, -0.6])
UNEQUAL = np.array([1.46, 0.68, 1.96, 0.91, 0.96, 0.42, 0.06, -0.34, 0.18, -1.54])
AT_BODY = np.array([1.2, 0.2, 3.25, 1.02, 0.64, 0.0, -0.46, -0.44, 0.58, -0.65])
JOIN = np.array([2.5, -1.62, 0.26, -1.06, -0.54, 0.03, 0.42, 0.27, 0.16])
# Probability that the smaller one of two protrusions belongs with the piece that maps made of both.
LESSER_PART = 0.02

EQUAL = 4.0  # pieces whose areas differ by less than this factor are of about one size
# Pixels per slice by which a place is uncertain, without and with a known heading.
NO_SPEED, SPEED = 1.0, 0.35
# Pixels, spreads of a piece and pixels per slice within which its next piece is looked for.
ROOM = (6.0, 2.2, 1.5)
# A part of a merged piece is contained in it, has a share of its area, and its chain goes on for some pieces. Courses
# are merged over a few slices at most.
CONTAINED, PART, SEPARATE, MERGED = 0.5, (0.1, 0.85), 3, 4
FAR = 1e5  # between slices, in pixels: larger than any slice is wide


class Overlaps(NamedTuple):
    """Overlaps of pieces of neighbouring slices: rows of both pieces, IoU and containment."""

    a: NDArray[np.integer]
    b: NDArray[np.integer]
    iou: NDArray[np.float64]
    containment: NDArray[np.float64]

    def only(self, chosen: NDArray[np.bool_]) -> Overlaps:
        """The chosen overlaps."""
        return Overlaps(self.a[chosen], self.b[chosen], self.iou[chosen], self.containment[chosen])


class Joins(NamedTuple):
    """Pieces that may follow each other where a chain is broken: rows of the last and of the next piece."""

    end: NDArray[np.integer]
    start: NDArray[np.integer]


def overlap_chances(
    pieces: Pieces, chains: Chains, overlaps: Overlaps, body: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Probability that the two pieces of each overlap belong together; body: which pieces are bodies of cells."""
    features = overlap_features(pieces, chains, overlaps)
    kind = overlap_kinds(pieces, chains, overlaps, body)
    odds = np.select(
        [kind == k for k in range(4)], [weighted(features, w) for w in (CHAIN, BESIDE, UNEQUAL, AT_BODY)]
    )
    return np.where(lesser_parts(pieces, chains, overlaps, body), LESSER_PART, chance(odds))


def lesser_parts(
    pieces: Pieces, chains: Chains, overlaps: Overlaps, body: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Which overlaps lead from a merged piece to a part of it that is not its largest.

    Where maps lose the membrane between two protrusions, they are one piece over a few slices: two chains end in it,
    and two begin behind it. A path through that piece would lead from one protrusion into the other. So the piece
    belongs with the largest part, and joins lead the others past it.
    """
    a, b, _, containment = overlaps
    area, count = pieces.area, len(pieces)
    least, most = PART
    into = (chains.length_before[a] >= SEPARATE) & (area[a] >= least * area[b]) & (area[a] < most * area[b])
    out = (chains.length_after[b] >= SEPARATE) & (area[b] >= least * area[a]) & (area[b] < most * area[a])
    into &= (containment >= CONTAINED) & ~body[b]
    out &= (containment >= CONTAINED) & ~body[a]
    parts = np.bincount(b[into], minlength=count), np.bincount(a[out], minlength=count)
    first, last = np.zeros((2, count), bool)
    start = here = np.flatnonzero(parts[0] > 1)
    for _ in range(MERGED):
        apart = parts[1][here] > 1
        first[start[apart]], last[here[apart]] = True, True
        goes_on = ~apart & (chains.after[here] >= 0)
        start, here = start[goes_on], chains.after[here[goes_on]]
    lesser = np.zeros(len(a), bool)
    for leads, whole, part, where in ((into, b, a, first), (out, a, b, last)):
        rows = np.flatnonzero(leads & where[whole])
        order = rows[np.lexsort((-area[part[rows]], whole[rows]))]
        lesser[order] |= np.diff(whole[order], prepend=-1) == 0  # all but the first, which is the largest
    return lesser


def overlap_kinds(
    pieces: Pieces, chains: Chains, overlaps: Overlaps, body: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """Which weights hold for each overlap.

    0 links of a chain, 1 others of about one size, 2 unequal ones, 3 unequal ones with a body.
    """
    first, second = pieces.area[overlaps.a], pieces.area[overlaps.b]
    unequal = np.maximum(first, second) >= EQUAL * np.minimum(first, second)
    at_body = body[overlaps.a] | body[overlaps.b]
    return np.where(chains.member, 0, np.where(unequal, np.where(at_body, 3, 2), 1))


def overlap_features(pieces: Pieces, chains: Chains, overlaps: Overlaps) -> NDArray[np.float64]:
    """What tells whether an overlap is a link (n, 10): one; IoU; containment; best IoU of rivals at either piece (2);
    ratio of areas; distance from the course; smaller area; whether the chain of the smaller piece ends here, and
    whether that of the larger one is long.
    """
    a, b, iou, containment = overlaps
    rival = np.stack([_rivals(end, iou) for end in (a, b)])
    first, second = pieces.area[a], pieces.area[b]
    ends = np.where(first > second, chains.before[b] < 0, chains.after[a] < 0)
    return np.stack(
        [
            np.ones(len(a)),
            log_odds(np.clip(iou, 0.005, 0.995)),
            containment,
            rival.max(0, initial=0),
            rival.min(0, initial=1),
            np.abs(np.log(first / second)),
            np.log1p(off_course(pieces, chains, a, b)),
            np.log(np.minimum(first, second)),
            ends,
            np.where(first > second, chains.length_after[b], chains.length_before[a]) >= 4,
        ],
        axis=1,
    )


def _rivals(index: NDArray[np.integer], value: NDArray[np.float64]) -> NDArray[np.float64]:
    """For each entry the largest value of another entry with its index, 0 where there is none."""
    order = np.lexsort((-value, index))
    sorted_index, sorted_value = index[order], value[order]
    first = np.flatnonzero(np.diff(sorted_index, prepend=-1))
    size = np.diff(first, append=len(index))
    second = np.where(size > 1, np.append(sorted_value, 0)[first + 1], 0)
    group = np.repeat(np.arange(len(first)), size)
    rival = np.empty(len(index))
    rival[order] = np.where(np.arange(len(index)) == first[group], second[group], sorted_value[first[group]])
    return rival


def off_course(
    pieces: Pieces, chains: Chains, a: NDArray[np.integer], b: NDArray[np.integer], headed: bool = True
) -> NDArray[np.float64]:
    """Squared distance of b from where a is heading, in units of their extent and of what is uncertain.

    Long pieces have a large extent along their longer side: they may go on at either end. headed: whether to count
    with the headings of both chains or as if they did not move.
    """
    slices = (pieces.z[b] - pieces.z[a]).astype(float)
    before, after = chains.arriving.slices[a], chains.leaving.slices[b]
    known = before + after
    speed = before[:, None] * chains.arriving.speed[a] + after[:, None] * chains.leaving.speed[b]
    speed /= np.maximum(known, 1)[:, None]
    if not headed:
        known, speed = 0 * known, 0 * speed
    dy, dx = (chains.place[b] - chains.place[a] - speed * slices[:, None]).T
    room = 1 + (np.where(known >= 4, SPEED, NO_SPEED) * slices) ** 2
    yy, yx, xx = (pieces.spread[a] + pieces.spread[b]).T + room * np.array([[1], [0], [1]])
    return (xx * dy**2 - 2 * yx * dy * dx + yy * dx**2) / (yy * xx - yx**2)


def possible_joins(
    pieces: Pieces, chains: Chains, open_pieces: NDArray[np.bool_], most: int, extra: Joins
) -> Joins:
    """Ends and starts of chains of `open_pieces` that lie near each other's course, over up to `most` lost slices.

    extra: more pairs, of which those that are ends and starts are added.
    """
    end = np.flatnonzero((chains.after < 0) & open_pieces)
    start = np.flatnonzero((chains.before < 0) & open_pieces)
    reach = ROOM[0] + ROOM[1] * np.sqrt(pieces.spread[:, 0] + pieces.spread[:, 2])
    found = [np.stack(extra, axis=1)] if len(extra.end) else []
    if len(end) and len(start):
        tree_start, tree_end = (_tree(pieces, chains.place, rows) for rows in (start, end))
        for slices in range(1, most + 2):
            ahead = chains.place[end] + slices * chains.arriving.speed[end]
            near = _near(tree_start, pieces.order[end] + slices, ahead, reach[end] + ROOM[2] * slices)
            found.append(np.stack([end[near[:, 0]], start[near[:, 1]]], axis=1))
            behind = chains.place[start] - slices * chains.leaving.speed[start]
            near = _near(tree_end, pieces.order[start] - slices, behind, reach[start] + ROOM[2] * slices)
            found.append(np.stack([end[near[:, 1]], start[near[:, 0]]], axis=1))
    pairs = np.unique(np.concatenate(found), axis=0) if found else np.zeros((0, 2), np.int64)
    fits = (chains.after[pairs[:, 0]] < 0) & (chains.before[pairs[:, 1]] < 0)
    fits &= open_pieces[pairs].all(1)
    return Joins(*pairs[fits].T)


def _tree(pieces: Pieces, place: NDArray[np.float64], rows: NDArray[np.intp]) -> cKDTree:
    from scipy.spatial import cKDTree  # jobs of slabs do not wait for it

    return cKDTree(np.column_stack([FAR * pieces.order[rows], place[rows]]))


def _near(
    tree: cKDTree, order: NDArray[np.int64], place: NDArray[np.float64], reach: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Pairs of an entry and a point of the tree in its slice within its reach (n, 2)."""
    found = tree.query_ball_point(np.column_stack([FAR * order, place]), reach)
    entry = np.repeat(np.arange(len(found)), [len(points) for points in found])
    return np.stack([entry, np.concatenate([*found, []]).astype(np.int64)], axis=1)


def join_features(pieces: Pieces, chains: Chains, joins: Joins) -> NDArray[np.float64]:
    """What tells whether a chain goes on in another (n, 9): one; distance from the course (2) and from the place;
    slices; ratio of areas; length of both chains (2); smaller area.
    """
    end, start = joins
    away = off_course(pieces, chains, end, start)
    return np.stack(
        [
            np.ones(len(end)),
            np.sqrt(away),
            np.minimum(away, 30),
            np.sqrt(off_course(pieces, chains, end, start, headed=False)),
            np.log(pieces.z[start] - pieces.z[end]),
            np.abs(np.log(pieces.area[end] / pieces.area[start])),
            np.log(chains.length_before[end]),
            np.log(chains.length_after[start]),
            np.log(np.minimum(pieces.area[end], pieces.area[start])),
        ],
        axis=1,
    )


def join_chances(pieces: Pieces, chains: Chains, joins: Joins) -> NDArray[np.float64]:
    """Probability that each join is true.

    A join does not rule out another one: where maps split a long piece in two, both halves belong to one chain.
    """
    return chance(weighted(join_features(pieces, chains, joins), JOIN))
