"""Skeletons of cells, and courses of protrusions, as SWC files: trees of points with radii, in µm.

Cells are thinned by kimimaro, which lives in an environment of its own (make extras). The courses of protrusions are in
the tables of the run.
"""

from __future__ import annotations

import importlib.util
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.errors import UserError
from ultraseg.base.files import read_table, write_text
from ultraseg.grid.paths import VolumeFiles
from ultraseg.storage.arrays import describe, read_slices, shape_of
from ultraseg.storage.ome_read import Scaling, read_scaling

ROOT = Path(__file__).parents[3]
INSTALLED = ROOT / ".venv-extras/bin/python"
SCRIPT = Path(__file__).with_name("skeletonise.py")
MOST_VOXELS = 2**27  # labels of so many voxels, and what kimimaro makes of them, take about 4 GB
LEAST_VOXELS = 100  # an object of fewer has no skeleton
UNKNOWN = 0  # kind of a point in SWC: cells of any tissue are of no kind
PROTRUSIONS = "protrusions"


def find_python(package: str = "kimimaro") -> str:
    """The Python that has a package of ``make extras``: that of .venv-extras, or this one. Raises UserError."""
    if INSTALLED.exists():
        return str(INSTALLED)
    # The part before a dot first: Python looks for what is within a package only where it finds the package.
    if all(importlib.util.find_spec(name) for name in dict.fromkeys([package.partition(".")[0], package])):
        return sys.executable
    raise UserError(
        f"{package}, which is needed here, is not installed",
        "Type make extras in the folder of ultraseg: it installs the package into .venv-extras (700 MB).",
    )


def export_swc(folder: Path, names: Sequence[str], out: Path) -> list[str]:
    """Write a SWC file for each object of some structures, and for each protrusion; returns the folders.

    folder: of the volume. Raises UserError where there are no labels, or where kimimaro is missing or fails.
    """
    files = VolumeFiles(str(folder))
    python, written = find_python(), []
    for name in names:
        if name == "image":
            raise UserError("--structures: an image has no skeleton", "Choose structures.")
        scaling, level = _level(files, name)
        found = _thinned(files.labels_level(name, level), scaling.size_nm, python)
        for number, (vertices, edges, radii) in found.items():
            points = (vertices + np.array(scaling.first_nm)) / 1000
            about = (
                f"{name} {number} of volume {folder.name}; skeleton at voxels of {_nm(scaling)} nm (z, y, x)"
            )
            write_text(out / "swc" / name / f"{number}.swc", swc(points, edges, radii / 1000, about))
        written.append(str(out / "swc" / name))
    courses = Path(files.table("courses"))
    if courses.exists():
        written += _courses(
            read_table(courses), read_scaling(files.image)[0], out / "swc" / PROTRUSIONS, folder.name
        )
    return written


def _nm(scaling: Scaling) -> str:
    return " x ".join(f"{size:g}" for size in scaling.size_nm)


def _level(files: VolumeFiles, name: str) -> tuple[Scaling, int]:
    """The finest pyramid level of a structure that memory holds."""
    levels = read_scaling(files.labels(name))
    for number, scaling in enumerate(levels):
        if math.prod(shape_of(files.labels_level(name, number))) <= MOST_VOXELS:
            return scaling, number
    return levels[-1], len(levels) - 1


def _thinned(path: str, size_nm: Sequence[float], python: str) -> dict[int, tuple[NDArray[Any], ...]]:
    """Vertices in nm, edges and radii in nm of each object of an array."""
    shape, dtype, (depth, *_) = describe(path)
    with tempfile.TemporaryDirectory() as scratch:
        labels = np.lib.format.open_memmap(f"{scratch}/labels.npy", mode="w+", dtype=dtype, shape=shape)
        for start in range(0, shape[0], depth):
            labels[start : start + depth] = read_slices(path, start, min(start + depth, shape[0]))
        labels.flush()
        task = {"size_nm": list(size_nm), "ids": None, "least": LEAST_VOXELS}
        write_text(f"{scratch}/task.json", json.dumps(task))
        words = [f"{scratch}/labels.npy", f"{scratch}/task.json", f"{scratch}/result.npz"]
        # -P: no module of ours beside the script may be taken for one of a package.
        done = subprocess.run([python, "-P", str(SCRIPT), *words])
        if done.returncode:
            raise UserError(
                f"kimimaro ended with status {done.returncode} ({path})",
                "See its words above. Where memory is short, stop other programs.",
            )
        with np.load(words[2]) as result:
            ids = sorted({int(key.partition(".")[0]) for key in result.files})
            return {i: tuple(result[f"{i}.{part}"] for part in ("vertices", "edges", "radii")) for i in ids}


def _courses(courses: pd.DataFrame, scaling: Scaling, out: Path, volume: str) -> list[str]:
    """One file for each protrusion, from the points of its course."""
    for (number, cell), points in courses.sort_values("point").groupby(["protrusion", "cell"], sort=True):
        places = points[["z", "y", "x"]].to_numpy(float) * scaling.size_nm + scaling.first_nm
        edges = np.array([(i, i + 1) for i in range(len(places) - 1)]).reshape(-1, 2)
        about = f"protrusion {number} of cell {cell}, volume {volume}; its radius is not known (0)"
        text = swc(places / 1000, edges, np.zeros(len(places)), about)
        write_text(out / f"{number}.swc", text)
    return [str(out)] if len(courses) else []


def swc(points: NDArray[Any], edges: NDArray[Any], radii: NDArray[Any], about: str) -> str:
    """The text of a SWC file. Every part that hangs together becomes a tree of its own.

    points: z, y, x in µm (n, 3); edges: numbers of points (m, 2), without rings; radii in µm (n,).
    """
    order, parents = _trees(len(points), edges)
    place = {vertex: line for line, vertex in enumerate(order, 1)}
    lines = [f"# {about}", "# number, kind, x, y, z, radius (µm), parent"]
    for vertex in order:
        z, y, x = points[vertex]
        parent = place[parents[vertex]] if parents[vertex] >= 0 else -1
        lines.append(f"{place[vertex]} {UNKNOWN} {x:.4f} {y:.4f} {z:.4f} {radii[vertex]:.4f} {parent}")
    return "\n".join(lines) + "\n"


def _trees(count: int, edges: NDArray[Any]) -> tuple[list[int], list[int]]:
    """The points with every parent before its children, and the parent of each point, -1 for a root.

    Roots are ends of lines, where there are any.
    """
    beside: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges.tolist():
        beside[a].append(b)
        beside[b].append(a)
    order: list[int] = []
    parents, seen = [-1] * count, [False] * count
    for root in sorted(range(count), key=lambda vertex: (len(beside[vertex]) != 1, vertex)):
        if seen[root]:
            continue
        seen[root], waiting = True, [root]
        while waiting:
            vertex = waiting.pop()
            order.append(vertex)
            for other in beside[vertex]:
                if not seen[other]:
                    seen[other], parents[other] = True, vertex
                    waiting.append(other)
    return order, parents
