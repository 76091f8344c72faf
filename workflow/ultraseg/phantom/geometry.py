"""Geometry of the phantom on a window of a slice: whose each voxel is and how deep below the surface."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from ultraseg.phantom.filopodia import Courses
from ultraseg.phantom.noise import LatticeNoise
from ultraseg.phantom.organelles import MAX_PER_CELL, Organelles, place_organelles
from ultraseg.phantom.tissue import REACH, Tissue

FAR = np.float32(1e3)


class Plane(NamedTuple):
    """Coordinates of a window of one slice, its drift included; wobbled ones for organelles."""

    z: float
    y: np.ndarray
    x: np.ndarray
    scale: float
    wobbled: tuple[np.ndarray, np.ndarray, np.ndarray]


class Section(NamedTuple):
    """Depths below surfaces in voxels (negative outside) and owners; cells are indices, -1 for none."""

    cell: np.ndarray
    depth: np.ndarray
    protrusion: np.ndarray
    nucleus_depth: np.ndarray
    nucleus_cell: np.ndarray
    nucleolus_depth: np.ndarray
    nucleolus_id: np.ndarray
    kind: np.ndarray
    kind_depth: np.ndarray
    kind_id: np.ndarray
    kind_along: np.ndarray


class Segments(NamedTuple):
    """Round, tapered segments: ends (m, 3), radii there, place along the chain at the start, owner (m,)."""

    start: np.ndarray
    end: np.ndarray
    start_radius: np.ndarray
    end_radius: np.ndarray
    along: np.ndarray
    owner: np.ndarray


class Geometry:
    """The whole phantom as tables; ``section`` works out any window of any slice from them."""

    def __init__(self, tissue: Tissue, courses: Courses):
        shape, seed, scale = tissue.shape, tissue.seed, tissue.scale
        self.scale, self.tissue, self.courses = scale, tissue, courses
        start, end, r0, r1, course = self.courses.segments()
        self.tubes = Segments(start, end, r0, r1, np.zeros(len(start)), course)
        self.nuclear_shape = LatticeNoise(shape, 26 * scale, [seed, 31])
        self._organelles = lru_cache(maxsize=16384)(self._place)

    def _place(self, cell: int) -> Organelles:
        return place_organelles(self.tissue, cell)

    def plane(self, z: float, y: np.ndarray, x: np.ndarray) -> Plane:
        size = np.float32(self.tissue.wobble_size)
        dz, dy, dx = (size * noise.on_slice(z, y, x) for noise in self.tissue.wobble)
        y32, x32 = y.astype(np.float32)[:, None], x.astype(np.float32)
        return Plane(z, y, x, self.scale, (np.float32(z) + dz, y32 + dy, x32 + dx))

    def section(self, plane: Plane) -> Section:
        """Everything that lies in the window; all arrays (Y, X)."""
        cell, depth, protrusion, _ = self.cells(plane, 10 * self.scale + 3)
        visible = np.unique(cell[(cell >= 0) & ~protrusion])
        inside = [self._organelles(int(c)) for c in visible]
        room = np.where(protrusion, -FAR, depth).astype(np.float32)
        nucleus = self._nuclei(plane, visible, inside, room, cell)
        kinds = self._chains(plane, visible, inside, room, nucleus[0], cell)
        return Section(cell, depth, protrusion, *nucleus, *kinds)

    def cells(
        self, plane: Plane, beyond: float = 1.0
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Cells without what is inside: cell, depth, whether a protrusion, and its course (-1 elsewhere).

        Depths are those of a section down to ``-beyond``; cells do not depend on it.
        """
        body, depth = self._bodies(plane)
        tube_depth, nearest, _ = nearest_segment(self.tubes, plane, beyond)
        course = (
            self.tubes.owner[np.maximum(nearest, 0)] if len(self.tubes.owner) else np.full_like(nearest, -1)
        )
        owner = np.where(nearest >= 0, self.courses.owner[course], -1) if len(self.tubes.owner) else nearest
        in_tube = tube_depth > 0
        in_body = depth > 0
        same = (owner == body) & (owner >= 0)
        # a tube and its own body are one; it indents every other cell
        depth = np.where(
            in_tube & ~same,
            tube_depth,
            np.where(same, np.maximum(depth, tube_depth), np.minimum(depth, -tube_depth)),
        )
        cell = np.where(in_tube, owner, np.where(depth > 0, body, -1))
        protrusion = in_tube & ~(same & in_body)
        return cell, depth, protrusion, np.where(protrusion, course, -1)

    def _bodies(self, plane: Plane) -> tuple[np.ndarray, np.ndarray]:
        """Index of the cell whose ellipsoid is nearest, and depth below its surface."""
        tissue, cells = self.tissue, self.tissue.cells
        bend = np.float32(tissue.bend_size)
        coords = [
            w + bend * n.on_slice(plane.z, plane.y, plane.x)
            for w, n in zip(plane.wobbled, tissue.bend, strict=True)
        ]
        margin = 4 * tissue.bend_size
        reach = np.float32(REACH * self.scale)
        first = np.full(coords[0].shape, reach)
        second, index = first.copy(), np.full(first.shape, -1, np.int32)
        for i in np.flatnonzero(np.abs(cells.centre[:, 0] - plane.z) < cells.half_box[:, 0] + margin):
            window = _window(plane, cells.centre[i], cells.half_box[i] + margin)
            if window is None:
                continue
            local = _to_ball(cells.to_ball[i], cells.centre[i], [c[window] for c in coords])
            value = (local - np.float32(1)) * np.float32(cells.radius[i])
            old = first[window]
            nearer = value < old
            second[window] = np.where(nearer, old, np.minimum(value, second[window]))
            first[window] = np.where(nearer, value, old)
            index[window][nearer] = i
        wall = second - first
        slope = np.hypot(*np.gradient(wall))
        wall /= np.maximum(slope, np.float32(0.75))
        gap = tissue.gap_width(tissue.gap.on_slice(plane.z, plane.y, plane.x)).astype(np.float32)
        depth = np.where(index >= 0, np.minimum(wall - gap / 2, -first), -FAR)
        return index, depth

    def _nuclei(
        self, plane: Plane, visible: np.ndarray, inside: list[Organelles], room: np.ndarray, cell: np.ndarray
    ) -> tuple[np.ndarray, ...]:
        shape = cell.shape
        depth, owner = np.full(shape, -FAR), np.full(shape, -1, np.int32)
        core, core_id = np.full(shape, -FAR), np.zeros(shape, np.uint32)
        uneven = None
        for c, organelles in zip(visible, inside, strict=True):
            nucleus = organelles.nucleus
            if nucleus is None or abs(nucleus.centre[0] - plane.z) > nucleus.half_box[0] + 12 * self.scale:
                continue
            window = _window(plane, nucleus.centre, nucleus.half_box + 12 * self.scale)
            if window is None:
                continue
            if uneven is None:
                uneven = np.float32(2.6 * self.scale) * self.nuclear_shape.on_slice(plane.z, plane.y, plane.x)
            coords = [w[window] for w in plane.wobbled]
            value = (1 - _to_ball(nucleus.to_ball, nucleus.centre, coords)) * np.float32(nucleus.radius)
            value = np.minimum(value + uneven[window], room[window] - np.float32(4 * self.scale))
            value[cell[window] != c] = -FAR
            better = value > depth[window]
            depth[window][better], owner[window][better] = value[better], c
            for n, (centre, radius) in enumerate(
                zip(nucleus.nucleoli, nucleus.nucleolus_radius, strict=True)
            ):
                away = np.sqrt(sum((w - np.float32(p)) ** 2 for w, p in zip(coords, centre, strict=True)))
                blob = np.float32(radius) + np.float32(0.5) * uneven[window] - away
                blob = np.minimum(blob, value - np.float32(3 * self.scale))
                better = blob > core[window]
                core[window][better], core_id[window][better] = blob[better], 2 * c + n + 1
        return depth, owner, core, core_id

    def _chains(
        self,
        plane: Plane,
        visible: np.ndarray,
        inside: list[Organelles],
        room: np.ndarray,
        nucleus_depth: np.ndarray,
        cell: np.ndarray,
    ) -> tuple[np.ndarray, ...]:
        if not inside:
            visible, inside = np.zeros(1, int), [self._organelles(0)]
        counts = [len(o.kind) for o in inside]
        owner = np.repeat(visible, counts)
        kind = np.concatenate([o.kind for o in inside])
        number = np.concatenate([o.number for o in inside])
        segments = _chain_segments(
            np.concatenate([o.points for o in inside]), np.concatenate([o.radius for o in inside])
        )
        depth, nearest, along = nearest_segment(segments, plane, 1.0)
        chain = np.where(nearest >= 0, segments.owner[np.maximum(nearest, 0)], 0) if len(kind) else nearest
        limit = np.minimum(room, -nucleus_depth) - np.float32(max(2 * self.scale, 1))
        depth = np.minimum(depth, limit)
        if len(kind) == 0:
            return np.full(cell.shape, -1), depth, np.zeros(cell.shape, np.uint32), along
        depth[owner[chain] != cell] = -FAR
        ident = owner.astype(np.uint32)[chain] * np.uint32(MAX_PER_CELL) + number[chain].astype(np.uint32) + 1
        found = depth > 0
        return np.where(found, kind[chain], -1), depth, np.where(found, ident, 0).astype(np.uint32), along


def nearest_segment(
    segments: Segments, plane: Plane, beyond: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth in the union of tubes, segment that is nearest (-1 where none), and place along its chain.

    Depths are known down to ``-beyond``, further outside they are ``-FAR``.
    """
    shape = plane.wobbled[0].shape
    depth, index = np.full(shape, np.float32(-beyond)), np.full(shape, -1, np.int32)
    along = np.zeros(shape, np.float32)
    low, high = np.minimum(segments.start, segments.end), np.maximum(segments.start, segments.end)
    margin = np.maximum(segments.start_radius, segments.end_radius) + 5 * plane.scale + beyond
    near = (low[:, 0] - margin < plane.z) & (high[:, 0] + margin > plane.z)
    for k, (axis, other) in enumerate(((plane.y, low), (plane.x, low)), start=1):
        near &= (other[:, k] - margin < axis[-1]) & (high[:, k] + margin > axis[0])
    for i in np.flatnonzero(near):
        window = _window(plane, (low[i] + high[i]) / 2, (high[i] - low[i]) / 2 + margin[i])
        if window is None:
            continue
        start, axis = (
            segments.start[i].astype(np.float32),
            (segments.end[i] - segments.start[i]).astype(np.float32),
        )
        rel = [w[window] - s for w, s in zip(plane.wobbled, start, strict=True)]
        length2 = np.float32(max((axis**2).sum(), 1e-6))
        t = np.clip(sum(r * a for r, a in zip(rel, axis, strict=True)) / length2, 0, 1)
        away = np.sqrt(sum((r - t * a) ** 2 for r, a in zip(rel, axis, strict=True)))
        r0, r1 = np.float32(segments.start_radius[i]), np.float32(segments.end_radius[i])
        value = r0 + t * (r1 - r0) - away
        better = value > depth[window]
        depth[window][better], index[window][better] = value[better], i
        along[window][better] = np.float32(segments.along[i]) + (t * np.sqrt(length2))[better]
    depth[index < 0] = -FAR
    return depth, index, along


def _chain_segments(points: np.ndarray, radius: np.ndarray) -> Segments:
    n, k = points.shape[:2]
    start, end = points[:, :-1].reshape(-1, 3), points[:, 1:].reshape(-1, 3)
    length = np.linalg.norm(end - start, axis=1).reshape(n, k - 1)
    along = np.cumsum(length, axis=1) - length
    same = np.repeat(radius, k - 1)
    # all points of an endosome are equal: its first segment is enough
    use = ((length > 0) | (np.arange(k - 1) == 0)).ravel()
    parts = (start, end, same, same, along.ravel(), np.repeat(np.arange(n), k - 1))
    return Segments(*(part[use] for part in parts))


def _to_ball(to_ball: np.ndarray, centre: np.ndarray, coords: list[np.ndarray]) -> np.ndarray:
    """Distance from the centre in radii of the ellipsoid."""
    z, y, x = (c - np.float32(p) for c, p in zip(coords, centre, strict=True))
    m = to_ball.astype(np.float32)
    return np.sqrt(sum((row[0] * z + row[1] * y + row[2] * x) ** 2 for row in m))


def _window(plane: Plane, centre: np.ndarray, half_box: np.ndarray) -> tuple[slice, slice] | None:
    """Part of the window that a box around ``centre`` covers, or None."""
    y0, y1 = np.searchsorted(plane.y, [centre[1] - half_box[1], centre[1] + half_box[1]])
    x0, x1 = np.searchsorted(plane.x, [centre[2] - half_box[2], centre[2] + half_box[2]])
    return (slice(y0, y1), slice(x0, x1)) if y1 > y0 and x1 > x0 else None
