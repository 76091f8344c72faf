"""Surfaces of labelled objects: of one object at a time, at the finest pyramid level that is small enough.

``Surfaces`` finds the objects of a structure by itself, for the viewer; ``mesh_files`` takes them from a table.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import fastremap
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.measure import marching_cubes

from ultraseg.grid.paths import VolumeFiles
from ultraseg.grid.slabs import ceil_div
from ultraseg.storage.arrays import look_at, shape_of
from ultraseg.storage.ome_read import Scaling, read_scaling

WHOLE = 16_000_000  # voxels of a structure that are held to find its objects: 64 MB
EACH = 1_500_000  # voxels around one object that its surface is made from: about 1 MB of triangles
INFO = json.dumps({"@type": "neuroglancer_legacy_mesh"}).encode()

Box = tuple[slice, ...]


class Mesh(NamedTuple):
    """``vertices`` (n, 3) as x, y, z in nm of the full stack, and ``triangles`` (m, 3), numbers of vertices."""

    vertices: NDArray[np.floating]
    triangles: NDArray[np.integer]


class Level(NamedTuple):
    """One pyramid level of a structure's labels: its array, its shape and where it lies."""

    path: str
    shape: tuple[int, ...]
    scaling: Scaling


def levels_of(folder: str | Path, structure: str) -> list[Level]:
    """The levels of a structure of the volume in ``folder``, finest first."""
    files = VolumeFiles(str(folder))
    scalings = read_scaling(files.labels(structure))
    paths = [files.labels_level(structure, number) for number in range(len(scalings))]
    return [Level(path, shape_of(path), scaling) for path, scaling in zip(paths, scalings, strict=True)]


def finest_fitting(levels: Sequence[Level], box: Box, at: int, most: int, coarsest: int) -> tuple[int, Box]:
    """The finest level at which a box of level ``at`` has at most ``most`` voxels, and the box there.

    If there is none down to ``coarsest``, the box of that level whatever its size.
    """
    part = box
    for number in range(coarsest + 1):
        part = _box_at(box, levels[at], levels[number])
        if np.prod([side.stop - side.start for side in part]) <= most:
            return number, part
    return coarsest, part


def _box_at(box: Box, given: Level, wanted: Level) -> Box:
    """A box of one level in voxels of another one; at a finer level wider by a coarse voxel on each side."""
    sides = zip(box, given.scaling.size_nm, wanted.scaling.size_nm, wanted.shape, strict=True)
    return tuple(_side_at(side, round(a / b), round(b / a), n) for side, a, b, n in sides)


def _side_at(side: slice, finer: int, coarser: int, n: int) -> slice:
    """One side of a box where voxels are ``finer`` times smaller, or ``coarser`` times larger."""
    if finer > 1:
        return slice(max(0, (side.start - 1) * finer), min(n, (side.stop + 1) * finer))
    return slice(side.start // coarser, min(ceil_div(side.stop, coarser), n))


def surface_of(
    inside: NDArray[np.bool_], start: Sequence[int], scaling: Scaling, margins: Sequence[tuple[int, int]]
) -> Mesh:
    """The surface of a mask (z, y, x) whose first voxel is ``start`` of its level; normals point outwards.

    ``margins``: 1 before and after each axis where the mask's surface is closed, 0 where it is left open.
    """
    padded = np.pad(inside, margins)
    vertices, triangles, _, _ = marching_cubes(padded, 0.5, gradient_direction="ascent")
    first = np.asarray(start) - np.array([before for before, _ in margins])
    nm = (vertices + first) * scaling.size_nm + scaling.first_nm
    # The axes are turned from z, y, x to x, y, z, which mirrors: so does the order of the corners.
    return Mesh(nm[:, ::-1], triangles[:, ::-1])


class Surfaces:
    """The objects of one structure of a volume, and the surface of each.

    ``folder`` is that of the volume. The objects are found at the finest level, the overview, that has at most
    ``whole`` voxels. ``each``: voxels around one object. Slabs that are not made yet count as empty.
    """

    def __init__(self, folder: str | Path, structure: str, whole: int = WHOLE, each: int = EACH):
        self._levels = levels_of(folder, structure)
        self._each = each
        fits = [n for n, level in enumerate(self._levels) if np.prod(level.shape) <= whole]
        self._overview = fits[0] if fits else len(self._levels) - 1

    @cached_property
    def _found(self) -> dict[int, tuple[int, Box]]:
        """Voxels and bounding box of each object at the level of the overview."""
        labels, numbers = fastremap.renumber(look_at(self._levels[self._overview].path), in_place=True)
        voxels, boxes = np.bincount(labels.ravel()).tolist(), find_objects(labels)
        return {int(i): (voxels[int(n)], boxes[int(n) - 1]) for i, n in numbers.items() if i}

    @property
    def sizes(self) -> dict[int, int]:
        """Voxels of each object; objects too small for the level of the overview are not in it."""
        return {i: voxels for i, (voxels, _) in sorted(self._found.items())}

    def surface(self, object_id: int) -> bytes | None:
        """Triangles of an object in nm, as ``fragment`` writes them; None if there are none."""
        if object_id not in self._found:
            return None
        box = self._found[object_id][1]
        number, part = finest_fitting(self._levels, box, self._overview, self._each, self._overview)
        level = self._levels[number]
        inside = look_at(level.path, part) == object_id
        # Open where the volume ends: there one looks into a cell and sees its organelles.
        margins = [
            (int(side.start > 0), int(side.stop < n)) for side, n in zip(part, level.shape, strict=True)
        ]
        shape = [n + sum(margin) for n, margin in zip(inside.shape, margins, strict=True)]
        if not inside.any() or (inside.all() and not np.any(margins)) or min(shape) < 2:
            return None
        return fragment(*surface_of(inside, [side.start for side in part], level.scaling, margins))


def fragment(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> bytes:
    """Number of vertices, vertices (n, 3) as x, y, z in nm, and triangles (m, 3), all little-endian."""
    points = np.ascontiguousarray(vertices, "<f4").tobytes()
    return struct.pack("<I", len(vertices)) + points + np.ascontiguousarray(triangles, "<u4").tobytes()


def manifest(object_id: int) -> bytes:
    """The list of fragments of an object: its one file."""
    return json.dumps({"fragments": [f"{object_id}.mesh"]}).encode()
