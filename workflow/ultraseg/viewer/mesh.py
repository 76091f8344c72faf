"""Surfaces of labelled objects for the viewer, in Neuroglancer's simplest format: one file per object."""

from __future__ import annotations

import json
import struct
from functools import cached_property
from pathlib import Path

import fastremap
import numpy as np
from scipy.ndimage import find_objects
from skimage.measure import marching_cubes

from ultraseg.storage.arrays import look_at, shape_of
from ultraseg.storage.ome_read import Scaling, read_scaling

WHOLE = 16_000_000  # voxels of a structure that are held to find its objects: 64 MB
EACH = 1_500_000  # voxels around one object that its surface is made from: about 1 MB of triangles
INFO = json.dumps({"@type": "neuroglancer_legacy_mesh"}).encode()


class Surfaces:
    """The objects of one structure of a volume, and the surface of each at the finest level that is small enough.

    ``folder`` is that of the volume. Slabs that are not made yet count as empty.
    """

    def __init__(self, folder: str | Path, structure: str, whole: int = WHOLE, each: int = EACH):
        group = Path(folder, "image.zarr/labels", structure)
        self._levels = read_scaling(group)
        self._paths = [str(group / str(level)) for level in range(len(self._levels))]
        self._each = each
        fits = [n for n, path in enumerate(self._paths) if np.prod(shape_of(path)) <= whole]
        self._overview = fits[0] if fits else len(self._levels) - 1

    @cached_property
    def _found(self) -> dict[int, tuple[int, tuple[slice, ...]]]:
        """Voxels and bounding box of each object at the level of the overview."""
        labels, numbers = fastremap.renumber(look_at(self._paths[self._overview]), in_place=True)
        voxels, boxes = np.bincount(labels.ravel()), find_objects(labels)
        return {int(i): (int(voxels[n]), boxes[n - 1]) for i, n in numbers.items() if i}

    @property
    def sizes(self) -> dict[int, int]:
        """Voxels of each object; objects too small for the level of the overview are not in it."""
        return {i: voxels for i, (voxels, _) in sorted(self._found.items())}

    def surface(self, object_id: int) -> bytes | None:
        """Triangles of an object in nm, as ``fragment`` writes them; None if there are none."""
        if object_id not in self._found:
            return None
        level, box = self._finest(self._found[object_id][1])
        inside = look_at(self._paths[level], box) == object_id
        # Not closed where the volume ends: there one looks into a cell and sees its organelles.
        ends = zip(box, shape_of(self._paths[level]), strict=True)
        margins = [(int(side.start > 0), int(side.stop < n)) for side, n in ends]
        inside = np.pad(inside, margins)
        if inside.all() or not inside.any() or min(inside.shape) < 2:
            return None
        vertices, triangles, _, _ = marching_cubes(inside, 0.5)
        scaling = self._levels[level]
        start = np.array([side.start - margin for side, (margin, _) in zip(box, margins, strict=True)])
        nm = (vertices + start) * scaling.size_nm + scaling.first_nm
        return fragment(nm[:, ::-1], triangles)

    def _finest(self, box: tuple[slice, ...]) -> tuple[int, tuple[slice, ...]]:
        """The finest level at which a box of the overview is small enough, and the box there."""
        for level in range(self._overview):
            finer = _enlarged(
                box, self._levels[self._overview], self._levels[level], shape_of(self._paths[level])
            )
            if np.prod([side.stop - side.start for side in finer]) <= self._each:
                return level, finer
        return self._overview, box


def _enlarged(
    box: tuple[slice, ...], coarse: Scaling, fine: Scaling, shape: tuple[int, ...]
) -> tuple[slice, ...]:
    """A box of a coarse level in voxels of a finer one, wider by a coarse voxel on each side."""
    factors = [round(a / b) for a, b in zip(coarse.size_nm, fine.size_nm, strict=True)]
    return tuple(
        slice(max(0, (side.start - 1) * factor), min(n, (side.stop + 1) * factor))
        for side, factor, n in zip(box, factors, shape, strict=True)
    )


def fragment(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """Number of vertices, vertices (n, 3) as x, y, z in nm, and triangles (m, 3), all little-endian."""
    points = np.ascontiguousarray(vertices, "<f4").tobytes()
    return struct.pack("<I", len(vertices)) + points + np.ascontiguousarray(triangles, "<u4").tobytes()


def manifest(object_id: int) -> bytes:
    """The list of fragments of an object: its one file."""
    return json.dumps({"fragments": [f"{object_id}.mesh"]}).encode()
