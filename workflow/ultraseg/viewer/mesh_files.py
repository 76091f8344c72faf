"""Surfaces of cells and organelles as files for other programs: PLY, OBJ, and Neuroglancer's precomputed meshes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.files import whole_file
from ultraseg.storage.arrays import look_at
from ultraseg.viewer.mesh import INFO, Mesh, finest_fitting, fragment, levels_of, manifest, surface_of

FORMATS = ("ply", "obj", "precomputed")
CLOSED = ((1, 1),) * 3


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
    for number, (vertices, triangles) in surfaces_of(folder, structure, table, most):
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
) -> Iterator[tuple[int, Mesh]]:
    """Yield id and surface of each object; surfaces are closed, also where the volume ends.

    Objects that are thinner than the voxels of their level may have no voxel there, and are left out.
    """
    levels = levels_of(folder, structure)
    for row in table.to_dict("records"):
        box = tuple(slice(row[f"{axis}_min"], row[f"{axis}_max"] + 1) for axis in "zyx")
        number, part = finest_fitting(levels, box, 0, most, len(levels) - 1)
        inside = look_at(levels[number].path, part) == row["id"]
        if inside.any():
            start = [side.start for side in part]
            yield row["id"], surface_of(inside, start, levels[number].scaling, CLOSED)


def ply(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> bytes:
    """Binary PLY of vertices (n, 3), x, y, z, and triangles (m, 3)."""
    header = (
        "ply\nformat binary_little_endian 1.0\ncomment ultraseg, x y z in micrometres\n"
        f"element vertex {len(vertices)}\nproperty float x\nproperty float y\nproperty float z\n"
        f"element face {len(triangles)}\nproperty list uchar int vertex_indices\nend_header\n"
    )
    faces = np.empty(len(triangles), [("count", "u1"), ("corners", "<i4", 3)])
    faces["count"], faces["corners"] = 3, triangles
    return header.encode() + np.ascontiguousarray(vertices, "<f4").tobytes() + faces.tobytes()


def obj(vertices: NDArray[np.floating], triangles: NDArray[np.integer]) -> bytes:
    """Wavefront OBJ of vertices (n, 3), x, y, z, and triangles (m, 3)."""
    lines = ["# ultraseg, x y z in micrometres"]
    lines += [f"v {x:.6g} {y:.6g} {z:.6g}" for x, y, z in vertices.tolist()]
    lines += [f"f {a} {b} {c}" for a, b, c in (triangles + 1).tolist()]
    return ("\n".join(lines) + "\n").encode()


def _write(file: Path, content: bytes) -> None:
    with whole_file(file) as part:
        Path(part).write_bytes(content)
