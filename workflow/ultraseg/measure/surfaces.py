"""Surface and contact areas of labels from counts of unlike neighbouring voxels in 13 directions.

The counts add up over slabs. Areas follow from the counts by Crofton's formula; the weight of a direction is the share
of the sphere that lies nearest to it (as in J. Ohser and F. Muecklich, Statistical Analysis of Microstructures in
Materials Science, Wiley 2000, here for voxels of any shape).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from ultraseg.base.tables import empty_table

CACHED = 200_000  # pixels that are compared at a time
Lengths = Sequence[float] | NDArray[np.float64]

# Of the 26 neighbours (dz, dy, dx) of a voxel, one of each pair of opposite ones.
DIRECTIONS = [(0, 0, 1), (0, 1, -1), (0, 1, 0), (0, 1, 1)]
DIRECTIONS += [(1, dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
COUNTS = [f"unlike_{d}" for d in range(len(DIRECTIONS))]
# The columns that count faces of voxels, by the axis that the faces are perpendicular to.
FACES = {"z": COUNTS[DIRECTIONS.index((1, 0, 0))], "y": COUNTS[2], "x": COUNTS[0]}
CONTACT_COLUMNS = ["structure", "id", "other", *COUNTS]
CONTACT_TYPES = dict.fromkeys(CONTACT_COLUMNS, "int64") | {"structure": "str"}


def slice_contacts(
    one: NDArray[np.integer], after: NDArray[np.integer] | None, between: bool = False
) -> pd.DataFrame:
    """Count the unlike neighbours within a slice of labels, and between the slice and the next one.

    one, after: labels (Y, X), 0 = background; ``after`` is None for the last slice of the volume. Returns id, other,
    and one column of counts for each direction. With ``between`` every pair of touching labels has a row, with
    id < other, and every label that touches background has a row with other = 0. Without ``between`` every label has
    one row with other = 0, which counts all neighbours that are not of the label.
    """
    parts = []
    for number, (a, b) in enumerate(_unlike_neighbours(one, after)):
        keys, counts = (_pairs if between else _labels)(a, b)
        parts.append((number, keys, counts))
    pairs = np.unique(np.concatenate([keys for _, keys, _ in parts]))
    table = np.zeros((len(pairs), len(DIRECTIONS)), np.int64)
    for number, keys, counts in parts:
        table[np.searchsorted(pairs, keys), number] = counts
    low, high = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(2**32 - 1)).astype(np.int64)
    # Background is always the other of a pair, never the id.
    found = pd.DataFrame(table, columns=COUNTS)
    found.insert(0, "id", np.where(low == 0, high, low))
    found.insert(1, "other", np.where(low == 0, 0, high))
    return found


def _unlike_neighbours(
    one: NDArray[np.integer], after: NDArray[np.integer] | None
) -> list[tuple[NDArray[np.integer], NDArray[np.integer]]]:
    """The labels of all unlike neighbours in each direction; without a slice after, in those within the slice.

    Some rows are compared in all directions before the next ones: they stay in the processor's cache, and from the
    memory every row comes once.
    """
    directions = [d for d in DIRECTIONS if d[0] == 0 or after is not None]
    flat = [np.ascontiguousarray(labels).reshape(-1) for labels in (one, one if after is None else after)]
    height, width = one.shape
    found: list[tuple[list[NDArray[np.integer]], list[NDArray[np.integer]]]] = [([], []) for _ in directions]
    rows = max(CACHED // max(width, 1), 1)
    unlike = np.empty((min(rows, height), width), bool)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        for (dz, dy, dx), (of_a, of_b) in zip(directions, found, strict=True):
            first, last = max(top, -dy), min(bottom, height - dy)
            left, right = max(0, -dx), width - max(0, dx)
            neighbour = after if dz and after is not None else one
            here = unlike[: last - first]  # whole rows, so that places in it are places in the slice
            here[:, :left], here[:, right:] = False, False
            np.not_equal(
                one[first:last, left:right],
                neighbour[first + dy : last + dy, left + dx : right + dx],
                out=here[:, left:right],
            )
            at = np.flatnonzero(here) + first * width
            of_a.append(flat[0][at])
            of_b.append(flat[dz][at + (dy * width + dx)])
    none = one.reshape(-1)[:0]
    return [(np.concatenate([none, *a]), np.concatenate([none, *b])) for a, b in found]


def _pairs(a: NDArray[np.integer], b: NDArray[np.integer]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys of unordered pairs of labels, the lower label in the upper 32 bits, and how often each pair occurs."""
    low, high = np.minimum(a, b).astype(np.uint64), np.maximum(a, b).astype(np.uint64)
    return np.unique(low << np.uint64(32) | high, return_counts=True)


def _labels(a: NDArray[np.integer], b: NDArray[np.integer]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Keys of pairs of background with each label of either side, and how often each label occurs."""
    largest = int(max(a.max(initial=0), b.max(initial=0)))
    if largest > 2**24:
        ids, counts = np.unique(np.concatenate([a, b]), return_counts=True)
    else:  # organelles are numbered from 1, and counting is quicker than sorting
        tally = np.bincount(a, minlength=largest + 1) + np.bincount(b, minlength=largest + 1)
        ids, counts = np.flatnonzero(tally), tally[tally > 0]
    return ids[ids > 0].astype(np.uint64), counts[ids > 0]


def add_contacts(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Add up tables of contacts, each with its structure; sorted by structure, id, other."""
    table = pd.concat([empty_table(CONTACT_TYPES), *tables], ignore_index=True)
    return table.groupby(CONTACT_COLUMNS[:3], as_index=False)[COUNTS].sum()


def direction_areas(voxel_size: Lengths) -> NDArray[np.float64]:
    """The area that one unlike pair stands for in each direction, in the unit of ``voxel_size`` (z, y, x) squared."""
    from scipy.spatial import SphericalVoronoi  # jobs of slabs only count, and do not wait for it

    steps = np.array(DIRECTIONS) * np.asarray(voxel_size, float)
    lengths = np.linalg.norm(steps, axis=1)
    unit = steps / lengths[:, None]
    shares = SphericalVoronoi(np.concatenate([unit, -unit])).calculate_areas().reshape(2, -1).sum(0) / (
        4 * np.pi
    )
    # Each line along a step has a cross section of (volume of a voxel / length of the step). A surface shows half of
    # its area to the lines, on average over all directions.
    return 2 * shares * np.prod(voxel_size) / lengths


def surfaces(contacts: pd.DataFrame, voxel_size: Lengths) -> pd.DataFrame:
    """Surface areas of every label, indexed by structure and id, in the unit of ``voxel_size`` (z, y, x) squared.

    Columns: ``surface``, the estimate for a smooth surface, and ``faces``, the area of the faces of voxels. The border
    of the volume counts in neither.
    """
    ends = contacts[contacts["other"] > 0].assign(id=lambda table: table["other"])
    sides = pd.concat([contacts, ends]).groupby(["structure", "id"])[COUNTS].sum()
    return pd.DataFrame({"surface": _areas(sides, voxel_size), "faces": _face_areas(sides, voxel_size)})


def contact_areas(contacts: pd.DataFrame, structure: str, voxel_size: Lengths) -> pd.DataFrame:
    """Pairs of touching labels of a structure: id < other, and the areas ``area`` and ``faces`` of their contact.

    ``area`` is the estimate for a smooth surface, ``faces`` the area of the faces of voxels, both as in ``surfaces``.
    """
    pairs = contacts[(contacts["structure"] == structure) & (contacts["other"] > 0)]
    # Labels whose voxels meet at edges and corners only do not touch.
    pairs = pairs[pairs[list(FACES.values())].sum(axis=1) > 0]
    areas = {"area": _areas(pairs, voxel_size), "faces": _face_areas(pairs, voxel_size)}
    found = pairs[["id", "other"]].assign(**areas)
    return found.reset_index(drop=True)


def _areas(counts: pd.DataFrame, voxel_size: Lengths) -> NDArray[np.float64]:
    return counts[COUNTS].to_numpy() @ direction_areas(voxel_size)


def _face_areas(counts: pd.DataFrame, voxel_size: Lengths) -> pd.Series:
    z, y, x = voxel_size
    return counts[FACES["z"]] * (y * x) + counts[FACES["y"]] * (z * x) + counts[FACES["x"]] * (z * y)
