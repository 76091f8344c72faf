"""Courses of protrusions and their lengths, through the voxels of their pieces, in whichever direction they run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy import sparse

# Of the 26 neighbours of a voxel, one of each pair of opposite ones.
STEPS = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
MOST_VOXELS = 150_000  # in a graph: it takes 130 MB
SMOOTHED = 7  # points of a path that are averaged, as a path on a grid is a zigzag


class Course(NamedTuple):
    """The way through an object between its two farthest ends.

    path (m, 3): its points in voxels, smoothed; 0 is the centre of the first voxel. grid: voxels along each axis that
    count as one where the object was too large.
    """

    path: NDArray[np.float64]
    grid: int

    def length(self, spacing: Sequence[float] | NDArray[np.float64]) -> float:
        """Length in the unit of ``spacing`` (z, y, x), from outer face to outer face."""
        size = np.asarray(spacing, float)
        points, voxel = self.path * size, size * self.grid
        if len(points) == 1:
            return float(voxel.max())
        ends = (points[-1] - points[0]) / max(np.linalg.norm(points[-1] - points[0]), 1e-12)
        return float(np.linalg.norm(np.diff(points, axis=0), axis=1).sum() + np.linalg.norm(ends * voxel))

    def from_end_near(self, place: NDArray[np.float64], spacing: NDArray[np.float64]) -> Course:
        """The same course, from the end on that lies nearer to a place in voxels."""
        away = [np.linalg.norm((end - place) * spacing) for end in (self.path[0], self.path[-1])]
        return self._replace(path=self.path[::-1]) if away[1] < away[0] else self


def protrusion_courses(
    read: Callable[[int], NDArray[np.integer]],
    slices: Sequence[int],
    pieces: pd.DataFrame,
    spacing: Sequence[float],
) -> dict[int, Course]:
    """Course of each protrusion, by its number; spacing: size of a voxel (z, y, x), in any unit.

    read: gives the pieces (Y, X) of a good slice; slices: the stand-in of every z; pieces: columns z, piece and
    protrusion (0 = none), of good slices. In memory are one slice, and the voxels of the protrusions that go on.
    """
    members = {z: group for z, group in pieces[pieces["protrusion"] > 0].groupby("z")}
    last: dict[int, int] = {}
    for z, good in enumerate(slices):
        last |= dict.fromkeys(members[good]["protrusion"].tolist(), z) if good in members else {}
    found: dict[int, list[NDArray[np.int64]]] = {}
    courses: dict[int, Course] = {}
    for z, good in enumerate(slices):
        if good not in members:
            continue
        for protrusion, places in _places(read(good), members[good]):
            found.setdefault(protrusion, []).append(np.insert(places, 0, z, axis=1))
        for protrusion in [p for p in found if last[p] == z]:
            courses[protrusion] = course_of(np.concatenate(found.pop(protrusion)), spacing)
    return courses


def _places(plane: NDArray[np.integer], members: pd.DataFrame) -> Iterable[tuple[int, NDArray[np.int64]]]:
    """The protrusions of a slice, each with the places (n, 2) of its pixels."""
    table = np.zeros(int(plane.max()) + 1, np.int64)
    known = members[members["piece"] < len(table)]
    table[known["piece"].to_numpy()] = known["protrusion"].to_numpy()
    places = np.argwhere(plane)
    numbers = table[plane[tuple(places.T)]]
    places, numbers = places[numbers > 0], numbers[numbers > 0]
    order = np.argsort(numbers, kind="stable")
    ids, starts = np.unique(numbers[order], return_index=True)
    return zip(ids.tolist(), np.split(places[order], starts[1:]), strict=True)


def course_of(voxels: NDArray[np.int64], spacing: Sequence[float]) -> Course:
    """The way through an object of voxels (n, 3) between its two farthest ends.

    The ends are outer faces: a straight rod of n voxels along an axis is n voxels long. Parts that do not touch are
    joined at their nearest voxels. An object of more than ``MOST_VOXELS`` voxels is measured on a coarser grid. Of the
    two ends the one with the lower z, then y and x comes first.
    """
    from scipy import ndimage  # volumes without protrusions do not wait for it

    size, grid = np.asarray(spacing, float), 1
    while len(voxels) > MOST_VOXELS:
        voxels, size, grid = np.unique(voxels // 2, axis=0), size * 2, grid * 2
    way = _longest_way(_joined(voxels * size, _neighbours(voxels, size))) if len(voxels) > 1 else [0]
    course = (voxels[way] + 0.5) * grid - 0.5
    smooth = ndimage.uniform_filter1d(course, min(SMOOTHED, len(course)), axis=0, mode="nearest")
    smooth[[0, -1]] = course[[0, -1]]
    return Course(smooth if tuple(smooth[0]) <= tuple(smooth[-1]) else smooth[::-1], grid)


def _longest_way(graph: sparse.csr_array) -> list[int]:
    """The places along the shortest way between the two ends of a graph, which lie farthest from each other."""
    from scipy.sparse.csgraph import dijkstra

    start = int(dijkstra(graph, directed=False, indices=0).argmax())
    distance, before = dijkstra(graph, directed=False, indices=start, return_predecessors=True)
    path = [int(distance.argmax())]
    while path[-1] != start:
        path.append(int(before[path[-1]]))
    return path


def _neighbours(voxels: NDArray[np.int64], spacing: NDArray[np.float64]) -> sparse.csr_array:
    """A graph with the distances between all voxels that touch by a face, an edge or a corner."""
    low = voxels.min(axis=0) - 1
    shape = voxels.max(axis=0) - low + 2
    index = np.ravel_multi_index(tuple((voxels - low).T), tuple(shape))
    order = np.argsort(index)
    ranked, rows, columns, lengths = index[order], [], [], []
    for step in STEPS:
        other = index + step[0] * shape[1] * shape[2] + step[1] * shape[2] + step[2]
        place = np.minimum(np.searchsorted(ranked, other), len(ranked) - 1)
        there = np.flatnonzero(ranked[place] == other)
        rows.append(there)
        columns.append(order[place[there]])
        lengths.append(np.full(len(there), np.linalg.norm(spacing * step)))
    from scipy import sparse

    parts = (np.concatenate(lengths), (np.concatenate(rows), np.concatenate(columns)))
    return sparse.csr_array(parts, shape=(len(voxels), len(voxels)))


def _joined(points: NDArray[np.float64], graph: sparse.csr_array) -> sparse.csr_array:
    """The graph with more edges, each from one part to the nearest voxel of another part, until all is one part."""
    from scipy import sparse
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    count, part = connected_components(graph, directed=False)
    while count > 1:
        own = part == part[0]
        distance, nearest = cKDTree(points[~own]).query(points[own])
        here = distance.argmin()
        a, b = np.flatnonzero(own)[here], np.flatnonzero(~own)[nearest[here]]
        edge = sparse.csr_array(([distance[here]], ([a], [b])), shape=graph.shape)
        graph = graph + edge
        count, part = connected_components(graph, directed=False)
    return graph
