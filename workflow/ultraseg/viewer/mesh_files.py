"""Surfaces of cells and organelles as files for other programs: PLY, OBJ, and Neuroglancer's precomputed meshes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.measure import marching_cubes

from ultraseg.base.files import whole_file
from ultraseg.storage.arrays import look_at, shape_of
from ultraseg.storage.ome_read import Scaling, read_scaling
from ultraseg.viewer.mesh import INFO, fragment, manifest

FORMATS = ("ply", "obj", "precomputed")


def write_meshes(
    folder: str | Path,
    structure: str,
    table: pd.DataFrame,
    out: str | Path,
    formats: Sequence[str],
    most: int,
) -> int:
    """Write the surfaces of all objects of a structure of the volume in ``folder`` to ``out``; returns how many.

    ``table``: columns ``id`` and the bounding box (z_min ... x_max). ``most``: voxels around an object; larger ones are
    taken from a coarser level. ``out`` gets ``{id}.ply`` and ``.obj`` in µm, and a folder ``precomputed`` in nm.
    """
    out, count = Path(out), 0
    out.mkdir(parents=True, exist_ok=True)
    if "precomputed" in formats:
        _write(out / "precomputed/info", INFO)
    for number, vertices, triangles in surfaces_of(folder, structure, table, most):
        if "ply" in formats:
            _write(out / f"{number}.ply", ply(vertices / 1000, triangles))
        if "obj" in formats:
            _write(out / f"{number}.obj", obj(vertices / 1000, triangles))
        if "precomputed" in formats:
            _write(out / f"precomputed/{number}:0", manifest(number))
            _write(out / f"precomputed/{number}.mesh", fragment(vertices, triangles))
        count += 1
    return count


def surfaces_of(
    folder: str | Path, structure: str, table: pd.DataFrame, most: int
) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield id, vertices (n, 3) as x, y, z in nm of the full stack, and triangles (m, 3) of each object.

    Surfaces are closed, also where the volume ends, and their normals point outwards.
    """
    group = Path(folder, "image.zarr/labels", structure)
    levels = read_scaling(group)
    shapes = [shape_of(str(group / str(level))) for level in range(len(levels))]
    for row in table.itertuples():
        box = [(getattr(row, f"{axis}_min"), getattr(row, f"{axis}_max") + 1) for axis in "zyx"]
        level, part = _level_of(box, levels, shapes, most)
        inside = look_at(str(group / str(level)), part) == row.id
        if inside.any():  # what is thinner than the voxels of a coarse level may be lost there
            yield row.id, *closed_surface(inside, [side.start for side in part], levels[level])


def closed_surface(
    inside: np.ndarray, start: Sequence[int], scaling: Scaling
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices as x, y, z in nm and triangles around a mask (z, y, x) whose first voxel is ``start`` of its level."""
    vertices, triangles, _, _ = marching_cubes(np.pad(inside, 1), 0.5, gradient_direction="ascent")
    nm = (vertices - 1 + np.asarray(start)) * scaling.size_nm + scaling.first_nm
    # The axes are turned from z, y, x to x, y, z, which mirrors: so does the order of the corners.
    return nm[:, ::-1], triangles[:, ::-1]


def _level_of(
    box: Sequence[tuple[int, int]], levels: Sequence[Scaling], shapes: Sequence[Sequence[int]], most: int
) -> tuple[int, tuple[slice, ...]]:
    """The finest level at which a box of the finest one has at most ``most`` voxels, and the box there."""
    part: tuple[slice, ...] = ()
    for level, (scaling, shape) in enumerate(zip(levels, shapes, strict=True)):
        factors = [round(a / b) for a, b in zip(scaling.size_nm, levels[0].size_nm, strict=True)]
        part = tuple(
            slice(low // f, min(-(-high // f), n))
            for (low, high), f, n in zip(box, factors, shape, strict=True)
        )
        if np.prod([side.stop - side.start for side in part]) <= most:
            return level, part
    return len(levels) - 1, part


def ply(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """Binary PLY of vertices (n, 3), x, y, z, and triangles (m, 3)."""
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment ultraseg, x y z in micrometres\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    return header.encode() + np.ascontiguousarray(vertices, "<f4").tobytes() + faces.tobytes()


def obj(vertices: np.ndarray, triangles: np.ndarray) -> bytes:
    """Wavefront OBJ of vertices (n, 3), x, y, z, and triangles (m, 3)."""
    lines = ["# ultraseg, x y z in micrometres"]
    lines += [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (triangles + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()


def _write(file: Path, content: bytes) -> None:
    with whole_file(file) as part:
        Path(part).write_bytes(content)
